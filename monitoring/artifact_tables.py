"""Candidates, gates and fairness as rows for Prefect's pages, whose tables print a float with all its digits."""

from __future__ import annotations

from monitoring import filters
from monitoring.documents import samples_shown
from schemas.results import Evaluation, GateResult, GroupFairness

_DECIMALS = 3
Row = dict[str, str | float | None]


def candidate_rows(evaluation: Evaluation) -> list[Row]:
    """Return a row a candidate, from simple to complex: its AUC on each sample, the samples that count first."""
    samples = samples_shown(sample for candidate in evaluation.candidates for sample in candidate.samples)
    rows: list[Row] = []
    for one in evaluation.candidates:
        row: Row = {
            "candidate": filters.prose(one.name),
            "chosen": "yes" if one.name == evaluation.chosen else "",
            "kind": one.kind,
            "inputs": one.inputs,
        }
        for sample in samples:
            found = one.samples[sample].metrics.get("auc") if sample in one.samples else None
            row[f"AUC {filters.words(sample)}"] = _rounded(found.value if found else None)
        rows.append(row)
    return rows


def gate_rows(gates: tuple[GateResult, ...]) -> list[Row]:
    """Return a row a gate, in the order they were judged."""
    return [
        {
            "gate": filters.prose(filters.words(gate.gate)),
            "verdict": filters.words(gate.verdict),
            "value": _rounded(gate.value),
            "limit": "" if gate.limit is None else f"{gate.comparison} {gate.limit:g}",
            "reason": filters.prose(gate.reason),
        }
        for gate in gates
    ]


def fairness_rows(groups: tuple[GroupFairness, ...]) -> list[Row]:
    """Return a row a group of a protected attribute."""
    return [
        {
            "attribute": filters.prose(group.attribute),
            "group": filters.prose(group.group),
            "compared with": filters.prose(group.reference),
            "firms": group.firms,
            "favourable rate": _rounded(group.favourable_rate),
            "impact ratio": _rounded(group.impact_ratio),
            "reason": filters.prose(group.reason),
        }
        for group in groups
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
