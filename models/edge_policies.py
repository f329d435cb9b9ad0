"""What a relation's declared policies make of its edges, once rows have become one edge a pair."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edges import IntVector, RelationEdges, edges_from_sorted

Reciprocal = Literal["keep", "refuse", "sum", "larger", "net"]


def reciprocal_pairs(edges: RelationEdges) -> int:
    """Return how many pairs of firms a directed relation relates in both directions."""
    if not edges.directed:
        return 0
    size = len(edges.indptr) - 1
    pattern = sp.csr_array((np.ones(len(edges.indices), np.int8), edges.indices, edges.indptr), shape=(size, size))
    return int(pattern.multiply(pattern.T.tocsr()).nnz) // 2


def reciprocal_places(edges: RelationEdges) -> tuple[IntVector, IntVector]:
    """Return where edges with a reverse one lie, and where their reverse ones lie, each pair once.

    A pair comes at the place of its edge from the smaller to the larger position. An undirected
    relation has none: there the reverse is the same edge.
    """
    if not edges.directed:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    sources, targets = _ends(edges)
    size = len(edges.indptr) - 1
    keys = sources * size + targets
    upward = np.flatnonzero(sources < targets)
    reverse = targets[upward] * size + sources[upward]
    places = np.searchsorted(keys, reverse)
    found = places < len(keys)
    found[found] = keys[places[found]] == reverse[found]
    return upward[found], places[found]


def settled_reciprocals(edges: RelationEdges, policy: Reciprocal) -> tuple[RelationEdges, int]:
    """Make one edge of two opposite ones, if the policy says so, and count such pairs before.

    The edge that stays is the heavier one, from the smaller position if both weigh the same. It weighs the
    sum of both, the larger, or their difference (`net`; no edge stays if it is zero). `keep` leaves
    both, and `refuse` has set aside on admission what it refuses.
    """
    if policy in {"keep", "refuse"}:
        return edges, reciprocal_pairs(edges)
    upward, downward = reciprocal_places(edges)
    if not len(upward):
        return edges, 0
    weights = edges.weights.copy()
    one, other = weights[upward], weights[downward]
    stays, goes = np.where(one >= other, upward, downward), np.where(one >= other, downward, upward)
    larger, smaller = np.maximum(one, other), np.minimum(one, other)
    weights[stays] = {"sum": one + other, "larger": larger, "net": larger - smaller}[policy]
    kept = np.ones(len(weights), dtype=bool)
    kept[goes] = False
    if policy == "net":
        kept[stays] = larger > smaller
    return _only(edges, weights, kept), len(upward)


def capped_edges(edges: RelationEdges, cap: int | None) -> tuple[RelationEdges, int]:
    """Keep an edge if it is among the `cap` heaviest of both its ends, and count the edges that go.

    Ties go to the smaller position. Both ends rank all their partners before any edge goes, so that an
    undirected relation stays symmetric.
    """
    if cap is None:
        return edges, 0
    sources, targets = _ends(edges)
    kept = (_rank(sources, targets, edges.weights) < cap) & (_rank(targets, sources, edges.weights) < cap)
    capped = _only(edges, edges.weights, kept)
    return capped, edges.edges - capped.edges


def _ends(edges: RelationEdges) -> tuple[IntVector, IntVector]:
    size = len(edges.indptr) - 1
    return np.repeat(np.arange(size, dtype=np.int64), np.diff(edges.indptr)), edges.indices


def _rank(firms: IntVector, partners: IntVector, weights: NDArray[np.float64]) -> IntVector:
    """Return each edge's place, from 0, among those of its firm, the heaviest first."""
    order = np.lexsort((partners, -weights, firms))
    grouped = firms[order]
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(grouped, grouped)
    return rank


def _only(edges: RelationEdges, weights: NDArray[np.float64], kept: NDArray[np.bool_]) -> RelationEdges:
    sources, targets = _ends(edges)
    return edges_from_sorted(
        sources[kept], targets[kept], weights[kept], size=len(edges.indptr) - 1, directed=edges.directed
    )
