"""Features from structure: what a firm's place in the graph says, without its neighbours' outcomes.

No label is looked at, and of the features only `Statistic.EXTREMES` sees any. Permuting or renaming firms permutes
the rows; names decide only which firms sampled betweenness starts from, and which of several equally large
components gets the eigenvector centrality.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.betweenness import betweenness
from models.centrality import eigenvector_centrality, katz, pagerank
from models.cohesion import core_numbers, local_clustering
from models.corporate_graph import CorporateGraph, FloatMatrix, RelationEdges
from models.edges import pattern
from models.partners import PartnerEdges
from models.upstream import upstream_lengths
from schemas.structure import Statistic

Column = tuple[str, NDArray[np.float64]]


ALL = tuple(Statistic)


def structural_features(
    graph: CorporateGraph, statistics: Collection[Statistic] = ALL, ends: Mapping[str, tuple[str, str]] | None = None
) -> tuple[FloatMatrix, tuple[str, ...]]:
    """Return what the structure says of each firm, and the columns' names.

    For each relation and, where it has a direction, each end of it: the number of partners, their weight (strength),
    its concentration, and the least and largest known value of each feature among them. For each relation:
    PageRank by weight, times the number of firms, so that 1 is the mean whatever the size of the graph; Katz
    centrality by number of walks (weights of heavy-tailed amounts would leave it to one pair of firms); and, for a
    directed one, the longest and mean path from its sources. Over all relations together: eigenvector
    centrality, betweenness, clustering and core number. Of links to nodes that are no firms: their number,
    weight and concentration. Negative weights count as 0.

    A firm without partners has 0 partners, weight, clustering, core number, betweenness, eigenvector
    centrality and path lengths, Katz 1, the least PageRank, and NaN where something of its partners is asked
    (concentration, least and largest feature).

    Parameters
    ----------
    statistics
        The groups of columns wanted.
    ends
        For a directed relation, what its sources and its targets are called in the names of columns, such as
        ``{"supply": ("suppliers", "buyers")}``; otherwise ``("sources", "targets")``.

    Returns
    -------
    (n, k) float64, (k,)
        Names such as ``supply: herfindahl of buyers``.
    """
    columns = dict(_columns(graph, frozenset(statistics), ends or {}))
    values = np.column_stack(list(columns.values())) if columns else np.empty((graph.size, 0))
    return values, tuple(columns)


def herfindahl(adjacency: sp.csr_array) -> NDArray[np.float64]:
    """Return the concentration of each row's weights, sum_j (w_ij / sum_k w_ik)^2, in (0, 1].

    1 is a single partner, 1 / k are k equal ones; NaN for a row without weight (Herfindahl 1950, Hirschman 1945).
    """
    total = _sums(adjacency, adjacency.data)
    # Dividing first keeps large amounts from overflowing when they are squared.
    shares = np.divide(
        adjacency.data,
        np.repeat(total, np.diff(adjacency.indptr)),
        where=adjacency.data > 0,
        out=np.zeros_like(adjacency.data),
    )
    return np.where(total > 0, _sums(adjacency, shares**2), np.nan)


def neighbour_extremes(adjacency: sp.csr_array, features: FloatMatrix) -> tuple[FloatMatrix, FloatMatrix]:
    """Return the least and the largest value of each feature among a firm's partners, both (n, f).

    Values that are not known are passed over; NaN where no partner's value is known.
    """
    least = np.full(features.shape, np.nan)
    largest = np.full(features.shape, np.nan)
    some = np.flatnonzero(np.diff(adjacency.indptr))
    for column in range(features.shape[1] if len(some) else 0):
        heard = features[adjacency.indices, column]
        least[some, column] = np.fmin.reduceat(heard, adjacency.indptr[some])
        largest[some, column] = np.fmax.reduceat(heard, adjacency.indptr[some])
    return least, largest


def _columns(
    graph: CorporateGraph, wanted: frozenset[Statistic], ends: Mapping[str, tuple[str, str]]
) -> Iterator[Column]:
    for name, relation in graph.relations.items():
        outward = _weights(relation)
        for partners, side in _sides(outward, relation.directed, ends.get(name, ("sources", "targets"))):
            yield from ((f"{name}: {label}", values) for label, values in _side_columns(side, partners, graph, wanted))
        yield from ((f"{name}: {label}", values) for label, values in _flow_columns(outward, relation.directed, wanted))
    for name, links in graph.partners.items():
        known = _side_columns(_weights(links), f"{links.node_type} partners", graph, wanted - {Statistic.EXTREMES})
        yield from ((f"{name}: {label}", values) for label, values in known)
    yield from _union_columns(graph, wanted)


def _union_columns(graph: CorporateGraph, wanted: frozenset[Statistic]) -> Iterator[Column]:
    if not wanted & {Statistic.EIGENVECTOR, Statistic.BETWEENNESS, Statistic.CLUSTERING, Statistic.CORE}:
        return
    union = graph.union()
    if Statistic.EIGENVECTOR in wanted:
        yield "eigenvector centrality", eigenvector_centrality(union)
    if Statistic.BETWEENNESS in wanted:
        yield "betweenness", betweenness(union, graph.firms)
    if Statistic.CLUSTERING in wanted:
        yield "clustering", local_clustering(union)
    if Statistic.CORE in wanted:
        yield "core number", core_numbers(union).astype(np.float64)


def _side_columns(
    side: sp.csr_array, partners: str, graph: CorporateGraph, wanted: frozenset[Statistic]
) -> Iterator[Column]:
    if Statistic.DEGREE in wanted:
        yield f"number of {partners}", np.diff(side.indptr).astype(np.float64)
    if Statistic.STRENGTH in wanted:
        yield f"weight of {partners}", _sums(side, side.data)
    if Statistic.HERFINDAHL in wanted:
        yield f"herfindahl of {partners}", herfindahl(side)
    if Statistic.EXTREMES in wanted:
        least, largest = neighbour_extremes(side, graph.features)
        for column, feature in enumerate(graph.feature_names):
            yield f"least {feature} of {partners}", least[:, column]
            yield f"largest {feature} of {partners}", largest[:, column]


def _flow_columns(outward: sp.csr_array, directed: bool, wanted: frozenset[Statistic]) -> Iterator[Column]:
    if Statistic.PAGERANK in wanted:
        yield "pagerank times firms", pagerank(outward) * outward.shape[0]
    if Statistic.KATZ in wanted:
        yield "katz", katz(pattern(outward))
    if Statistic.UPSTREAM in wanted and directed:
        longest, mean = upstream_lengths(outward)
        yield "longest upstream path", longest.astype(np.float64)
        yield "mean upstream path", mean


def _sides(outward: sp.csr_array, directed: bool, ends: tuple[str, str]) -> Iterator[tuple[str, sp.csr_array]]:
    if not directed:
        yield "partners", outward
        return
    sources, targets = ends
    yield targets, outward
    yield sources, sp.csr_array(outward.T)


def _weights(relation: RelationEdges | PartnerEdges) -> sp.csr_array:
    matrix = relation.matrix()
    matrix.data = np.maximum(matrix.data, 0.0)
    return matrix


def _sums(adjacency: sp.csr_array, values: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.repeat(np.arange(adjacency.shape[0]), np.diff(adjacency.indptr))
    return np.asarray(np.bincount(rows, weights=values, minlength=adjacency.shape[0]), dtype=np.float64)
