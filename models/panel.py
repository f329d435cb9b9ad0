"""Firm-quarters: the graphs of several vintages, their outcomes, and the sample each row belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.communities import detected_communities
from models.corporate_graph import CorporateGraph, block_diagonal
from models.splits import Deal, dealt_communities, dealt_firms, published_samples
from schemas.errors import NotEnoughData
from schemas.portfolio import PortfolioSpec
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
    """

    graph: CorporateGraph
    quarters: NDArray[np.str_]
    firms: NDArray[np.str_]
    truth: NDArray[np.int64]


def panel(graphs: Sequence[CorporateGraph], outcomes: pl.DataFrame) -> Panel:
    """Stack vintages and join their outcomes (vintage, firm_id, outcome)."""
    quarters = np.concatenate([np.full(graph.size, str(Quarter.of(graph.as_of))) for graph in graphs])
    firms = np.concatenate([graph.firms for graph in graphs])
    rows = pl.DataFrame({"vintage": quarters, "firm_id": firms})
    truth = rows.join(outcomes, on=["vintage", "firm_id"], how="left", maintain_order="left")["outcome"]
    return Panel(block_diagonal(graphs), quarters, firms, truth.fill_null(UNKNOWN).to_numpy().astype(np.int64))


def pooled_communities(graphs: Sequence[CorporateGraph], portfolio: PortfolioSpec) -> dict[str, str]:
    """Return each firm's community in the union of all vintages, so that it keeps one name in all of them."""
    firms, union = pooled_union(graphs)
    found = detected_communities(firms, union, portfolio.graph)
    return dict(zip(firms.tolist(), found.names.tolist(), strict=True))


def pooled_union(graphs: Sequence[CorporateGraph]) -> tuple[NDArray[np.str_], sp.csr_array]:
    """Return the firms of any vintage, ascending, and the pattern of who was related to whom in any of them."""
    firms = np.unique(np.concatenate([graph.firms for graph in graphs]))
    total = sp.csr_array((len(firms), len(firms)), dtype=np.float64)
    for graph in graphs:
        at = np.searchsorted(firms, graph.firms)
        edges = graph.union().tocoo()
        total = total + sp.csr_array((edges.data, (at[edges.row], at[edges.col])), shape=total.shape)
    total = sp.csr_array(total)
    total.data = np.ones_like(total.data)
    total.sort_indices()
    return firms, total


def dealt_samples(
    rows: Panel,
    communities: Mapping[str, str],
    published: pl.Series | None,
    portfolio: PortfolioSpec,
    out_of_time: Quarter | None,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Deal every firm-quarter into a sample, once for each scheme.

    Parameters
    ----------
    published
        The data set's own split value of each row, where there is one.

    Returns
    -------
    rows
        scheme, quarter, firm_id, community, sample; each scheme in the order of the panel.
    missing
        Why a sample could not be formed.
    """
    missing: dict[str, str] = {}
    parts = []
    for scheme in portfolio.split.schemes:
        if scheme is Scheme.PUBLISHED and published is not None and portfolio.split.published is not None:
            samples = published_samples(published, portfolio.split.published)
        else:
            samples, why = _community_samples(rows, communities, portfolio, out_of_time)
            missing |= why
        samples = pl.select(
            pl.when(pl.Series(rows.truth) == UNKNOWN).then(pl.lit(str(Sample.EXCLUDED))).otherwise(samples)
        ).to_series()
        parts.append(
            pl.DataFrame(
                {
                    "scheme": pl.Series([str(scheme)] * len(rows.truth), dtype=pl.String),
                    "quarter": rows.quarters,
                    "firm_id": rows.firms,
                    "community": [communities[firm] for firm in rows.firms.tolist()],
                    "sample": samples,
                }
            )
        )
        _refuse_thin(parts[-1], rows, portfolio)
    return pl.concat(parts), missing


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


def _community_samples(
    rows: Panel, communities: Mapping[str, str], portfolio: PortfolioSpec, out_of_time: Quarter | None
) -> tuple[pl.Series, dict[str, str]]:
    later = rows.quarters == str(out_of_time)
    learnt = (rows.truth != UNKNOWN) & ~later
    firms, inverse = np.unique(rows.firms, return_inverse=True)
    counts = np.bincount(inverse, weights=learnt, minlength=len(firms)).astype(np.float64)
    outcomes = np.bincount(inverse, weights=np.where(learnt, rows.truth, 0), minlength=len(firms)).astype(np.float64)
    groups = np.array([communities[firm] for firm in firms.tolist()])
    deal = dealt_communities(groups, outcomes, counts, portfolio.split)
    keys = [communities[firm] for firm in rows.firms.tolist()]
    if not deal.samples:
        deal = Deal(dealt_firms(firms[counts > 0], portfolio.split).samples, deal.missing)
        keys = rows.firms.tolist()
    samples = [
        str(Sample.OUT_OF_TIME if is_later else deal.samples.get(key, Sample.EXCLUDED))
        for key, is_later in zip(keys, later.tolist(), strict=True)
    ]
    return pl.Series(samples, dtype=pl.String), dict(deal.missing)


def _refuse_thin(dealt: pl.DataFrame, rows: Panel, portfolio: PortfolioSpec) -> None:
    for sample in (Sample.DEVELOPMENT, Sample.VALIDATION):
        truth = rows.truth[(dealt["sample"] == str(sample)).to_numpy()]
        classes = [portfolio.target.classes[index] for index in np.unique(truth)]
        if len(classes) < 2:
            raise NotEnoughData(
                f"The {sample} sample has outcomes of one class only.",
                expected=f"at least two of the classes {', '.join(portfolio.target.classes)}",
                found=f"{len(truth):,} firm-quarters, all {classes[0]!r}" if classes else "no firm-quarter",
                way_out="deliver more outcomes, take more `development_vintages`, or change the shares under `split`",
            )
