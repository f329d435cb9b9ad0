"""Candidates over a table of inputs, opened for explanations; partners come in through aggregates of their features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from models.corporate_graph import Columns, CorporateGraph, FloatMatrix, RelationEdges
from models.explain.attribution import Edge, Feature, FloatVector, Kept, Place
from models.fitted import Fitted
from models.inputs import design_matrix
from models.neighbours import neighbour_features
from schemas.candidates import Group

_OWN_GROUPS = (Group.OWN, Group.HISTORY)
_CERTAIN = 1e-12


@dataclass(frozen=True)
class OpenedTable:
    """A fitted candidate that scores each firm from its row of inputs alone.

    Parameters
    ----------
    groups
        The groups of inputs it asks for.
    adverse
        Class indices whose probability is explained.
    """

    fitted: Fitted
    graph: CorporateGraph
    groups: tuple[Group, ...]
    adverse: tuple[int, ...]

    @cached_property
    def columns(self) -> dict[Group, Columns]:
        """The inputs of all firms by group."""
        return {group: Columns(*design_matrix(self.graph, [group])) for group in self.groups}

    @cached_property
    def rows(self) -> FloatMatrix:
        """The inputs of all firms, (n, k)."""
        return np.concatenate([part.values for part in self.columns.values()], axis=1)

    @cached_property
    def baseline(self) -> NDArray[np.float64]:
        """The median of each input over all firms, (k,); NaN where no firm's is known."""
        known = ~np.isnan(self.rows)
        filled = np.where(known.any(axis=0), self.rows, 0.0)
        return np.where(known.any(axis=0), np.nanmedian(filled, axis=0), np.nan)

    def log_odds_of(self, rows: FloatMatrix) -> FloatVector:
        """Return ln(P / (1 - P)) of the adverse classes for any rows of inputs, (b, k) to (b,)."""
        starts = np.cumsum([0, *(len(part.names) for part in self.columns.values())])
        cut = {
            group: Columns(rows[:, start:stop], part.names)
            for (group, part), start, stop in zip(self.columns.items(), starts[:-1], starts[1:], strict=True)
        }
        own = cut.get(Group.OWN, Columns(np.zeros((len(rows), 0)), ()))
        nobody = {
            name: RelationEdges(
                np.zeros(len(rows) + 1, np.int64), np.zeros(0, np.int64), np.zeros(0), relation.directed
            )
            for name, relation in self.graph.relations.items()
        }
        asked = CorporateGraph(
            as_of=self.graph.as_of,
            firms=np.arange(len(rows)).astype(np.str_),
            relations=nobody,
            features=own.values,
            feature_names=own.names,
            computed={group: part for group, part in cut.items() if group != Group.OWN},
        )
        return adverse_log_odds(self.fitted.probabilities(asked), self.adverse)

    def disturbed(self, scale: float, seed: int) -> OpenedTable:
        """Return the same for own features moved by normal noise of so many of their deviations."""
        return replace(self, graph=disturbed_graph(self.graph, scale, seed))

    def about(self, firm: int) -> ExplainedRow:
        """Return one firm's score for explaining."""
        return ExplainedRow(self, firm)


@dataclass(frozen=True)
class ExplainedRow:
    """One firm's score by a candidate over a table (`models.explain.attribution.Explained`).

    Edges are the firm's own relations, where aggregates over partners are among the inputs; structural features and
    embeddings stay as they are when an edge goes.
    """

    opened: OpenedTable
    row: int

    @property
    def firm(self) -> str:
        """Id of the firm."""
        return str(self.opened.graph.firms[self.row])

    @property
    def inputs(self) -> FloatVector:
        """Its row of inputs, (k,)."""
        return np.asarray(self.opened.rows[self.row])

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Its inputs in their order."""
        values = iter(self.inputs.tolist())
        return tuple(
            Feature(name, Place.OWN if group in _OWN_GROUPS else Place.NETWORK, next(values))
            for group, part in self.opened.columns.items()
            for name in part.names
        )

    @cached_property
    def _found_edges(self) -> list[tuple[Edge, str, int]]:
        """Each edge with the name of its relation and its place among that relation's edges at this firm."""
        return list(self._edges()) if Group.NEIGHBOUR in self.opened.columns else []

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The firm's own relations; none if no input is of its partners."""
        return tuple(edge for edge, _, _ in self._found_edges)

    def _edges(self) -> Iterator[tuple[Edge, str, int]]:
        firms = self.opened.graph.firms
        for name, (relation, star) in self._stars.items():
            for place, (row, column) in enumerate(star.tolist()):
                ends = (row, column) if relation.directed else (min(row, column), max(row, column))
                yield Edge(str(firms[ends[0]]), str(firms[ends[1]]), name, 0), name, place

    @cached_property
    def _stars(self) -> dict[str, tuple[RelationEdges, NDArray[np.int64]]]:
        """By relation its edges at this firm, (e, 2), source and target; an undirected one stands once."""
        found = {}
        for name, relation in self.opened.graph.relations.items():
            out = relation.indices[relation.indptr[self.row] : relation.indptr[self.row + 1]]
            star = np.stack([np.full(len(out), self.row), out], axis=1)
            if relation.directed:
                places = np.flatnonzero(relation.indices == self.row)
                sources = np.searchsorted(relation.indptr, places, side="right") - 1
                star = np.concatenate([star, np.stack([sources, np.full(len(sources), self.row)], axis=1)])
            found[name] = (relation, star.astype(np.int64))
        return found

    def log_odds(self, edges: Kept | None = None, features: Kept | None = None) -> FloatVector:
        """Return the score under each row of what is kept, (b,)."""
        counts = {len(kept) for kept in (edges, features) if kept is not None} or {1}
        if len(counts) != 1:
            raise ValueError(f"edges and features must have the same number of rows, found {sorted(counts)}")
        rows = np.repeat(self.inputs[None, :], counts.pop(), axis=0)
        if edges is not None and len(self.edges):
            start = 0
            for group, part in self.opened.columns.items():
                if group == Group.NEIGHBOUR:
                    rows[:, start : start + len(part.names)] = self._aggregates(edges)
                start += len(part.names)
        if features is not None:
            rows = np.where(features, rows, self.opened.baseline)
        return self.opened.log_odds_of(rows)

    def _aggregates(self, kept: Kept) -> FloatMatrix:
        """Return the aggregates over the partners that are kept, (b, aggregates)."""
        graph = self.opened.graph
        partners = np.unique(np.concatenate([star.ravel() for _, star in self._stars.values()]))
        partners = partners[partners != self.row]
        places = {self.row: 0, **{int(firm): number for number, firm in enumerate(partners.tolist(), start=1)}}
        rows = len(places)
        small = replace(
            graph,
            firms=np.arange(rows).astype(np.str_),
            features=graph.features[[self.row, *partners.tolist()]],
            computed={},
            nodes={},
            partners={},
            noted={},
        )
        found, names = [], [name for _, name, _ in self._found_edges]
        weights = {name: self._star_weights(name) for name in self._stars}
        for one in kept:
            relations = {}
            for name, (relation, star) in self._stars.items():
                stays = one[[number for number, named in enumerate(names) if named == name]]
                ends = np.array([[places[a], places[b]] for a, b in star[stays].tolist()], dtype=np.int64).reshape(
                    -1, 2
                )
                relations[name] = _star_edges(ends, weights[name][stays], rows, directed=relation.directed)
            found.append(neighbour_features(replace(small, relations=relations))[0][0])
        return np.stack(found)

    def _star_weights(self, name: str) -> FloatVector:
        relation, star = self._stars[name]
        matrix = relation.matrix()
        return np.array([matrix[a, b] for a, b in star.tolist()], dtype=np.float64)


def adverse_log_odds(probabilities: FloatMatrix, adverse: tuple[int, ...]) -> FloatVector:
    """Return ln(P / (1 - P)) of the adverse classes, (n, classes) to (n,); certainty is cut at 1e-12."""
    return np.asarray(logit(np.clip(probabilities[:, list(adverse)].sum(axis=1), _CERTAIN, 1 - _CERTAIN)))


def disturbed_graph(graph: CorporateGraph, scale: float, seed: int) -> CorporateGraph:
    """Return the graph with features moved by normal noise of so many of their deviations; what is missing stays so."""
    known = ~np.isnan(graph.features)
    deviation = np.std(graph.features, axis=0, where=known & known.any(axis=0))
    noise = np.random.default_rng(seed).normal(size=graph.features.shape)
    return replace(graph, features=graph.features + scale * np.nan_to_num(deviation) * noise)


def _star_edges(ends: NDArray[np.int64], weights: FloatVector, size: int, *, directed: bool) -> RelationEdges:
    if not directed:
        ends, weights = np.concatenate([ends, ends[:, ::-1]]), np.concatenate([weights, weights])
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    counts = np.bincount(ends[:, 0], minlength=size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return RelationEdges(indptr, ends[order, 1].astype(np.int64), weights[order], directed=directed)
