"""What a corporate graph looks like, in numbers that people can compare from quarter to quarter."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.cohesion import core_numbers, local_clustering
from models.communities import Communities
from models.corporate_graph import CorporateGraph, RelationEdges
from models.fingerprint import exact_root, part_digests
from schemas.results import GraphStatistics, RelationStatistics
from schemas.terms import Quarter

QUANTILES = {"minimum": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "p99": 0.99, "maximum": 1.0}


def graph_statistics(graph: CorporateGraph, communities: Communities) -> GraphStatistics:
    """Return counts, degrees, components, clustering and cores, with the exact fingerprint."""
    union = graph.union()
    degrees = np.diff(union.indptr)
    digests = part_digests(graph)
    _, component = sp.csgraph.connected_components(union, directed=False)
    return GraphStatistics(
        quarter=Quarter.of(graph.as_of),
        firms=graph.size,
        edges=sum(relation.edges for relation in graph.relations.values()),
        features=len(graph.feature_names),
        fingerprint=exact_root(digests),
        digests=digests,
        relations=tuple(_relation_statistics(name, relation) for name, relation in graph.relations.items()),
        components=int(component.max()) + 1,
        largest_component=int(np.bincount(component).max()),
        clustering=float(local_clustering(union).mean()),
        largest_core=int(core_numbers(union).max()),
        degree_quantiles={name: float(np.quantile(degrees, share)) for name, share in QUANTILES.items()},
        communities=communities.count,
        modularity=communities.modularity,
    )


def node_statistics(graph: CorporateGraph) -> dict[str, NDArray[np.float64]]:
    """Return, a firm each, degree in and out of each relation, clustering and core number.

    Their distributions are what graph drift compares between quarters.
    """
    union = graph.union()
    columns: dict[str, NDArray[np.float64]] = {}
    for name, relation in graph.relations.items():
        columns[f"{name}: partners out" if relation.directed else f"{name}: partners"] = np.diff(
            relation.indptr
        ).astype(np.float64)
        if relation.directed:
            columns[f"{name}: partners in"] = np.bincount(relation.indices, minlength=graph.size).astype(np.float64)
    columns["clustering"] = local_clustering(union)
    columns["core number"] = core_numbers(union).astype(np.float64)
    return columns


def _relation_statistics(name: str, relation: RelationEdges) -> RelationStatistics:
    outward = np.diff(relation.indptr)
    partners = outward if not relation.directed else outward + np.bincount(relation.indices, minlength=len(outward))
    return RelationStatistics(
        relation=name,
        edges=relation.edges,
        mean_degree=float(partners.mean()),
        largest_degree=int(partners.max()),
        isolated_firms=int((partners == 0).sum()),
        weight_total=float(relation.weights.sum()) / (1 if relation.directed else 2),
    )
