"""Aggregates of related firms' features: what a simple model can know of the graph.

For each relation and direction, and for each feature: the weighted mean and the weighted standard
deviation over the partners whose value is known, besides the number of partners and the sum of
their weights. No outcome is looked at, so nothing leaks from held-out firms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from models.corporate_graph import CorporateGraph, FloatMatrix


def neighbour_features(graph: CorporateGraph) -> tuple[FloatMatrix, tuple[str, ...]]:
    """Return the aggregates, (n, k), and their names; a firm without partners has NaN means and 0 partners."""
    columns: list[FloatMatrix] = []
    names: list[str] = []
    for side, adjacency in sides(graph):
        means, deviations = _weighted_moments(adjacency, graph.features)
        partners = np.diff(adjacency.indptr).astype(np.float64)
        columns += [means, deviations, np.log1p(partners)[:, None], np.log1p(adjacency.sum(axis=1))[:, None]]
        names += [f"{side}: mean {name}" for name in graph.feature_names]
        names += [f"{side}: deviation {name}" for name in graph.feature_names]
        names += [f"{side}: log partners", f"{side}: log weight"]
    if not columns:
        return np.empty((graph.size, 0)), ()
    return np.concatenate(columns, axis=1), tuple(names)


def sides(graph: CorporateGraph) -> Iterator[tuple[str, sp.csr_array]]:
    """Yield each relation and direction with its adjacency, row = the firm that looks, columns = its partners."""
    for name, relation in graph.relations.items():
        matrix = relation.matrix()
        if not relation.directed:
            yield name, matrix
            continue
        yield f"{name} out", matrix
        yield f"{name} in", sp.csr_array(matrix.T)


def _weighted_moments(adjacency: sp.csr_array, features: FloatMatrix) -> tuple[FloatMatrix, FloatMatrix]:
    known = ~np.isnan(features)
    # Centring first keeps the difference of squares below from losing all its digits.
    with np.errstate(invalid="ignore"):
        centre = np.where(known.any(axis=0), np.nanmean(np.where(known.any(axis=0), features, 0.0), axis=0), 0.0)
    values = np.where(known, features - centre, 0.0)
    weight = adjacency @ known.astype(np.float64)
    some = weight > 0
    mean = np.divide(adjacency @ values, weight, out=np.full_like(weight, np.nan), where=some)
    square = np.divide(adjacency @ (values**2), weight, out=np.full_like(weight, np.nan), where=some)
    variance = square - mean**2
    # Below this share of the square the difference is rounding: one partner alone has no deviation, and
    # scaling would blow such noise up to a full column.
    deviation = np.sqrt(np.where(variance <= 1e-12 * square, 0.0, variance))
    return mean + centre, deviation
