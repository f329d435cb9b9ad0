"""Firm-quarters: the graphs of several vintages and their outcomes, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, block_diagonal
from schemas.results import SampleSummary, SplitResult
from schemas.terms import TEST_SAMPLES, Quarter, Sample, Scheme

#: outcome of a firm-quarter that has none
UNKNOWN = -1


@dataclass(frozen=True)
class Panel:
    """All vintages side by side; n firm-quarters.

    Attributes
    ----------
    graph
        `block_diagonal` of the vintages' graphs.
    quarters, firms : (n,) str
    truth : (n,) int64
        Class index, -1 where no outcome is known.
    grades : (n,) int64, optional
        Index of the finer grade, -1 where no outcome is known; None where the portfolio has no grades.
    """

    graph: CorporateGraph
    quarters: NDArray[np.str_]
    firms: NDArray[np.str_]
    truth: NDArray[np.int64]
    grades: NDArray[np.int64] | None = None


def panel(graphs: Sequence[CorporateGraph], outcomes: pl.DataFrame) -> Panel:
    """Stack vintages and join their outcomes (vintage, firm_id, outcome, and grade where there are grades)."""
    quarters = np.concatenate([np.full(graph.size, str(Quarter.of(graph.as_of))) for graph in graphs])
    firms = np.concatenate([graph.firms for graph in graphs])
    rows = pl.DataFrame({"vintage": quarters, "firm_id": firms})
    known = rows.join(outcomes, on=["vintage", "firm_id"], how="left", maintain_order="left")
    found = {
        name: known[name].fill_null(UNKNOWN).to_numpy().astype(np.int64)
        for name in ("outcome", "grade")
        if name in known.columns
    }
    return Panel(block_diagonal(graphs), quarters, firms, found["outcome"], found.get("grade"))


def split_summary(split: pl.DataFrame, rows: Panel, missing: Mapping[str, str], classes: Sequence[str]) -> SplitResult:
    """Count every sample of every scheme."""
    summaries = []
    for scheme in split["scheme"].unique(maintain_order=True):
        dealt = split.filter(pl.col("scheme") == scheme).with_columns(outcome=pl.Series(rows.truth))
        for sample in (Sample.DEVELOPMENT, Sample.VALIDATION, *TEST_SAMPLES):
            part = dealt.filter(pl.col("sample") == str(sample))
            if part.is_empty():
                continue
            counts = np.bincount(part["outcome"].to_numpy(), minlength=len(classes))
            summaries.append(
                SampleSummary(
                    scheme=Scheme(scheme),
                    sample=sample,
                    firm_quarters=part.height,
                    firms=part["firm_id"].n_unique(),
                    communities=part["community"].n_unique(),
                    vintages=tuple(Quarter.parse(quarter) for quarter in sorted(part["quarter"].unique())),
                    outcomes={name: int(count) for name, count in zip(classes, counts, strict=True)},
                )
            )
    return SplitResult(samples=tuple(summaries), missing=dict(missing))
