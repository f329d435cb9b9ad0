"""The difference between two graphs' links of firms to nodes of another type, matched by ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.edges import IntVector
from schemas.diffs import PartnersDiff


def partners_diff(before: CorporateGraph, after: CorporateGraph) -> tuple[PartnersDiff, ...]:
    """Compare the links of every relation with nodes of another type that either graph has."""
    firms = np.union1d(before.firms, after.firms)
    return tuple(_relation(name, before, after, firms) for name in sorted({*before.partners, *after.partners}))


def _relation(name: str, before: CorporateGraph, after: CorporateGraph, firms: NDArray[np.str_]) -> PartnersDiff:
    having = [graph for graph in (after, before) if name in graph.partners]
    node_type = having[0].partners[name].node_type
    # Positions differ between the graphs; they are counted among the firms and the nodes of both.
    nodes = np.unique(np.concatenate([graph.nodes[graph.partners[name].node_type] for graph in having]))
    old, new = (_links(name, graph, firms, nodes) for graph in (before, after))
    kept = len(np.intersect1d(old, new, assume_unique=True))
    every = len(old) + len(new) - kept
    return PartnersDiff(
        relation=name,
        node_type=node_type,
        links_before=len(old),
        links_after=len(new),
        kept=kept,
        born=len(new) - kept,
        died=len(old) - kept,
        jaccard=kept / every if every else None,
    )


def _links(name: str, graph: CorporateGraph, firms: NDArray[np.str_], nodes: NDArray[np.str_]) -> IntVector:
    """Return the links as numbers, firm x nodes + node."""
    if name not in graph.partners:
        return np.empty(0, dtype=np.int64)
    edges = graph.partners[name]
    firm = np.searchsorted(firms, np.repeat(graph.firms, np.diff(edges.indptr)))
    node = np.searchsorted(nodes, graph.nodes[edges.node_type])[edges.indices]
    return firm * len(nodes) + node
