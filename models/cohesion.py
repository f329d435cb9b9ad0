"""How closely knit the surroundings of a firm are: triangles and cores, in one pass over the edges each."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compiled import compiled
from models.corporate_graph import IntVector

Positions = NDArray[np.int32] | NDArray[np.int64]


def local_clustering(union: sp.csr_array) -> NDArray[np.float64]:
    """Return each firm's clustering coefficient in [0, 1]: which share of the pairs of its partners are partners.

    c_i = 2 t_i / (k_i (k_i - 1)) with t_i triangles and k_i partners; 0 with fewer than two partners
    (Watts and Strogatz 1998; networkx's convention).

    Parameters
    ----------
    union : (n, n)
        Symmetric pattern with an empty diagonal (`CorporateGraph.union`).
    """
    degrees = np.diff(union.indptr).astype(np.float64)
    pairs = degrees * (degrees - 1)
    closed = 2.0 * triangles(union)
    return np.asarray(np.divide(closed, pairs, out=np.zeros_like(closed), where=pairs > 0))


def triangles(union: sp.csr_array) -> IntVector:
    """Return in how many triangles each firm lies.

    Each edge is directed from the firm with fewer partners to the one with more (ties: by position),
    so that a hub has few edges out and no triangle is met twice: O(m^1.5) whatever the degrees
    (Schank and Wagner 2005; Latapy 2008).
    """
    size = union.shape[0]
    degrees = np.diff(union.indptr)
    rank = np.empty(size, dtype=np.int32)
    rank[np.argsort(degrees, kind="stable")] = np.arange(size, dtype=np.int32)
    low, high = np.repeat(rank, degrees), rank[union.indices]
    upward = low < high
    oriented = sp.csr_array((np.ones(int(upward.sum()), np.bool_), (low[upward], high[upward])), shape=union.shape)
    counts = _triangles(oriented.indptr.astype(np.int64), oriented.indices.astype(np.int32), np.zeros(size, np.int64))
    return counts[rank]


def core_numbers(union: sp.csr_array) -> IntVector:
    """Return each firm's core number: the largest k for which it lies in a subgraph of least degree k.

    Firms are peeled off in the order of the degree they have left (Batagelj and Zaversnik 2003), O(m).
    """
    left = np.diff(union.indptr).astype(np.int64)
    order = np.argsort(left, kind="stable").astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    starts = np.searchsorted(left[order], np.arange(int(left.max(initial=0)) + 2)).astype(np.int64)
    return _peeled(union.indptr.astype(np.int64), union.indices.astype(np.int32), left, order, place, starts)


@compiled
def _triangles(indptr: IntVector, indices: NDArray[np.int32], counts: IntVector) -> IntVector:
    size = len(indptr) - 1
    seen_from = np.full(size, -1, np.int32)
    for low in range(size):
        first, last = indptr[low], indptr[low + 1]
        for edge in range(first, last):
            seen_from[indices[edge]] = low
        for edge in range(first, last):
            middle = indices[edge]
            found = 0
            for onward in range(indptr[middle], indptr[middle + 1]):
                high = indices[onward]
                if seen_from[high] == low:
                    found += 1
                    counts[high] += 1
            counts[middle] += found
            counts[low] += found
    return counts


@compiled
def _peeled(
    indptr: IntVector,
    indices: NDArray[np.int32],
    left: IntVector,
    order: IntVector,
    place: IntVector,
    starts: IntVector,
) -> IntVector:
    # `order` holds the firms by the degree they have left; starts[k] is where degree k begins in it.
    for turn in range(len(order)):
        firm = order[turn]
        for edge in range(indptr[firm], indptr[firm + 1]):
            partner = indices[edge]
            degree = left[partner]
            if degree > left[firm]:
                front = starts[degree]
                other = order[front]
                order[front], order[place[partner]] = partner, other
                place[other], place[partner] = place[partner], front
                starts[degree] = front + 1
                left[partner] = degree - 1
    return left
