"""Whom to draw around a firm, and where: those it is related to on a ring, theirs on a ring around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

#: firms drawn at one relation's distance, and of each of these at two
NEAR, FAR = 24, 3


@dataclass(frozen=True)
class Drawn:
    """Firms to draw.

    Attributes
    ----------
    firms
        Positions in the graph, the firm itself first.
    hops, places
        Distance and (x, y) of each; the inner ring has radius 1, the outer 2.
    near, far
        How many firms there are at one and at two relations' distance.
    """

    firms: tuple[int, ...]
    hops: tuple[int, ...]
    places: tuple[tuple[float, float], ...]
    near: int
    far: int


def drawn_firms(union: sp.csr_array, firm: int, importance: Mapping[int, float], always: Sequence[int]) -> Drawn:
    """Choose the firms of the picture.

    Parameters
    ----------
    union
        All relations as one undirected graph (`CorporateGraph.union`).
    importance
        Of partners; the most important are drawn.
    always
        Firms that are drawn before others, such as those of a path.
    """
    near = _partners(union, firm)
    kept = [one for one in always if one in set(near.tolist())]
    ranked = sorted(near.tolist(), key=lambda one: (one not in kept, -abs(importance.get(one, 0.0)), one))[:NEAR]
    inner = sorted(ranked)
    around = {firm, *near.tolist()}
    taken: set[int] = set()
    children: dict[int, list[int]] = {}
    every: set[int] = set()
    for one in inner:
        further = [other for other in _partners(union, one).tolist() if other not in around]
        every |= set(further)
        wanted = sorted((other for other in further if other not in taken), key=lambda o: (o not in always, o))[:FAR]
        children[one] = wanted
        taken |= set(wanted)
    if len(inner) < len(near):  # the others' partners count too, drawn or not
        rows = union[near.tolist()]
        every = set(np.unique(rows.indices).tolist()) - around
    firms, hops, places = [firm], [0], [(0.0, 0.0)]
    slots = sum(max(1, len(children[one])) for one in inner)
    at = 0.0
    for one in inner:
        width = max(1, len(children[one]))
        middle = at + width / 2
        firms.append(one)
        hops.append(1)
        places.append(_on_ring(1.0, middle / slots))
        for number, other in enumerate(children[one]):
            firms.append(other)
            hops.append(2)
            places.append(_on_ring(2.0, (at + number + 0.5) / slots))
        at += width
    return Drawn(tuple(firms), tuple(hops), tuple(places), len(near), len(every))


def _partners(union: sp.csr_array, firm: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = union.indices[union.indptr[firm] : union.indptr[firm + 1]].astype(np.int64)
    return np.asarray(found[found != firm])


def _on_ring(radius: float, turn: float) -> tuple[float, float]:
    return round(radius * float(np.sin(2 * np.pi * turn)), 4), round(radius * float(np.cos(2 * np.pi * turn)), 4)
