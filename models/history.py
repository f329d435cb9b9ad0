"""A firm's own past as inputs: its last known outcomes, and how its features have moved.

Each vintage sees the past as it was known at its own end. An outcome of vintage v is published `horizon` quarters after
v, so that the last one a firm of vintage t can be known by is that of t - horizon: never its own, and never one whose
window was still open.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from models.corporate_graph import Columns, CorporateGraph, FloatMatrix, known_features
from models.knowledge import closed_outcomes
from schemas.history import HistorySpec
from schemas.portfolio import PortfolioSpec
from schemas.terms import Kind, Quarter


def history_columns(
    graph: CorporateGraph, tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, spec: HistorySpec
) -> Columns:
    """Return the group of inputs `history` of one quarter's graph.

    Parameters
    ----------
    tables
        Admitted ``firms``, ``filings`` where there are any, and ``outcomes``; rows published after the graph's
        `as_of` are not looked at.

    Returns
    -------
    Columns
        For each of the last outcomes a column a class, 1 in the class it was, all NaN if it is not known; then for
        each distance the changes of the numeric features, NaN where either value is not known.
    """
    parts = [
        *(_outcome(graph, tables["outcomes"], portfolio, place) for place in range(spec.outcomes)),
        *(_change(graph, tables, portfolio, quarters) for quarters in spec.changes),
    ]
    names = tuple(name for part in parts for name in part.names)
    return Columns(np.concatenate([part.values for part in parts], axis=1), names)


def _outcome(graph: CorporateGraph, outcomes: pl.DataFrame, portfolio: PortfolioSpec, place: int) -> Columns:
    target = portfolio.target
    vintage = Quarter.of(graph.as_of).shifted(-target.horizon_quarters - place)
    known = closed_outcomes(outcomes, vintage, graph.as_of).select("firm_id", "outcome")
    last = _of_firms(graph, known)["outcome"]
    columns = [(last == name).cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in target.classes]
    distance = target.horizon_quarters + place
    return Columns(
        np.stack(columns, axis=1), tuple(f"outcome {distance} quarters before: {name}" for name in target.classes)
    )


def _change(
    graph: CorporateGraph, tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, quarters: int
) -> Columns:
    words = {
        f"{column.name}={value}"
        for column in portfolio.feature_columns
        if column.kind is Kind.CATEGORY
        for value in column.values
    }
    places = [place for place, name in enumerate(graph.feature_names) if name not in words]
    before = _values_then(graph, tables, portfolio, Quarter.of(graph.as_of).shifted(-quarters))
    return Columns(
        graph.features[:, places] - before[:, places],
        tuple(f"{graph.feature_names[place]}: change over {quarters} quarters" for place in places),
    )


def _values_then(
    graph: CorporateGraph, tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, quarter: Quarter
) -> FloatMatrix:
    firms, values, _ = known_features(tables, portfolio, quarter.end)
    rows = pl.DataFrame({"firm_id": firms, "then": np.arange(len(firms))})
    then = _of_firms(graph, rows)["then"].fill_null(len(firms)).to_numpy()
    return np.asarray(np.concatenate([values, np.full((1, values.shape[1]), np.nan)])[then])


def _of_firms(graph: CorporateGraph, rows: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"firm_id": graph.firms}).join(rows, on="firm_id", how="left", maintain_order="left")
