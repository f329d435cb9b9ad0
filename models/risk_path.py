"""The path by which risk reaches a firm, as far as the graph tells it: from a distressed firm along shares of partners.

How much a firm v hears of its partner u on one side of a relation is u's share of v's weight there, w_vu / sum_k w_vk,
as in the relative exposures of Battiston and others (2012, "DebtRank"). The strength of a path is the product of the
shares along it and the probability of the firm that it comes from; the strongest is found step by step, each keeping
the best way to every firm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph

#: relations between the distressed firm and the explained one at most
HOPS = 3
#: firms that are followed further at each step, the most heard first: a hub's thousands of partners hardly count each
_FOLLOWED = 500


class Way(NamedTuple):
    """One step of a path: the next firm hears `firm` by a side of a relation, as this share of its weight there."""

    firm: int
    relation: str
    side: str
    share: float


class FoundPath(NamedTuple):
    """A path from its distressed firm to the one before the explained firm, and its strength."""

    ways: tuple[Way, ...]
    strength: float


def side_adjacency(graph: CorporateGraph) -> dict[tuple[str, str], sp.csr_array]:
    """Return the adjacency of each relation and side; ``out`` rows look at targets, ``in`` rows at sources."""
    found = {}
    for name, relation in graph.relations.items():
        matrix = relation.matrix()
        found[name, "out" if relation.directed else ""] = matrix
        if relation.directed:
            found[name, "in"] = sp.csr_array(matrix.T)
    return found


def heard_shares(adjacency: sp.csr_array, firm: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the partners of a firm on one side and their shares of its weight; equal ones where it has none."""
    row = slice(adjacency.indptr[firm], adjacency.indptr[firm + 1])
    weights = np.maximum(adjacency.data[row], 0.0)
    total = weights.sum()
    shares = weights / total if total > 0 else np.full(len(weights), 1 / max(len(weights), 1))
    return adjacency.indices[row].astype(np.int64), shares


def strongest_path(
    sides: Mapping[tuple[str, str], sp.csr_array],
    firm: int,
    probability: NDArray[np.float64],
    distressed: NDArray[np.bool_],
    hops: int = HOPS,
) -> FoundPath | None:
    """Return the strongest path of at most `hops` relations to a firm; None if no distressed firm is that near.

    Parameters
    ----------
    probability : (n,)
        Of an unfavourable class.
    distressed : (n,) bool
        Where a path may begin; the firm itself never does.
    """
    best: dict[int, float] = {firm: 1.0}
    # By number of relations, the firms that are first or better reached so: by which way, and from whom it leads on.
    layers: list[dict[int, tuple[float, Way, int]]] = []
    frontier = {firm: 1.0}
    for _ in range(hops):
        reached: dict[int, tuple[float, Way, int]] = {}
        for here, so_far in frontier.items():
            for (relation, side), adjacency in sides.items():
                partners, shares = heard_shares(adjacency, here)
                for partner, share in zip(partners.tolist(), shares.tolist(), strict=True):
                    value = so_far * share
                    if value > max(best.get(partner, 0.0), reached[partner][0] if partner in reached else 0.0):
                        reached[partner] = (value, Way(partner, relation, side, share), here)
        layers.append(reached)
        best |= {one: value for one, (value, _, _) in reached.items()}
        followed = sorted(reached, key=lambda one: (-reached[one][0], one))[:_FOLLOWED]
        frontier = {one: reached[one][0] for one in followed}
    starts = [one for one in best if one != firm and distressed[one]]
    if not starts:
        return None
    start = max(starts, key=lambda one: (best[one] * probability[one], -one))
    depth = max(number for number, layer in enumerate(layers) if start in layer)
    path, here = [], start
    for layer in layers[depth::-1]:
        _, way, here = layer[here]
        path.append(way)
    return FoundPath(tuple(path), float(best[start] * probability[start]))
