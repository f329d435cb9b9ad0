"""Betweenness: on how many shortest paths between other firms a firm lies."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compiled import compiled
from models.corporate_graph import IntVector
from models.firm_streams import firm_keys

#: Up to so many firms betweenness is exact.
EXACT_FIRMS = 20_000
#: Firms whose shortest paths are counted beyond that.
PIVOTS = 256


def betweenness(
    union: sp.csr_array, firms: NDArray[np.str_], *, exact_firms: int = EXACT_FIRMS, pivots: int = PIVOTS
) -> NDArray[np.float64]:
    """Return each firm's betweenness, as a share of the pairs of other firms, in [0, 1].

    b_i = sum over pairs s, t other than i of (shortest paths s-t through i) / (shortest paths s-t),
    over (n - 1)(n - 2) / 2; Freeman 1977, by the algorithm of Brandes 2001 in O(n m). Beyond
    `exact_firms` the sum is taken over paths from `pivots` firms and scaled by n / pivots (Brandes and
    Pich 2007), which is without bias over the choice of pivots; a firm's error is below .085 with
    95 % confidence at 256 pivots (Hoeffding) and in practice far smaller.

    Pivots are the firms with the smallest hash of their id: permuting firms permutes the result,
    and a firm that joins replaces at most one pivot. Fewer than three firms: 0.
    """
    size = union.shape[0]
    chosen = np.arange(size) if size <= exact_firms else np.argsort(firm_keys(firms, seed=0), kind="stable")[:pivots]
    if size <= 2 or not len(chosen):
        return np.zeros(size)
    total = _dependencies(union.indptr.astype(np.int64), union.indices.astype(np.int32), chosen.astype(np.int64))
    return np.asarray(total * (size / len(chosen)) / ((size - 1) * (size - 2)))


@compiled
def _dependencies(indptr: IntVector, indices: NDArray[np.int32], pivots: IntVector) -> NDArray[np.float64]:
    # Breadth first from each pivot, counting shortest paths; then back, handing dependency to predecessors.
    size = len(indptr) - 1
    total, paths, depends = np.zeros(size), np.zeros(size), np.zeros(size)
    distance, queue = np.full(size, -1, np.int32), np.empty(size, np.int32)
    for pivot in pivots:
        queue[0], distance[pivot], paths[pivot] = pivot, 0, 1.0
        head, tail = 0, 1
        while head < tail:
            firm = queue[head]
            head += 1
            for edge in range(indptr[firm], indptr[firm + 1]):
                partner = indices[edge]
                if distance[partner] < 0:
                    distance[partner] = distance[firm] + 1
                    queue[tail] = partner
                    tail += 1
                if distance[partner] == distance[firm] + 1:
                    paths[partner] += paths[firm]
        for turn in range(tail - 1, 0, -1):
            firm = queue[turn]
            for edge in range(indptr[firm], indptr[firm + 1]):
                partner = indices[edge]
                if distance[partner] == distance[firm] + 1:
                    depends[firm] += paths[firm] / paths[partner] * (1.0 + depends[partner])
            total[firm] += depends[firm]
        for turn in range(tail):
            firm = queue[turn]
            distance[firm], paths[firm], depends[firm] = -1, 0.0, 0.0
    return total
