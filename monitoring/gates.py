"""Gates: each holds one value against one limit. What cannot be assessed is neither a pass nor a failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from monitoring.fairness import worst_ratio
from schemas.monitoring import AlarmKind, QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.results import (
    AdmissionResult,
    CandidateResult,
    Drift,
    Evaluation,
    GateResult,
    GroupFairness,
    SplitResult,
    Verdict,
)
from schemas.specs import GatesSpec
from schemas.stability import Change, EdgeStability
from schemas.terms import GATED_SAMPLES, Judgement, Sample, Scheme

Comparison = Literal["at least", "at most"]


def gate(name: str, value: float | None, limit: float, comparison: Comparison, reason: str = "") -> GateResult:
    """Hold a value against a limit; None is not assessable and needs a reason."""
    if value is None:
        return GateResult(
            gate=name,
            value=None,
            limit=limit,
            comparison=comparison,
            verdict=Judgement.NOT_ASSESSABLE,
            reason=reason or "the value could not be computed",
        )
    kept = value >= limit if comparison == "at least" else value <= limit
    return GateResult(
        gate=name,
        value=value,
        limit=limit,
        comparison=comparison,
        verdict=Judgement.PASS if kept else Judgement.FAIL,
        reason=reason,
    )


def judged_gates(
    portfolio: PortfolioSpec,
    *,
    admission: AdmissionResult,
    split: SplitResult,
    evaluation: Evaluation,
    calibration: Mapping[Sample, float | None],
    fairness: tuple[GroupFairness, ...],
    feature_drift: Drift,
    graph_drift: Drift,
    edge_stability: EdgeStability,
    monitoring: QuarterMonitoring | None = None,
) -> tuple[GateResult, ...]:
    """Return every gate of a refresh.

    `calibration` has the chosen candidate's `monitoring.calibration.excess_calibration_gap` on each test sample;
    `edge_stability` is that candidate's too. `feature_drift` and `graph_drift` are held against fixed limits; where
    `monitoring` has limits from the earlier quarters, its alarms count instead, so that what ordinarily moves stops
    nobody.
    """
    limits = portfolio.gates
    unmet = sum(not expectation.met for expectation in admission.expectations)
    return (
        gate("expectations unmet", float(unmet), 0.0, "at most", f"of {len(admission.expectations)} expectations"),
        *_discrimination(portfolio, split, evaluation),
        _edge_stability(portfolio, edge_stability),
        *_calibration(portfolio, split, calibration),
        gate(
            "leakage gap",
            evaluation.leakage_gap.value,
            limits.maximum_leakage_gap,
            "at most",
            evaluation.leakage_reason,
        ),
        *_fairness(portfolio, fairness),
        _feature_drift(limits, feature_drift, monitoring),
        _graph_drift(limits, graph_drift, monitoring),
    )


def verdict(evaluation: Evaluation, gates: Iterable[GateResult]) -> Verdict:
    """Sum the gates up: one failure fails the refresh."""
    failed = [result.gate for result in gates if result.verdict is Judgement.FAIL]
    outcome: Literal["passed", "failed"] = "failed" if failed else "passed"
    summary = (
        f"{evaluation.chosen} fails {len(failed)} gate{'s' if len(failed) > 1 else ''}: {'; '.join(failed)}."
        if failed
        else f"{evaluation.chosen} passes every gate that can be assessed."
    )
    return Verdict(
        outcome=outcome,
        chosen=evaluation.chosen,
        summary=summary,
        graph_helped=evaluation.graph.helped,
        graph_reason=evaluation.graph.reason,
    )


def _feature_drift(limits: GatesSpec, drift: Drift, monitoring: QuarterMonitoring | None) -> GateResult:
    judged = _held_against_earlier_quarters(monitoring, "feature")
    share = (
        len({one.subject for one in judged if one.alarmed}) / len({one.subject for one in judged}) if judged else None
    )
    return gate(
        "feature drift: share of drifted columns",
        drift.drifted_share if share is None else share,
        limits.drifted_feature_share,
        "at most",
        drift.reason if share is None else "limits from the earlier quarters",
    )


def _graph_drift(limits: GatesSpec, drift: Drift, monitoring: QuarterMonitoring | None) -> GateResult:
    judged = _held_against_earlier_quarters(monitoring, "graph")
    if judged:
        rang = sum(one.alarmed for one in judged)
        return gate(
            "graph drift: alarms", float(rang), 0.0, "at most", f"of {len(judged)} limits from the earlier quarters"
        )
    worst = max((c.value for c in drift.columns if c.value is not None), default=None)
    return gate("graph drift: largest shift", worst, limits.graph_drift_limit, "at most", drift.reason)


def _held_against_earlier_quarters(monitoring: QuarterMonitoring | None, kind: AlarmKind) -> list[Reading]:
    readings = monitoring.readings if monitoring else ()
    return [one for one in readings if one.kind == kind and one.expected is not None and one.limit is not None]


def _discrimination(portfolio: PortfolioSpec, split: SplitResult, evaluation: Evaluation) -> Iterator[GateResult]:
    chosen = next(candidate for candidate in evaluation.candidates if candidate.name == evaluation.chosen)
    validation = _auc(chosen, Sample.VALIDATION)
    for sample in _judged_samples(portfolio):
        auc = _auc(chosen, sample)
        reason = "" if auc is not None else split.missing.get(sample, "the sample has outcomes of one class only")
        yield gate(f"discrimination (AUC): {sample}", auc, portfolio.gates.minimum_auc, "at least", reason)
        drop = None if auc is None or validation is None else validation - auc
        reason = reason or ("" if drop is not None else "no AUC on validation")
        yield gate(
            f"stability (AUC lost since validation): {sample}",
            drop,
            portfolio.gates.maximum_auc_drop,
            "at most",
            reason,
        )


def _edge_stability(portfolio: PortfolioSpec, found: EdgeStability) -> GateResult:
    name, limit = "stability (firms whose class one edge turns, worst case)", portfolio.gates.maximum_flip_share
    if not portfolio.linking_relations:
        return gate(name, None, limit, "at most", "the portfolio declares no relation")
    if not found.reads_graph:
        return gate(name, 0.0, limit, "at most", f"{found.candidate} reads no edge, so that none can turn it")
    if found.reason:
        return gate(name, None, limit, "at most", found.reason)
    worst = found.flips_of(Change.WORST)[0]
    return gate(name, worst.flipped.value, limit, "at most", f"of {found.firms:,} firms drawn from {found.of:,}")


def _calibration(
    portfolio: PortfolioSpec, split: SplitResult, gaps: Mapping[Sample, float | None]
) -> Iterator[GateResult]:
    for sample in _judged_samples(portfolio):
        gap = gaps.get(sample)
        reason = "" if gap is not None else split.missing.get(sample, "the sample has no outcome")
        yield gate(
            f"calibration (gap of the mean beyond chance): {sample}",
            gap,
            portfolio.gates.maximum_calibration_gap,
            "at most",
            reason,
        )


def _judged_samples(portfolio: PortfolioSpec) -> list[Sample]:
    # These are only there if a scheme defines them; the others are missed where they are missing.
    defined_by = {Sample.PUBLISHED_TEST: Scheme.PUBLISHED, Sample.UNSEEN_FIRMS: Scheme.ENTITY}
    schemes = portfolio.split.schemes
    return [sample for sample in GATED_SAMPLES if defined_by.get(sample, schemes[0]) in schemes]


def _auc(candidate: CandidateResult, sample: Sample) -> float | None:
    result = candidate.samples.get(sample)
    return result.metrics["auc"].value if result else None


def _fairness(portfolio: PortfolioSpec, groups: tuple[GroupFairness, ...]) -> Iterator[GateResult]:
    limit = portfolio.gates.minimum_impact_ratio
    if not portfolio.protected_columns:
        yield gate("fairness (adverse impact ratio)", None, limit, "at least", "no protected attribute is delivered")
    for column in portfolio.protected_columns:
        worst = worst_ratio(groups, column.name)
        reason = (
            f"{worst.group} against {worst.reference}"
            if worst
            else "; ".join(f"{g.group}: {g.reason}" for g in groups if g.attribute == column.name and g.reason)
        )
        yield gate(
            f"fairness (adverse impact ratio): {column.name}",
            worst.impact_ratio if worst else None,
            limit,
            "at least",
            reason,
        )
