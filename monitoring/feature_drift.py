"""Feature drift: how far the firms' own numbers moved since the quarter published before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.corporate_graph import CorporateGraph
from models.text_drift import TextMove
from monitoring.column_drift import Columns, column_drifts
from monitoring.text_drift import text_column, text_drifts
from schemas.portfolio import PortfolioSpec
from schemas.results import Drift
from schemas.terms import Kind, Quarter


def feature_drift(
    expected: CorporateGraph, actual: CorporateGraph, portfolio: PortfolioSpec, texts: Sequence[TextMove] = ()
) -> Drift:
    """Compare the features of two quarters, column by column; a category counts as one column, as do texts of a name.

    Parameters
    ----------
    texts
        How the firms' texts moved between the two.
    """
    columns = column_drifts(
        feature_columns(expected, portfolio),
        feature_columns(actual, portfolio),
        limit=portfolio.gates.feature_drift_limit,
        rows=portfolio.gates.drift_rows,
    )
    return Drift(
        expected_quarter=Quarter.of(expected.as_of),
        columns=(*columns, *(text_column(one, portfolio.gates) for one in texts)),
        texts=text_drifts(texts),
    )


def feature_columns(graph: CorporateGraph, portfolio: PortfolioSpec) -> Columns:
    """Return a graph's features as numbers and categories, undoing the one-hot coding."""
    position = {name: column for column, name in enumerate(graph.feature_names)}
    numbers = {}
    categories = {}
    for spec in portfolio.feature_columns:
        if spec.kind is Kind.CATEGORY:
            hot = graph.features[:, [position[f"{spec.name}={value}"] for value in spec.values]]
            codes = np.where(np.nansum(hot, axis=1) > 0, np.nan_to_num(hot).argmax(axis=1), -1)
            categories[spec.name] = (codes.astype(np.int64), spec.values)
        else:
            numbers[spec.name] = graph.features[:, position[spec.name]]
    numbers |= {derived.name: graph.features[:, position[derived.name]] for derived in portfolio.derived}
    return Columns(numbers, categories)
