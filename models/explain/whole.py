"""Any other candidate, opened for explanations by asking it again about a changed graph: exact, and slow.

For candidates that are neither networks nor tables: kriging, graph kernels, label propagation, correct and smooth,
ensembles. Each question scores the whole graph anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, RelationEdges
from models.explain.attribution import Edge, Feature, FloatVector, Kept, Place
from models.explain.tables import adverse_log_odds, disturbed_graph
from models.fitted import Fitted
from models.partners import PartnerEdges

Edges = TypeVar("Edges", RelationEdges, PartnerEdges)


@dataclass(frozen=True)
class OpenedWhole:
    """A fitted candidate of which nothing is known but its probabilities."""

    fitted: Fitted
    graph: CorporateGraph
    adverse: tuple[int, ...]

    @cached_property
    def baseline(self) -> FloatVector:
        """The median of each own feature over all firms, (f,); NaN where no firm's is known."""
        known = ~np.isnan(self.graph.features)
        filled = np.where(known.any(axis=0), self.graph.features, 0.0)
        return np.where(known.any(axis=0), np.nanmedian(filled, axis=0), np.nan)

    def disturbed(self, scale: float, seed: int) -> OpenedWhole:
        """Return the same for own features moved by normal noise of so many of their deviations."""
        return replace(self, graph=disturbed_graph(self.graph, scale, seed))

    def about(self, firm: int) -> ExplainedWhole:
        """Return one firm's score for explaining."""
        return ExplainedWhole(self, firm)


@dataclass(frozen=True)
class ExplainedWhole:
    """One firm's score (`models.explain.attribution.Explained`): its own relations and its own features."""

    opened: OpenedWhole
    row: int

    @property
    def firm(self) -> str:
        """Id of the firm."""
        return str(self.opened.graph.firms[self.row])

    @cached_property
    def _places(self) -> list[tuple[str, int]]:
        """Relation and place among its edges of each edge at this firm, links to other nodes last.

        An undirected edge stands once.
        """
        found = []
        for name, relation in self.opened.graph.relations.items():
            out = range(int(relation.indptr[self.row]), int(relation.indptr[self.row + 1]))
            found += [(name, place) for place in out]
            if relation.directed:
                found += [(name, int(place)) for place in np.flatnonzero(relation.indices == self.row)]
        for name, links in self.opened.graph.partners.items():
            found += [(name, place) for place in range(int(links.indptr[self.row]), int(links.indptr[self.row + 1]))]
        return found

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The firm's own relations and links."""
        graph = self.opened.graph
        firms, found = graph.firms, []
        for name, place in self._places:
            if name in graph.partners:
                links = graph.partners[name]
                found.append(Edge(self.firm, str(graph.nodes[links.node_type][links.indices[place]]), name, 0))
                continue
            relation = graph.relations[name]
            source, target = _ends(relation, place)
            if not relation.directed:
                source, target = min(source, target), max(source, target)
            found.append(Edge(str(firms[source]), str(firms[target]), name, 0))
        return tuple(found)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The firm's own features."""
        graph = self.opened.graph
        values = graph.features[self.row].tolist()
        return tuple(Feature(name, Place.OWN, value) for name, value in zip(graph.feature_names, values, strict=True))

    def log_odds(self, edges: Kept | None = None, features: Kept | None = None) -> FloatVector:
        """Return the score under each row of what is kept, (b,)."""
        counts = {len(kept) for kept in (edges, features) if kept is not None} or {1}
        if len(counts) != 1:
            raise ValueError(f"edges and features must have the same number of rows, found {sorted(counts)}")
        return np.concatenate(
            [
                self._asked(None if edges is None else edges[one], None if features is None else features[one])
                for one in range(counts.pop())
            ]
        )

    def _asked(self, edges: Kept | None, features: Kept | None) -> FloatVector:
        graph = self.opened.graph
        if features is not None:
            rows = graph.features.copy()
            rows[self.row] = np.where(features, rows[self.row], self.opened.baseline)
            graph = replace(graph, features=rows)
        if edges is not None:
            graph = self._left(edges)
        return adverse_log_odds(self.opened.fitted.probabilities(graph)[[self.row]], self.opened.adverse)

    def _left(self, kept: Kept) -> CorporateGraph:
        graph = self.opened.graph
        gone: dict[str, list[int]] = {}
        for (name, place), stays in zip(self._places, kept.tolist(), strict=True):
            if not stays:
                gone.setdefault(name, []).append(place)
        return replace(
            graph,
            relations={
                name: without_places(relation, gone[name]) if name in gone else relation
                for name, relation in graph.relations.items()
            },
            partners={
                name: _without_links(links, gone[name]) if name in gone else links
                for name, links in graph.partners.items()
            },
        )


def without_places(relation: RelationEdges, places: list[int]) -> RelationEdges:
    """Return a relation without the edges at some places; an undirected edge goes in both directions."""
    stays = np.ones(len(relation.indices), dtype=np.bool_)
    stays[places] = False
    if not relation.directed:
        for source, target in (_ends(relation, place) for place in places):
            row = relation.indices[relation.indptr[target] : relation.indptr[target + 1]]
            stays[relation.indptr[target] + int(np.searchsorted(row, source))] = False
    return _only(relation, stays)


def _without_links(links: PartnerEdges, places: list[int]) -> PartnerEdges:
    stays = np.ones(links.links, dtype=np.bool_)
    stays[places] = False
    return _only(links, stays)


def _only(edges: Edges, stays: NDArray[np.bool_]) -> Edges:
    before = np.concatenate([[0], np.cumsum(stays)]).astype(np.int64)
    return replace(edges, indptr=before[edges.indptr], indices=edges.indices[stays], weights=edges.weights[stays])


def _ends(relation: RelationEdges, place: int) -> tuple[int, int]:
    source = int(np.searchsorted(relation.indptr, place, side="right")) - 1
    return source, int(relation.indices[place])
