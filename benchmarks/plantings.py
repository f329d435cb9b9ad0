"""Drift put into a quarter on purpose, to see whether monitoring finds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.merged_edges import merged_edges

#: the shares of missing values that can be doubled and still be a share of something
DOUBLED_BETWEEN = (0.02, 0.45)


def rewired(graph: CorporateGraph, relation: str, share: float, rng: np.random.Generator) -> CorporateGraph:
    """Lead a share of the edges to another firm, any of them; source and weight stay."""
    sources, targets, weights = _edges(graph, relation)
    moved = rng.choice(len(sources), round(share * len(sources)), replace=False)
    targets[moved] = rng.integers(0, graph.size, len(moved))
    return _with_edges(graph, relation, sources, targets, weights)


def rewired_keeping_degrees(
    graph: CorporateGraph, relation: str, share: float, rng: np.random.Generator
) -> CorporateGraph:
    """Deal the targets of a share of the edges among themselves, so that every firm keeps its number of partners."""
    sources, targets, weights = _edges(graph, relation)
    moved = rng.choice(len(sources), round(share * len(sources)), replace=False)
    targets[moved] = targets[rng.permutation(moved)]
    return _with_edges(graph, relation, sources, targets, weights)


def halved(graph: CorporateGraph, relation: str, rng: np.random.Generator) -> CorporateGraph:
    """Leave out every second edge, by lot."""
    sources, targets, weights = _edges(graph, relation)
    kept = rng.choice(len(sources), len(sources) // 2, replace=False)
    return _with_edges(graph, relation, sources[kept], targets[kept], weights[kept])


def merged_communities(
    graph: CorporateGraph, relation: str, communities: NDArray[np.str_], rng: np.random.Generator
) -> CorporateGraph:
    """Put in edges between the two largest communities until they are as dense between as within.

    Ends are drawn evenly from the communities, weights from those of all edges.
    """
    sources, targets, weights = _edges(graph, relation)
    names, member, sizes = np.unique(communities, return_inverse=True, return_counts=True)
    pair = np.argsort(-sizes, kind="stable")[:2] if len(names) > 1 else np.array([0, 0])
    first, second = (np.flatnonzero(member == one) for one in pair)
    ends = member[sources], member[targets]
    inner = sum(int(((ends[0] == one) & (ends[1] == one)).sum()) for one in pair)
    density = inner / sum(len(group) * (len(group) - 1) for group in (first, second))
    between = sum(int(((ends[0] == a) & (ends[1] == b)).sum()) for a, b in (pair, pair[::-1]))
    wanted = max(round(density * 2 * len(first) * len(second)) - between, 0)
    here, there = rng.choice(first, wanted), rng.choice(second, wanted)
    onward = rng.random(wanted) < 0.5
    return _with_edges(
        graph,
        relation,
        np.concatenate([sources, np.where(onward, here, there)]),
        np.concatenate([targets, np.where(onward, there, here)]),
        np.concatenate([weights, rng.choice(weights, wanted)]),
    )


def shifted(graph: CorporateGraph, columns: list[int], deviations: float) -> CorporateGraph:
    """Add to columns so many of their standard deviations."""
    values = graph.features.copy()
    values[:, columns] += deviations * np.nanstd(values[:, columns], axis=0)
    return replace(graph, features=values)


def missing_doubled(graph: CorporateGraph, columns: list[int], rng: np.random.Generator) -> CorporateGraph:
    """Lose as many values of columns again as are missing, by lot."""
    values = graph.features.copy()
    for column in columns:
        known = np.flatnonzero(~np.isnan(values[:, column]))
        values[rng.choice(known, graph.size - len(known), replace=False), column] = np.nan
    return replace(graph, features=values)


def zeros_missing(graph: CorporateGraph) -> CorporateGraph:
    """Take zeros for values that were not reported."""
    features: FloatMatrix = np.where(graph.features == 0, np.nan, graph.features)
    return replace(graph, features=features)


def doubling_possible(graph: CorporateGraph) -> list[int]:
    """Return the columns of which a share is missing that can be doubled."""
    low, high = DOUBLED_BETWEEN
    missing = np.isnan(graph.features).mean(axis=0)
    return np.flatnonzero((missing >= low) & (missing <= high)).tolist()


def _edges(graph: CorporateGraph, relation: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    edges = graph.relations[relation]
    return np.repeat(np.arange(graph.size), np.diff(edges.indptr)), edges.indices.copy(), edges.weights.copy()


def _with_edges(
    graph: CorporateGraph,
    relation: str,
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> CorporateGraph:
    edges, _ = merged_edges(
        sources, targets, weights, size=graph.size, directed=graph.relations[relation].directed, repeated="sum"
    )
    return replace(graph, relations={**graph.relations, relation: edges})
