"""The edges of one relation as plain arrays, and the two ways to make them from pairs of positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float64]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]


@dataclass(frozen=True)
class RelationEdges:
    """The edges of one relation as CSR by source firm.

    An undirected relation stores each edge in both directions. Within a row, targets ascend;
    a pair of firms occurs once.

    Attributes
    ----------
    indptr : (n + 1,) int64
    indices : (m,) int64
        Positions of the target firms.
    weights : (m,) float64
    directed
        Whether the relation has a direction.
    """

    indptr: IntVector
    indices: IntVector
    weights: NDArray[np.float64]
    directed: bool

    @property
    def edges(self) -> int:
        """Number of edges; an undirected edge counts once."""
        return len(self.indices) if self.directed else len(self.indices) // 2

    def matrix(self) -> sp.csr_array:
        """Return the weighted adjacency, row = source."""
        n = len(self.indptr) - 1
        return sp.csr_array((self.weights, self.indices, self.indptr), shape=(n, n))


def pattern(matrix: sp.csr_array) -> sp.csr_array:
    """Return 1 wherever a matrix has an entry, one of 0 included; columns ascend within a row."""
    found = sp.csr_array((np.ones(len(matrix.data)), matrix.indices, matrix.indptr), shape=matrix.shape)
    # In place it would sort indices that the matrix still uses.
    return found if found.has_sorted_indices else found.sorted_indices()


def edges_from_sorted(
    sources: IntVector, targets: IntVector, weights: FloatVector, *, size: int, directed: bool
) -> RelationEdges:
    """Lay pairs out as CSR; they are unique and sorted by source, then target."""
    counts = np.bincount(sources, minlength=size)
    return RelationEdges(
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        indices=targets.astype(np.int64),
        weights=weights.astype(np.float64),
        directed=directed,
    )


def edges_from_matrix(matrix: sp.csr_array, *, directed: bool) -> RelationEdges:
    """Take the entries of a matrix, the diagonal excepted, as edges; zeros are no edges."""
    matrix = sp.csr_array(matrix)
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    sources = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = (sources != matrix.indices) & (matrix.data != 0)
    before = np.concatenate([[0], np.cumsum(kept)])
    return RelationEdges(
        indptr=before[matrix.indptr],
        indices=matrix.indices[kept].astype(np.int64),
        weights=matrix.data[kept].astype(np.float64),
        directed=directed,
    )
