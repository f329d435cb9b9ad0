"""How central a firm is, by what flows to it: PageRank, Katz and the eigenvector centrality."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.laplacians import transition_matrix
from models.spectrum import leading_eigenpairs

DAMPING = 0.85
#: Katz's alpha as a share of the largest value that is safe.
KATZ_SHARE = 0.85
_STEPS = 1000


def pagerank(adjacency: sp.csr_array, damping: float = DAMPING) -> NDArray[np.float64]:
    """Return PageRank along the edges, summing to 1.

    x = damping (P^T x + s / n) + (1 - damping) / n, where P = D^-1 W divides what a firm has among
    the firms it points to by weight, and s is what firms that point to nobody hold: it goes to all
    (Brin and Page 1998; networkx's convention). Power iteration until a step moves less than 1e-12.

    Parameters
    ----------
    adjacency : (n, n)
        Row = source, weights >= 0. A firm nobody points to keeps the least rank; without edges all have 1 / n.
    """
    size = adjacency.shape[0]
    if not size:
        return np.empty(0)
    inward = sp.csr_array(transition_matrix(adjacency).T)
    stuck = np.asarray(adjacency.sum(axis=1)).ravel() <= 0
    rank = np.full(size, 1 / size)
    for _ in range(_STEPS):
        moved = damping * (inward @ rank + rank[stuck].sum() / size) + (1 - damping) / size
        change = np.abs(moved - rank).sum()
        rank = moved
        if change < 1e-12:
            break
    return np.asarray(rank)


def katz(adjacency: sp.csr_array, share: float = KATZ_SHARE) -> NDArray[np.float64]:
    """Return Katz centrality along the edges: walks that end at a firm, longer ones counting less; at least 1.

    x = 1 + alpha A^T x = sum over k of alpha^k (A^T)^k 1 (Katz 1953), not normalised: a firm nobody
    points to has 1. alpha = share / r, where r is the largest eigenvalue of (A + A^T) / 2. For an undirected
    relation that is the largest eigenvalue of A; for a directed one it is the numerical radius of A >= 0, which
    bounds the largest eigenvalue and, unlike it, is not 0 when there are no cycles. Powers obey
    ||(alpha A)^k|| <= 2 share^k (Berger 1965), so that the sum converges for every share < 1.
    """
    size = adjacency.shape[0]
    if adjacency.nnz == 0:
        return np.ones(size)
    outward = sp.csr_array(adjacency.T)
    alpha = share / _radius(sp.csr_array((adjacency + outward) / 2))
    value = np.ones(size)
    for _ in range(_STEPS):
        grown = 1 + alpha * (outward @ value)
        change = np.abs(grown - value).max()
        value = grown
        if change < 1e-12 * value.max():
            break
    return np.asarray(value)


def eigenvector_centrality(union: sp.csr_array) -> NDArray[np.float64]:
    """Return the eigenvector centrality on the largest component, of length 1, and 0 elsewhere.

    A x = r x with the largest r: a firm is central if its partners are (Bonacich 1972). On a connected
    graph x is unique and positive. It has no meaning across components, hence the largest only (ties:
    the one with the first firm); without any edge it is 0 for all. By Lanczos from the degrees, and
    where that does not converge (paths of many thousand firms) what 1,000 power iterations reach.
    """
    centrality = np.zeros(union.shape[0])
    members = largest_component(union)
    if len(members) < 2:
        return centrality
    inside = sp.csr_array(union[members][:, members])
    start = np.asarray(inside.sum(axis=1)).ravel()
    values, vectors = leading_eigenpairs(inside, 1, start)
    vector = np.abs(vectors[:, 0]) if len(values) else _powered(inside, start)
    centrality[members] = vector / np.linalg.norm(vector)
    return centrality


def largest_component(union: sp.csr_array) -> NDArray[np.int64]:
    """Return the positions of the firms in the largest component; of several, the one with the first firm."""
    _, labels = sp.csgraph.connected_components(union, directed=False)
    if not len(labels):
        return np.empty(0, dtype=np.int64)
    sizes = np.bincount(labels)[labels]
    return np.flatnonzero(labels == labels[np.argmax(sizes)])


def _radius(symmetric: sp.csr_array) -> float:
    values, _ = leading_eigenpairs(symmetric, 1, np.ones(symmetric.shape[0]))
    # The largest row sum bounds every eigenvalue; it serves where Lanczos finds no gap.
    return float(values[0]) if len(values) else float(symmetric.sum(axis=1).max())


def _powered(symmetric: sp.csr_array, start: NDArray[np.float64]) -> NDArray[np.float64]:
    vector = start
    for _ in range(_STEPS):
        # Adding the vector itself keeps two-sided graphs, whose spectrum is symmetric, from oscillating.
        vector = symmetric @ vector + vector
        vector = vector / np.linalg.norm(vector)
    return np.asarray(vector)
