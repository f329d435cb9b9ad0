"""Which edges of a firm could be added or removed: at random, and by somebody who wants its class to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.perturbation import Edit

#: Whoever adds an edge to do harm makes it heavy, but not heavier than nineteen in twenty of its relation.
_HEAVY = 0.95


@dataclass(frozen=True)
class _Side:
    """One relation as firms on one side of it see it: (n, width) with a partner a column."""

    relation: str
    outgoing: bool
    matrix: sp.csr_array
    weights: NDArray[np.float64]
    among_firms: bool


class EdgeMoves:
    """The single changes that can be made to the edges of each firm of a graph.

    Parameters
    ----------
    with_partners
        Whether links to nodes that are no firms count as edges.
    """

    def __init__(self, graph: CorporateGraph, *, with_partners: bool) -> None:
        sides: list[_Side] = []
        for name, relation in graph.relations.items():
            matrix = relation.matrix()
            sides.append(_Side(name, True, matrix, relation.weights, True))
            if relation.directed:
                sides.append(_Side(name, False, sp.csr_array(matrix.T), relation.weights, True))
        if with_partners:
            for name, links in graph.partners.items():
                sides.append(_Side(name, True, links.matrix(), links.weights, False))
        # Of a relation without an edge it is not known what a weight is like.
        self._sides = [side for side in sides if len(side.weights)]
        sizes = np.array([len(side.weights) for side in self._sides], dtype=np.float64)
        self._likely = sizes / sizes.sum() if len(sizes) else sizes

    @property
    def any(self) -> bool:
        """Whether there is any edge."""
        return bool(self._sides)

    def removals(self, firm: int) -> list[Edit]:
        """Return the removal of each edge of a firm, the heaviest of each side of a relation first."""
        found: list[list[Edit]] = []
        for side in self._sides:
            start, end = side.matrix.indptr[firm], side.matrix.indptr[firm + 1]
            partners, weights = side.matrix.indices[start:end], side.matrix.data[start:end]
            order = np.lexsort((partners, -weights))
            pairs = zip(partners[order].tolist(), weights[order].tolist(), strict=True)
            found.append([_edit(side, firm, partner, weight, added=False) for partner, weight in pairs])
        deepest = max((len(edits) for edits in found), default=0)
        return [edits[rank] for rank in range(deepest) for edits in found if rank < len(edits)]

    def adverse_additions(self, firm: int, wanted: Sequence[int]) -> list[Edit]:
        """Return a heavy new edge of a firm, on each side of each relation, to each of the wanted firms.

        To other nodes it is the one that most firms are linked to.
        """
        found = []
        for side in self._sides:
            weight = float(np.quantile(side.weights, _HEAVY))
            ends = wanted if side.among_firms else [int(np.bincount(side.matrix.indices).argmax())]
            known = self._partners(side, firm)
            found += [_edit(side, firm, end, weight, added=True) for end in ends if end not in known]
        return found

    def random_removals(self, firm: int, count: int, draw: np.random.Generator) -> list[Edit]:
        """Return the removal of so many edges of a firm, or of all that it has."""
        every = self.removals(firm)
        return [every[place] for place in draw.permutation(len(every))[:count].tolist()]

    def random_additions(self, firm: int, count: int, draw: np.random.Generator) -> list[Edit]:
        """Return so many new edges of a firm: of a relation as likely as it has edges, weighing what one of them does.

        Partners are drawn from all; where one is a partner already there is an edge less.
        """
        found = []
        for place in draw.choice(len(self._sides), size=count, p=self._likely).tolist():
            side = self._sides[place]
            end = int(draw.integers(side.matrix.shape[1]))
            weight = float(side.weights[draw.integers(len(side.weights))])
            if end not in self._partners(side, firm):
                found.append(_edit(side, firm, end, weight, added=True))
        return found

    def random_moves(self, firm: int, count: int, draw: np.random.Generator) -> list[Edit]:
        """Return so many edges of a firm led to somebody else; relation, direction and weight stay."""
        by_side: Mapping[tuple[str, bool], _Side] = {(side.relation, side.outgoing): side for side in self._sides}
        found = []
        for removal in self.random_removals(firm, count, draw):
            side = by_side[removal.relation, removal.outgoing]
            end = int(draw.integers(side.matrix.shape[1]))
            if end not in self._partners(side, firm):
                found += [removal, removal._replace(partner=end, added=True)]
        return found

    @staticmethod
    def _partners(side: _Side, firm: int) -> set[int]:
        """Return the firm's partners on a side, and itself where it could be its own."""
        known = side.matrix.indices[side.matrix.indptr[firm] : side.matrix.indptr[firm + 1]].tolist()
        return {*known, firm} if side.among_firms else set(known)


def _edit(side: _Side, firm: int, partner: int, weight: float, *, added: bool) -> Edit:
    return Edit(side.relation, firm, partner, side.outgoing, weight, added)
