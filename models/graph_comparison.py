"""How one quarter's graph differs from the one before, as a list of numbers (`models.measures`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import normalized_mutual_info_score

from models.categories import Category
from models.cohesion import core_numbers, local_clustering
from models.communities import Communities, detected_communities
from models.corporate_graph import CorporateGraph, FloatMatrix, IntVector
from models.embeddings import fastrp_embedding
from models.graph_statistics import spectral_head
from models.measures import LEAST, Measured, Vector, distance, growth, share, undefined
from models.relation_comparison import (
    PlacedRelation,
    agreement_measures,
    homophily_measures,
    relation_measures,
)
from schemas.specs import GraphSpec
from schemas.structure import FastRPSpec

#: the subject of what is measured on all relations together
ALL_RELATIONS = "all relations"
#: coordinates that firms' places in the two graphs are compared by
_COORDINATES = FastRPSpec(dimensions=32)


@dataclass(frozen=True)
class ComparedGraph:
    """A graph with its communities and categories; what is computed of it once serves both its comparisons."""

    graph: CorporateGraph
    communities: Communities
    categories: tuple[Category, ...] = ()

    @classmethod
    def of(
        cls, graph: CorporateGraph, spec: GraphSpec | None = None, categories: tuple[Category, ...] = ()
    ) -> ComparedGraph:
        """Detect the communities of a graph."""
        return cls(graph, detected_communities(graph.firms, graph.union(), spec or GraphSpec()), categories)

    @cached_property
    def union(self) -> sp.csr_array:
        """All relations as one undirected pattern."""
        return self.graph.union()

    @cached_property
    def clustering(self) -> Vector:
        """The clustering coefficient of each firm."""
        return local_clustering(self.union)

    @cached_property
    def cores(self) -> Vector:
        """The core number of each firm."""
        return core_numbers(self.union).astype(np.float64)

    @cached_property
    def component(self) -> IntVector:
        """The number of the component that each firm lies in."""
        _, member = sp.csgraph.connected_components(self.union, directed=False)
        return np.asarray(member, dtype=np.int64)

    @property
    def components(self) -> int:
        """How many components there are."""
        return int(self.component.max()) + 1

    @property
    def largest_component(self) -> int:
        """The number of the component with most firms."""
        return int(np.bincount(self.component).argmax())

    @cached_property
    def spectrum(self) -> Vector:
        """The leading eigenvalues of the renormalised adjacency."""
        return np.array(spectral_head(self.union, self.graph.firms))

    @cached_property
    def coordinates(self) -> FloatMatrix:
        """A FastRP embedding: every firm has its own stream of draws, so that two quarters' can be compared as is."""
        return fastrp_embedding(self.union, self.graph.firms, _COORDINATES)


def graph_measures(before: ComparedGraph, after: ComparedGraph) -> tuple[Measured, ...]:
    """Measure how a graph differs from that of the quarter before: each relation both have, then all together."""
    old, new = before.graph, after.graph
    firms = np.union1d(old.firms, new.firms)
    places = [np.searchsorted(firms, graph.firms) for graph in (old, new)]
    both = np.zeros((2, len(firms)), dtype=np.bool_)
    for row, place in enumerate(places):
        both[row, place] = True
    staying = both[0] & both[1]
    figures = _figures(old, new, places, len(firms))
    found: list[Measured] = []
    for name in (name for name in new.relations if name in old.relations):
        if old.relations[name].directed != new.relations[name].directed:
            continue
        was, now = (
            PlacedRelation.of(graph, graph.relations[name], place, len(firms))
            for graph, place in zip((old, new), places, strict=True)
        )
        found += relation_measures(name, was, now, staying)
        found += agreement_measures(name, was, now, figures, staying)
        found += homophily_measures(name, new.relations[name], after.categories)
    for name in (name for name in new.partners if name in old.partners):
        found += _partner_measures(name, old, new)
    return (*found, *_whole_measures(before, after, both))


def _figures(
    old: CorporateGraph, new: CorporateGraph, places: list[IntVector], size: int
) -> tuple[FloatMatrix, FloatMatrix]:
    names = [name for name in new.feature_names if name in old.feature_names]
    spread = []
    for graph, place in zip((old, new), places, strict=True):
        values = np.full((size, len(names)), np.nan)
        values[place] = graph.features[:, [graph.feature_names.index(name) for name in names]]
        spread.append(values)
    return spread[0], spread[1]


def _partner_measures(name: str, old: CorporateGraph, new: CorporateGraph) -> Iterator[Measured]:
    was, now = old.partners[name], new.partners[name]
    yield growth(name, "growth of links", was.links, now.links)
    yield distance(
        name,
        f"number of {now.node_type} nodes",
        np.log1p(np.diff(was.indptr).astype(np.float64)),
        np.log1p(np.diff(now.indptr).astype(np.float64)),
    )


def _whole_measures(before: ComparedGraph, after: ComparedGraph, both: NDArray[np.bool_]) -> Iterator[Measured]:
    was, now = both
    yield growth(ALL_RELATIONS, "growth of firms", before.graph.size, after.graph.size)
    yield share(ALL_RELATIONS, "firms that are new", ~was[now])
    yield share(ALL_RELATIONS, "firms that left", ~now[was])
    yield growth(ALL_RELATIONS, "growth of components", before.components, after.components)
    yield share(ALL_RELATIONS, "firms in the largest component", after.component == after.largest_component)
    yield distance(ALL_RELATIONS, "clustering", before.clustering, after.clustering)
    yield distance(ALL_RELATIONS, "core number", np.log1p(before.cores), np.log1p(after.cores))
    edges = after.union.nnz // 2
    if edges < LEAST:
        yield undefined(ALL_RELATIONS, "modularity", f"{edges} edges, fewer than {LEAST}")
    else:
        yield Measured(ALL_RELATIONS, "modularity", after.communities.modularity, float(1 / np.sqrt(edges)))
    yield from _persistence(before, after)
    yield _spectral_distance(before.spectrum, after.spectrum, edges)
    yield _moved_firms(before, after)


def _persistence(before: ComparedGraph, after: ComparedGraph) -> Iterator[Measured]:
    _, rows, columns = np.intersect1d(before.graph.firms, after.graph.firms, assume_unique=True, return_indices=True)
    information, matched = "communities as before (normalised mutual information)", "firms in a community that persists"
    if len(rows) < LEAST:
        for statistic in (information, matched):
            yield undefined(ALL_RELATIONS, statistic, f"{len(rows)} firms in both quarters, fewer than {LEAST}")
        return
    old, new = before.communities.names[rows], after.communities.names[columns]
    value = float(normalized_mutual_info_score(old, new))
    yield Measured(ALL_RELATIONS, information, value, float(0.5 / np.sqrt(len(rows))))
    yield share(ALL_RELATIONS, matched, _in_counterparts(old, new))


def _in_counterparts(old: NDArray[np.str_], new: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Tell which firms lie in two communities each of which shares more firms with the other than with any third."""
    _, first = np.unique(old, return_inverse=True)
    _, second = np.unique(new, return_inverse=True)
    shared = sp.csr_array((np.ones(len(first), dtype=np.int64), (first, second)))
    shared.sum_duplicates()
    table = shared.tocoo()
    most_of_row = shared.max(axis=1).toarray().ravel()
    most_of_column = shared.max(axis=0).toarray().ravel()
    best = (table.data == most_of_row[table.row]) & (table.data == most_of_column[table.col])
    width = shared.shape[1]
    return np.isin(first * width + second, table.row[best].astype(np.int64) * width + table.col[best])


def _spectral_distance(before: Vector, after: Vector, edges: int) -> Measured:
    statistic = "distance of the leading eigenvalues"
    shorter = min(len(before), len(after))
    if shorter < 2:
        return undefined(ALL_RELATIONS, statistic, "a graph without edges")
    value = float(np.abs(before[:shorter] - after[:shorter]).mean())
    return Measured(ALL_RELATIONS, statistic, value, float(1 / np.sqrt(max(edges, 1))) / 2, "up")


def _moved_firms(before: ComparedGraph, after: ComparedGraph) -> Measured:
    """Return how far firms moved that kept exactly their partners: 1 - cosine, 0 where nothing around them changed."""
    statistic = "places of firms whose partners are unchanged"
    rows, columns = _unchanged(before, after)
    if len(rows) < LEAST:
        return undefined(ALL_RELATIONS, statistic, f"{len(rows)} such firms, fewer than {LEAST}")
    old, new = before.coordinates[rows], after.coordinates[columns]
    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    cosine = np.divide((old * new).sum(axis=1), lengths, out=np.ones(len(rows)), where=lengths > 0)
    moved = 1 - cosine
    return Measured(ALL_RELATIONS, statistic, float(moved.mean()), float(moved.std() / np.sqrt(len(rows))), "up")


def _unchanged(before: ComparedGraph, after: ComparedGraph) -> tuple[IntVector, IntVector]:
    """Return the positions of the firms with at least one partner that have the same partners in both graphs."""
    _, rows, columns = np.intersect1d(before.graph.firms, after.graph.firms, assume_unique=True, return_indices=True)
    # A sum of pseudo-random numbers of the partners' ids is equal where the partners are, and hardly ever elsewhere.
    every = np.union1d(before.graph.firms, after.graph.firms)
    keys = np.random.default_rng(0).random(len(every))
    sums = []
    for compared, place in ((before, rows), (after, columns)):
        own = keys[np.searchsorted(every, compared.graph.firms)]
        sums.append((np.asarray(compared.union @ own).ravel()[place], np.diff(compared.union.indptr)[place]))
    (old, old_degrees), (new, new_degrees) = sums
    same = (old_degrees == new_degrees) & (old_degrees > 0) & np.isclose(old, new, rtol=0, atol=1e-9)
    return rows[same], columns[same]
