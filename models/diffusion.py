"""Spreading values over a graph, a step of its edges at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.laplacians import normalised_adjacency


class Patience(NamedTuple):
    """How long to spread: until no entry moves by more than `tolerance`, for `iterations` steps at the most."""

    iterations: int
    tolerance: float


def spreading_adjacency(graph: CorporateGraph, relations: Mapping[str, float]) -> sp.csr_array:
    """Return the symmetric adjacency, (n, n), that values spread over; it is not normalised.

    Parameters
    ----------
    relations
        How much each relation counts; only those named do. Each relation's weights are normalised by the strengths of
        both ends before, so that relations measured in euros and in shares can be added. Without any, firms with
        any relation have an edge of 1.
    """
    if not relations:
        return graph.union()
    total = sp.csr_array((graph.size, graph.size), dtype=np.float64)
    for name, strength in sorted(relations.items()):
        edges = graph.relations[name].matrix()
        total = total + strength * normalised_adjacency(sp.csr_array(edges + edges.T))
    return sp.csr_array(total)


def diffused(step: sp.csr_array, start: FloatMatrix, alpha: float, patience: Patience) -> FloatMatrix:
    """Return F after F <- alpha * step @ F + (1 - alpha) * start, begun at `start`, (n, k).

    For alpha < 1 and a step
    whose eigenvalues lie in [-1, 1] the limit is (1 - alpha) (I - alpha * step)^-1 start (Zhou and others 2004).
    """
    found = start
    for _ in range(patience.iterations):
        moved = alpha * (step @ found) + (1 - alpha) * start
        change = np.abs(moved - found).max(initial=0.0)
        found = moved
        if change <= patience.tolerance:
            break
    return found


def clamped(
    step: sp.csr_array, held: FloatMatrix, rest: NDArray[np.float64], alpha: float, patience: Patience
) -> FloatMatrix:
    """Return F after F <- alpha * step @ F + (1 - alpha) * rest, with the rows of `held` put back each time.

    For alpha = 1 and the transitions of a random walk as step, F is harmonic: the probability that the walk
    meets each class first (Zhu and Ghahramani 2002). For less, the walk gives up with 1 - alpha a step and takes
    `rest`.

    Parameters
    ----------
    held : (n, k)
        Rows held fast; rows of zeros are not.
    rest : (k,)
        Where the others begin, and fall back to.
    """
    fast = np.asarray(held.any(axis=1))[:, None]
    found = np.where(fast, held, rest)
    for _ in range(patience.iterations):
        moved = np.where(fast, held, alpha * (step @ found) + (1 - alpha) * rest)
        change = np.abs(moved - found).max(initial=0.0)
        found = moved
        if change <= patience.tolerance:
            break
    return found
