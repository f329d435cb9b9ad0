"""Communities: groups of firms more related among themselves than with others.

Leiden (Traag, Waltman, van Eck 2019, in networkit) on the union of all relations, one thread and a
fixed seed, so that the same graph always gives the same partition. A community is named after its
smallest firm id, so that names survive a renumbering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import IntVector
from schemas.specs import GraphSpec


@dataclass(frozen=True)
class Communities:
    """A partition of the firms.

    Attributes
    ----------
    names : (n,) str
        Each firm's community, named after the community's smallest firm.
    modularity
        Newman's modularity at resolution 1; 0 for a graph without edges.
    """

    names: NDArray[np.str_]
    modularity: float

    @property
    def count(self) -> int:
        """Number of communities; a firm without relations is one of its own."""
        return len(np.unique(self.names))


def detected_communities(firms: NDArray[np.str_], union: sp.csr_array, spec: GraphSpec) -> Communities:
    """Partition the firms.

    Parameters
    ----------
    firms : (n,) str
        Ascending ids.
    union : (n, n)
        Symmetric adjacency without weights (`CorporateGraph.union`).
    """
    if union.nnz == 0:
        return Communities(firms.copy(), 0.0)
    labels = leiden_labels(union, spec)
    return Communities(canonical_names(firms, labels), modularity(union, labels))


def modularity(union: sp.csr_array, labels: NDArray[np.int64]) -> float:
    """Return Newman's modularity of a partition of an undirected graph, in [-1/2, 1).

    Q = sum over communities of (inner edge share - (degree share)^2); Newman and Girvan 2004.
    """
    _, members = np.unique(labels, return_inverse=True)
    degrees = np.asarray(union.sum(axis=1)).ravel()
    total = degrees.sum()
    same = np.repeat(members, np.diff(union.indptr)) == members[union.indices]
    shares = np.bincount(members, weights=degrees) / total
    return float(union.data[same].sum() / total - np.square(shares).sum())


def canonical_names(firms: NDArray[np.str_], labels: IntVector) -> NDArray[np.str_]:
    """Name each group after its smallest firm; `firms` ascend."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return firms[first][inverse]


def leiden_labels(union: sp.csr_array, spec: GraphSpec) -> IntVector:
    """Return each firm's community as a number, (n,); the numbers mean nothing."""
    import networkit as nk

    nk.setNumberOfThreads(1)
    nk.setSeed(spec.community_seed, useThreadId=False)
    sources = np.repeat(np.arange(union.shape[0], dtype=union.indices.dtype), np.diff(union.indptr))
    upper = sources < union.indices
    graph = nk.Graph(union.shape[0], weighted=False, directed=False)
    graph.addEdges((sources[upper].astype(np.uint64), union.indices[upper].astype(np.uint64)))
    del sources, upper
    found = (
        nk.community.ParallelLeiden(graph, iterations=5, randomize=False, gamma=spec.community_resolution)
        .run()
        .getPartition()
    )
    return np.asarray(found.getVector(), dtype=np.int64)
