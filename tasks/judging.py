"""Judging a refresh: scores of the quarter, fairness, drift against the quarter before, gates."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.scoring import favourable, predicted_classes, unfavourable_probability
from monitoring.calibration import excess_calibration_gap
from monitoring.fairness import adverse_impact
from monitoring.gates import judged_gates, verdict
from monitoring.score_drift import with_scores
from schemas.references import Evidence, FileRef, JudgementRef, RefreshRun
from schemas.results import AdmissionResult, Evaluation, GroupFairness, Judged, SplitResult
from schemas.terms import GATED_SAMPLES, Judgement, Sample
from tasks.edge_stability import measured_edge_stability
from tasks.evaluation import read_contest
from tasks.graphs import read_graph
from tasks.lake import read_frame, read_json, write_frame, write_json
from tasks.monitored_quarters import JUDGEMENT, monitored
from tasks.progress import note
from tasks.reasons import written_reasons
from tasks.score_drifts import SCORE_DRIFT, SCORES, compared_scores
from tasks.stage import stage


@stage("judge")
def judge(run: RefreshRun, evidence: Evidence, evaluation_ref: FileRef) -> JudgementRef:
    """Score the quarter with the chosen candidate and hold everything against the gates."""
    home = Path(run.home)
    evaluation = read_json(home, evaluation_ref, Evaluation)
    scores = _scores(home, run, evidence, evaluation)
    current = read_graph(home, evidence.panel.current)
    attributes = read_frame(home, evidence.panel.attributes).filter(pl.col("quarter") == str(run.quarter))
    fairness = _fairness(run, attributes, scores)
    compared = monitored(home, run.portfolio, current, attributes, evidence.admission.tables)
    steady = measured_edge_stability(run, evidence, evaluation, current, _aligned(scores, attributes))
    moved = compared_scores(home, run.portfolio, current, scores, evaluation.chosen)
    gates = judged_gates(
        run.portfolio,
        admission=read_json(home, evidence.admission.evidence, AdmissionResult),
        split=read_json(home, evidence.split.summary, SplitResult),
        evaluation=evaluation,
        calibration=_calibration(home, run, evidence, evaluation),
        fairness=fairness,
        feature_drift=compared.features,
        graph_drift=compared.graph,
        monitoring=compared.quarter,
        edge_stability=steady[0],
    )
    judged = Judged(
        fairness=fairness,
        feature_drift=compared.features,
        graph_drift=compared.graph,
        gates=gates,
        verdict=verdict(evaluation, gates),
        monitoring=compared.quarter and with_scores(compared.quarter, moved.measures, compared.earlier, run.portfolio),
        edge_stability=steady,
        score_drift=moved.drift,
    )
    counts = {kind: sum(gate.verdict is kind for gate in gates) for kind in Judgement}
    reasons, reason_summary = written_reasons(home, run, evidence, evaluation, scores)
    note(", ".join(f"{count} {kind}" for kind, count in counts.items()) + f": {judged.verdict.outcome}")
    return JudgementRef(
        evaluation=evaluation_ref,
        judged=write_json(home, f"{run.work}/{JUDGEMENT}", judged),
        scores=write_frame(home, f"{run.work}/{SCORES}", scores),
        score_drift=None if moved.firms is None else write_frame(home, f"{run.work}/{SCORE_DRIFT}", moved.firms),
        reasons=reasons,
        reason_summary=reason_summary,
    )


def _scores(home: Path, run: RefreshRun, evidence: Evidence, evaluation: Evaluation) -> pl.DataFrame:
    target = run.portfolio.target
    model = evidence.model(evaluation.chosen, run.portfolio.primary_scheme)
    probabilities = read_frame(home, model.quarter_probabilities).to_numpy()
    threshold = next(c.threshold for c in evaluation.candidates if c.name == evaluation.chosen)
    classes = predicted_classes(probabilities, target, threshold)
    return pl.DataFrame(
        {
            "firm_id": read_graph(home, evidence.panel.current).firms,
            "unfavourable_probability": unfavourable_probability(probabilities, target),
            "predicted_class": [target.classes[index] for index in classes.tolist()],
            "favourable": favourable(classes, target),
        }
    )


def _calibration(home: Path, run: RefreshRun, evidence: Evidence, evaluation: Evaluation) -> dict[Sample, float | None]:
    contest, target = read_contest(home, run, evidence), run.portfolio.target
    gaps: dict[Sample, float | None] = {}
    for sample, scheme in contest.judged_under():
        if sample in GATED_SAMPLES:
            rows = contest.sample_rows(sample, scheme)
            estimate = unfavourable_probability(rows.probabilities[evaluation.chosen], target)
            gaps[sample] = excess_calibration_gap(~favourable(rows.truth, target), estimate)
    return gaps


def _fairness(run: RefreshRun, attributes: pl.DataFrame, scores: pl.DataFrame) -> tuple[GroupFairness, ...]:
    return adverse_impact(
        _aligned(scores, attributes),
        scores["favourable"].to_numpy(),
        run.portfolio.protected_columns,
        least_group_size=run.portfolio.gates.least_group_size,
    )


def _aligned(scores: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """Return the firms' attributes in the order of their scores, which is that of the graph."""
    return scores.select("firm_id").join(attributes, on="firm_id", how="left", maintain_order="left")
