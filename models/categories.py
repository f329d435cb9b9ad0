"""Categories of the firms as small integers: what homophily and the composition of communities are counted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.corporate_graph import CorporateGraph, IntVector
from schemas.portfolio import ColumnSpec, PortfolioSpec, TargetSpec
from schemas.terms import Kind

#: code of a firm whose value is not known
UNKNOWN = -1
#: name of the category of outcomes; no column can be called so, for it has a space
KNOWN_OUTCOME = "known outcome"


@dataclass(frozen=True)
class Category:
    """One attribute of the firms with a closed list of values.

    Attributes
    ----------
    codes : (n,) int64
        Position in `values` of each firm's own, -1 where it is not known.
    """

    name: str
    values: tuple[str, ...]
    codes: IntVector


def categories(graph: CorporateGraph, attributes: pl.DataFrame, portfolio: PortfolioSpec) -> tuple[Category, ...]:
    """Return every category of the firms of a graph: protected attributes first, then categorical features.

    Parameters
    ----------
    attributes
        ``firm_id`` and the protected columns; firms of other quarters do no harm, each firm once.
    """
    aligned = pl.DataFrame({"firm_id": graph.firms}).join(
        attributes, on="firm_id", how="left", maintain_order="left", validate="m:1"
    )
    protected = [Category(c.name, c.values, _protected(aligned[c.name], c.values)) for c in portfolio.protected_columns]
    features = [
        Category(column.name, column.values, _one_hot(graph, column))
        for column in portfolio.feature_columns
        if column.kind is Kind.CATEGORY
    ]
    return (*protected, *features)


def known_outcome(graph: CorporateGraph, outcomes: pl.DataFrame, target: TargetSpec) -> Category:
    """Return the known outcomes of one vintage as a category of its firms.

    Parameters
    ----------
    outcomes
        ``firm_id, outcome`` (class index) of the vintage, a row a firm.
    """
    found = pl.DataFrame({"firm_id": graph.firms}).join(
        outcomes.select("firm_id", "outcome"), on="firm_id", how="left", maintain_order="left", validate="m:1"
    )
    return Category(KNOWN_OUTCOME, target.classes, found["outcome"].fill_null(UNKNOWN).cast(pl.Int64).to_numpy())


def _protected(texts: pl.Series, values: Sequence[str]) -> IntVector:
    codes = {value: code for code, value in enumerate(values)}
    return texts.replace_strict(codes, default=UNKNOWN, return_dtype=pl.Int64).to_numpy()


def _one_hot(graph: CorporateGraph, column: ColumnSpec) -> IntVector:
    """Read a category back from its columns of the feature matrix; all of them NaN is a value not known."""
    places = [graph.feature_names.index(f"{column.name}={value}") for value in column.values]
    block = graph.features[:, places] == 1.0
    return np.where(block.any(axis=1), block.argmax(axis=1), UNKNOWN).astype(np.int64)
