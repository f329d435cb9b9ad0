"""Judging a refresh: scores of the quarter, fairness, drift against the quarter before, gates."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.graph_codec import graph_from_bytes
from models.scoring import favourable, predicted_classes, unfavourable_probability
from monitoring.calibration import excess_calibration_gap
from monitoring.fairness import adverse_impact
from monitoring.feature_drift import feature_drift
from monitoring.gates import judged_gates, verdict
from monitoring.graph_drift import graph_drift
from schemas.references import Evidence, FileRef, JudgementRef, PanelRef, RefreshRun
from schemas.results import AdmissionResult, Drift, Evaluation, GroupFairness, Judged, SplitResult
from schemas.terms import GATED_SAMPLES, Judgement, Sample
from tasks.catalogue import open_catalogue
from tasks.evaluation import read_contest
from tasks.graphs import read_graph
from tasks.lake import published_graph, read_file, read_frame, read_json, verify_folder, write_frame, write_json
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage

_FIRST = "no earlier quarter has been published"


@stage("judge")
def judge(run: RefreshRun, evidence: Evidence, evaluation_ref: FileRef) -> JudgementRef:
    """Score the quarter with the chosen candidate and hold everything against the gates."""
    home = Path(run.home)
    evaluation = read_json(home, evaluation_ref, Evaluation)
    scores = _scores(home, run, evidence, evaluation)
    fairness = _fairness(home, run, evidence.panel, scores)
    features, graph = _drifts(home, run, evidence.panel)
    gates = judged_gates(
        run.portfolio,
        admission=read_json(home, evidence.admission.evidence, AdmissionResult),
        split=read_json(home, evidence.split.summary, SplitResult),
        evaluation=evaluation,
        calibration=_calibration(home, run, evidence, evaluation),
        fairness=fairness,
        feature_drift=features,
        graph_drift=graph,
    )
    judged = Judged(
        fairness=fairness,
        feature_drift=features,
        graph_drift=graph,
        gates=gates,
        verdict=verdict(evaluation, gates),
    )
    counts = {kind: sum(gate.verdict is kind for gate in gates) for kind in Judgement}
    note(", ".join(f"{count} {kind}" for kind, count in counts.items()) + f": {judged.verdict.outcome}")
    return JudgementRef(
        evaluation=evaluation_ref,
        judged=write_json(home, f"{run.work}/judgement.json", judged),
        scores=write_frame(home, f"{run.work}/scores.parquet", scores),
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


def _fairness(home: Path, run: RefreshRun, panel_ref: PanelRef, scores: pl.DataFrame) -> tuple[GroupFairness, ...]:
    attributes = read_frame(home, panel_ref.attributes).filter(pl.col("quarter") == str(run.quarter))
    aligned = scores.select("firm_id").join(attributes, on="firm_id", how="left", maintain_order="left")
    return adverse_impact(
        aligned,
        scores["favourable"].to_numpy(),
        run.portfolio.protected_columns,
        least_group_size=run.portfolio.gates.least_group_size,
    )


def _drifts(home: Path, run: RefreshRun, panel_ref: PanelRef) -> tuple[Drift, Drift]:
    before = open_catalogue(settings().database_url).latest_published(run.portfolio.name, before=run.quarter)
    if before is None:
        nothing = Drift(expected_quarter=None, reason=_FIRST)
        return nothing, nothing
    manifest = verify_folder(home, before.folder, before.manifest_sha256)
    expected = graph_from_bytes(read_file(home, published_graph(before.folder, manifest)))
    actual = read_graph(home, panel_ref.current)
    return feature_drift(expected, actual, run.portfolio), graph_drift(expected, actual, run.portfolio.gates)
