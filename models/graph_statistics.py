"""What a corporate graph looks like, in numbers that people can compare from quarter to quarter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.centrality import largest_component
from models.cohesion import core_numbers, local_clustering
from models.communities import Communities
from models.construction_notes import RelationNotes
from models.corporate_graph import CorporateGraph, RelationEdges
from models.edges import pattern
from models.fingerprint import exact_root, part_digests
from models.firm_streams import firm_keys, uniforms
from models.laplacians import renormalised_adjacency
from models.partners import PartnerEdges
from models.spectrum import leading_eigenpairs
from models.tails import tail
from schemas.portrait import Tail
from schemas.results import (
    GraphStatistics,
    Homophily,
    PartnerStatistics,
    RelationStatistics,
    StructuralFingerprint,
)
from schemas.terms import Quarter

QUANTILES = {"minimum": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "p99": 0.99, "maximum": 1.0}
ALL_RELATIONS = "all relations: partners"
CLUSTERING, CORE = "clustering", "core number"
#: eigenvalues in the fingerprint
SPECTRAL_HEAD = 12
#: decimals of an eigenvalue, and the residual that is enough for them
_EIGENVALUE_DECIMALS, _RESIDUAL = 6, 1e-5


def graph_statistics(
    graph: CorporateGraph,
    communities: Communities,
    homophily: tuple[Homophily, ...] = (),
    notes: Mapping[str, RelationNotes] | None = None,
) -> GraphStatistics:
    """Return counts, degrees, components, clustering and cores, with the exact and the structural fingerprint.

    Parameters
    ----------
    communities
        The partition of the graph's own firms.
    homophily
        Becomes part of the structural fingerprint (`models.homophily`).
    notes
        Of the graph's construction, by relation.
    """
    told = notes or {}
    union = graph.union()
    degrees = np.diff(union.indptr)
    digests = part_digests(graph)
    nodes = _node_statistics(graph, union)
    _, component = sp.csgraph.connected_components(union, directed=False)
    _, sizes = np.unique(communities.names, return_counts=True)
    return GraphStatistics(
        quarter=Quarter.of(graph.as_of),
        firms=graph.size,
        edges=sum(relation.edges for relation in graph.relations.values()),
        features=len(graph.feature_names),
        fingerprint=exact_root(digests),
        digests=digests,
        relations=tuple(
            _relation_statistics(name, relation, told.get(name)) for name, relation in graph.relations.items()
        ),
        nodes={node_type: len(ids) for node_type, ids in graph.nodes.items()},
        partners=tuple(_partner_statistics(name, edges, told.get(name)) for name, edges in graph.partners.items()),
        components=int(component.max()) + 1,
        largest_component=int(np.bincount(component).max()),
        clustering=float(nodes[CLUSTERING].mean()),
        largest_core=int(nodes[CORE].max()),
        degree_quantiles=_quantiles(degrees),
        communities=len(sizes),
        modularity=communities.modularity,
        structure=StructuralFingerprint(
            quantiles={name: _quantiles(values) for name, values in nodes.items()},
            community_sizes=_quantiles(sizes),
            homophily=homophily,
            spectral_head=spectral_head(union, graph.firms),
        ),
    )


def spectral_head(union: sp.csr_array, firms: NDArray[np.str_], count: int = SPECTRAL_HEAD) -> tuple[float, ...]:
    """Return the largest eigenvalues, falling, of the renormalised adjacency of the largest component.

    Of E^-1/2 (A + I) E^-1/2 with E = D + I (Kipf and Welling 2017), eigenvalues in (-1, 1]. Over all components
    together the eigenvalue 1 would only repeat once a component, which is counted elsewhere. The gap below 1
    bounds how well the component can be cut in two (Cheeger's inequality; Chung 1997).

    Parameters
    ----------
    union : (n, n)
        Symmetric pattern (`CorporateGraph.union`).
    firms : (n,) str
        Ids, which seed the solver's start, so that the same graph gives the same numbers.

    Returns
    -------
    At most `count` values, rounded to 6 decimals: fewer for a smaller component, none for a graph without edges.
    """
    members = largest_component(union)
    if len(members) < 2:
        return ()
    matrix = renormalised_adjacency(sp.csr_array(union[members][:, members]))
    # In (-1/2, 1/2), so not orthogonal to any vector sought, mirror-symmetric graphs included.
    start = uniforms(firm_keys(firms[members], 0), np.array(0, dtype=np.uint64)) - 0.5
    values, _ = leading_eigenpairs(matrix, count, start, _RESIDUAL)
    return tuple(round(float(value), _EIGENVALUE_DECIMALS) for value in values)


def node_statistics(graph: CorporateGraph) -> dict[str, NDArray[np.float64]]:
    """Return, a firm each, degree in and out of each relation, clustering and core number.

    Their distributions are what graph drift compares between quarters.
    """
    return _node_statistics(graph, graph.union())


def degree_tails(graph: CorporateGraph) -> tuple[Tail, ...]:
    """Return how the number of partners is distributed: of all relations together, then of each and each direction."""
    every = tail(ALL_RELATIONS, np.diff(graph.union().indptr))
    return (every, *(tail(name, values) for name, values in _degrees(graph).items()))


def _node_statistics(graph: CorporateGraph, union: sp.csr_array) -> dict[str, NDArray[np.float64]]:
    columns = _degrees(graph)
    columns[CLUSTERING] = local_clustering(union)
    columns[CORE] = core_numbers(union).astype(np.float64)
    return columns


def _degrees(graph: CorporateGraph) -> dict[str, NDArray[np.float64]]:
    columns: dict[str, NDArray[np.float64]] = {}
    for name, relation in graph.relations.items():
        columns[f"{name}: partners out" if relation.directed else f"{name}: partners"] = np.diff(
            relation.indptr
        ).astype(np.float64)
        if relation.directed:
            columns[f"{name}: partners in"] = np.bincount(relation.indices, minlength=graph.size).astype(np.float64)
    for name, edges in graph.partners.items():
        columns[f"{name}: {edges.node_type} nodes"] = np.diff(edges.indptr).astype(np.float64)
    return columns


def _quantiles(values: NDArray[np.float64] | NDArray[np.int64]) -> dict[str, float]:
    found = np.quantile(values, list(QUANTILES.values()))
    return dict(zip(QUANTILES, map(float, found), strict=True))


def cyclic_groups(relation: RelationEdges) -> list[int]:
    """Return the sizes of the groups of firms that reach each other along the relation, largest first.

    They are the strongly connected components of more than one firm: in a relation of owners, firms that
    own a part of themselves through others. An undirected relation has no cycles in this sense.
    """
    if not relation.directed:
        return []
    # Of the pattern, since an edge of weight 0 is an edge.
    _, group = sp.csgraph.connected_components(pattern(relation.matrix()), directed=True, connection="strong")
    sizes = np.bincount(group)
    return sorted(sizes[sizes > 1].tolist(), reverse=True)


def _relation_statistics(name: str, relation: RelationEdges, notes: RelationNotes | None) -> RelationStatistics:
    outward = np.diff(relation.indptr)
    partners = outward if not relation.directed else outward + np.bincount(relation.indices, minlength=len(outward))
    cycles = cyclic_groups(relation)
    statistics = RelationStatistics(
        relation=name,
        edges=relation.edges,
        mean_degree=float(partners.mean()),
        largest_degree=int(partners.max()),
        isolated_firms=int((partners == 0).sum()),
        weight_total=float(relation.weights.sum()) / (1 if relation.directed else 2),
        cyclic_groups=len(cycles),
        largest_cyclic_group=max(cycles, default=0),
    )
    if notes is None:
        return statistics
    told: dict[str, object] = {**asdict(notes.counts), "recall": notes.recall}
    if notes.margins is not None:
        told |= {"margin_error": notes.margins.largest_error, "margin_mismatch": notes.margins.total_mismatch}
    return statistics.model_copy(update=told)


def _partner_statistics(name: str, edges: PartnerEdges, notes: RelationNotes | None) -> PartnerStatistics:
    firms_each = np.bincount(edges.indices, minlength=edges.width)
    links = np.diff(edges.indptr)
    statistics = PartnerStatistics(
        relation=name,
        node_type=edges.node_type,
        links=edges.links,
        linked_nodes=int((firms_each > 0).sum()),
        mean_links=float(links.mean()),
        largest_node=int(firms_each.max(initial=0)),
        isolated_firms=int((links == 0).sum()),
    )
    if notes is None:
        return statistics
    counts = notes.counts
    return statistics.model_copy(
        update={
            "rows": counts.rows,
            "unknown_firms": counts.unknown_firms,
            "repeated_rows": counts.repeated_rows,
        }
    )
