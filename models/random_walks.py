"""Random walks from every firm, and how often firms meet on them (node2vec; Grover and Leskovec 2016)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import IntVector
from models.firm_streams import Keys, uniforms

#: Proposals of one step after which the last is taken; with p and q in [1/4, 4] less than 1 in 10^5 get there.
ATTEMPTS = 200


def walks(
    union: sp.csr_array, keys: Keys, *, number: int, length: int, return_weight: float, outward_weight: float
) -> IntVector:
    """Return walk `number` of every firm, (n, length): the firms visited, its own first.

    The next firm x after t, v is drawn among the partners of v with weight `return_weight` (1/p) if x = t,
    1 if x is a partner of t, and `outward_weight` (1/q) otherwise; both 1 is DeepWalk (Perozzi and others 2014).
    Drawn by rejection: a partner is proposed at random and taken with its weight over the largest. A firm
    without partners stays where it is. A walk draws from the stream of the firm it starts from (`keys`), so it
    stays the same when firms join elsewhere.
    """
    size = union.shape[0]
    visited = np.tile(np.arange(size)[:, None], (1, length))
    edges = np.repeat(np.arange(size), np.diff(union.indptr)) * size + union.indices
    ceiling = max(return_weight, 1.0, outward_weight)
    weights = np.array([1.0, return_weight, outward_weight]) / ceiling
    for step in range(1, length):
        pending = np.flatnonzero(np.diff(union.indptr)[visited[:, step - 1]] > 0)
        for attempt in range(ATTEMPTS):
            draw = ((number * length + step) * ATTEMPTS + attempt) * 2
            here = visited[pending, step - 1]
            proposed = _proposed(union, here, uniforms(keys[pending], np.array(draw, dtype=np.uint64)))
            visited[pending, step] = proposed
            if step == 1 or not len(pending) or weights.min() == 1.0:
                break
            kind = _kinds(edges, size, visited[pending, step - 2], proposed)
            refused = uniforms(keys[pending], np.array(draw + 1, dtype=np.uint64)) >= weights[kind]
            pending = pending[refused]
    return visited


def meetings(visited: IntVector, window: int) -> sp.csr_array:
    """Return how often two firms stand within `window` steps of each other on the walks, symmetric, (n, n)."""
    size, length = visited.shape
    firms = visited.astype(np.int32)  # half the memory of the many pairs below
    gaps = range(1, min(window, length - 1) + 1)
    rows = np.concatenate([firms[:, :-gap].ravel() for gap in gaps])
    columns = np.concatenate([firms[:, gap:].ravel() for gap in gaps])
    apart = rows != columns
    met = sp.csr_array((np.ones(int(apart.sum())), (rows[apart], columns[apart])), shape=(size, size))
    return sp.csr_array(met + met.T)


def positive_pmi(met: sp.csr_array) -> sp.csr_array:
    """Return max(0, log(c_ij c / (c_i c_j))): how much more often two firms meet than chance would have it.

    Skip-gram with negative sampling factorises this matrix up to a constant (Levy and Goldberg 2014).
    """
    totals = np.asarray(met.sum(axis=1)).ravel()
    # The log of each factor, so that c_ij and c_ji get the same bits.
    logs = np.log(totals, out=np.zeros_like(totals), where=totals > 0)
    expected = np.repeat(logs, np.diff(met.indptr)) + logs[met.indices] - np.log(max(totals.sum(), 1.0))
    matrix = sp.csr_array((np.maximum(np.log(met.data) - expected, 0.0), met.indices, met.indptr), shape=met.shape)
    matrix.eliminate_zeros()
    return matrix


def _proposed(union: sp.csr_array, here: IntVector, chance: NDArray[np.float64]) -> IntVector:
    degrees = np.diff(union.indptr)[here]
    return np.asarray(union.indices[union.indptr[here] + (chance * degrees).astype(np.int64)], dtype=np.int64)


def _kinds(edges: IntVector, size: int, before: IntVector, proposed: IntVector) -> IntVector:
    # 1 back where the walk came from, 0 a partner of that firm, 2 further away.
    sought = before * size + proposed
    found = np.searchsorted(edges, sought)
    partner = edges[np.minimum(found, len(edges) - 1)] == sought
    return np.where(proposed == before, 1, np.where(partner, 0, 2))
