"""Edges as plain arrays: by receiver, and turned around by sender for the way back."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

IntVector = NDArray[np.int64]

#: Pieces of equal work that threads take from each other; more even the load, fewer cost less to hand out.
_PIECES = 16


@dataclass(frozen=True)
class Csr:
    """Rows that hear columns.

    Parameters
    ----------
    indptr : (rows + 1,) int64
    indices : (m,) int64
        The columns each row hears.
    columns
        Number of columns.
    """

    indptr: IntVector
    indices: IntVector
    columns: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def edges(self) -> int:
        """Number of edges, m."""
        return len(self.indices)

    @cached_property
    def pieces(self) -> IntVector:
        """Ascending rows, first 0 and last `rows`, between which lie about equally many edges and rows."""
        work = self.indptr + np.arange(self.rows + 1)
        cuts = np.searchsorted(work, np.linspace(0, work[-1], _PIECES + 1)[1:-1])
        return np.unique(np.concatenate([[0], cuts, [self.rows]])).astype(np.int64)

    @cached_property
    def turned(self) -> Turned:
        """The same edges by column."""
        places = sp.csr_array((np.arange(self.edges), self.indices, self.indptr), shape=(self.rows, self.columns))
        by_column = places.tocsc()
        return Turned(
            Csr(by_column.indptr.astype(np.int64), by_column.indices.astype(np.int64), self.rows),
            by_column.data.astype(np.int64),
        )

    @cached_property
    def heard(self) -> torch.Tensor:
        """Edges of each row, (rows,) int64."""
        return torch.from_numpy(np.diff(self.indptr))

    @cached_property
    def row(self) -> torch.Tensor:
        """The row of each edge, (m,) int64."""
        return torch.repeat_interleave(torch.arange(self.rows), self.heard)

    @cached_property
    def column(self) -> torch.Tensor:
        """The column of each edge, (m,) int64; shares its memory with `indices`."""
        return torch.from_numpy(self.indices)


@dataclass(frozen=True)
class Turned:
    """Edges by column.

    Parameters
    ----------
    csr
        Its rows are the columns.
    edge : (m,) int64
        The place each edge has by row.
    """

    csr: Csr
    edge: IntVector

    def reordered(self, weights: torch.Tensor) -> torch.Tensor:
        """Return values of edges by row, (m, ...), in the order of these edges; the last ones asked for are kept."""
        known = self.__dict__.get("known")
        if known is None or known[0]() is not weights or known[1] != weights._version:
            known = (weakref.ref(weights), weights._version, weights.detach()[torch.from_numpy(self.edge)])
            self.__dict__["known"] = known
        return cast("torch.Tensor", known[2])
