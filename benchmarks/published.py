"""Tables of published data: our rows, means over seeds, beside the published ones.

A benchmark of published data selects on validation alone and marks what it selected, one row a sample, as `chosen`; the
targets are held against those rows (and against rows that a target names), not against the best of many on test.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from benchmarks.recording import document, record

Family = Literal["tabular", "neighbour", "gnn", "ensemble"]
Row = dict[str, Any]

#: in a row's order; each has its standard deviation over seeds beside it
MEASURES = ("auc", "f1", "macro_f1", "accuracy", "mcc")


def row(
    sample: str,
    model: str,
    family: Family,
    runs: Sequence[Mapping[str, float]],
    *,
    chosen: bool = False,
    **facts: float | str | None,
) -> Row:
    """Return one row: mean and standard deviation over runs of each measure they have.

    Parameters
    ----------
    runs
        The measures of each seed (or draw), on this sample.
    facts
        What else the row tells, as it stands: what the model saw, its AUC on validation, the settings chosen.
    """
    told: Row = {"sample": sample, "model": model, "family": family, "chosen": chosen, "runs": len(runs)}
    for measure in MEASURES:
        values = [run[measure] for run in runs if measure in run]
        if values:
            told[measure] = statistics.fmean(values)
            told[f"{measure}_sd"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return told | facts


def write(
    name: str,
    rows: Sequence[Row],
    published: Sequence[Row],
    *,
    seeds: list[int],
    reach: Sequence[Mapping[str, Any]],
    measures: Sequence[str] = MEASURES,
    **more: Any,
) -> None:
    """Write `results/<name>.json` and the table between its marks in `docs/benchmarks.md`.

    Parameters
    ----------
    published
        Rows of the publication, with the measures it has and `model` and `sample`.
    reach
        Lines of `benchmarks.recording.reached`.
    measures
        The columns of the table.

    Raises
    ------
    ValueError
        If a sample has not exactly one chosen row.
    """
    samples = list(dict.fromkeys(one["sample"] for one in rows))
    for sample in samples:
        chosen = [one["model"] for one in rows if one["sample"] == sample and one["chosen"]]
        if len(chosen) != 1:
            raise ValueError(f"sample {sample} of {name} needs one chosen row, found {chosen}")
    kept = {"rows": list(rows), "published": list(published), "reach": list(reach), **more}
    record(name, kept, seeds=seeds)
    document(
        name, "\n\n".join([*(_table(sample, rows, published, measures) for sample in samples), targets_table(reach)])
    )


def _table(sample: str, rows: Sequence[Row], published: Sequence[Row], measures: Sequence[str]) -> str:
    head = ["model", "family", *measures]
    lines = [
        [f"**{one['model']}** (chosen)" if one["chosen"] else one["model"], one["family"]]
        + [_mean(one, measure) for measure in measures]
        for one in sorted(rows, key=lambda one: -one.get("auc", one.get("accuracy", 0.0)))
        if one["sample"] == sample
    ]
    lines += [
        [f"{one['model']}, published", one.get("family", "")] + [_mean(one, measure) for measure in measures]
        for one in published
        if one["sample"] == sample
    ]
    return f"Sample `{sample}`:\n\n" + markdown(head, lines)


def _mean(one: Row, measure: str) -> str:
    if one.get(measure) is None:
        return ""
    spread = one.get(f"{measure}_sd")
    return f"{one[measure]:.3f}" + (f" ± {spread:.3f}" if spread else "")


def targets_table(reach: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of targets, what was measured, and whether it was reached."""
    lines = []
    for one in reach:
        least = "at_least" in one
        limit, value = one["at_least" if least else "at_most"], one["value"]
        met = value is not None and (value >= limit if least else value <= limit)
        shown = "not measured" if value is None else f"{value:.3f}"
        lines.append(
            [one["what"], shown, f"{'at least' if least else 'at most'} {limit:g}", "reached" if met else "missed"]
        )
    return markdown(["target", "measured", "asked", ""], lines)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
