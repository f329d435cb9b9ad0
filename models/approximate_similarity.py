"""Who is most like whom among very many rows: an index proposes, exact cosines decide, recall is measured.

The index (faiss, inverted lists) sorts rows into cells and looks only into the cells nearest to a row. How
many cells is not guessed: the number doubles until enough of the true pairs of a fixed sample of rows are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edges import IntVector

#: rows whose true pairs are found exactly, to measure recall
SAMPLE = 256
_BLOCK = 4096
_FIRST_CELLS = 4
#: candidates a wanted neighbour: exact cosines choose among them
_SPARE = 2
#: candidates are asked for this far below a cut-off, since the index's own cosines are rounded
_MARGIN = np.float32(1e-4)

Units = NDArray[np.float32]


@dataclass(frozen=True)
class _Pairs:
    """Pairs of different rows with their cosines; a pair occurs once, in the direction it was found."""

    row: IntVector
    column: IntVector
    cosine: NDArray[np.float64]

    def only(self, kept: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.row[kept], self.column[kept], self.cosine[kept])


class _Search(Protocol):
    """What is looked for: pairs of given rows, truly and by an index."""

    def true(self, units: Units, rows: IntVector) -> _Pairs: ...

    def found(self, units: Units, index: Any, rows: IntVector) -> _Pairs: ...


@dataclass(frozen=True)
class _Above:
    cut_off: float

    def true(self, units: Units, rows: IntVector) -> _Pairs:
        cosines = units[rows] @ units.T
        row, column = np.nonzero(cosines >= self.cut_off)
        return self._kept(_Pairs(rows[row], column, cosines[row, column].astype(np.float64)))

    def found(self, units: Units, index: Any, rows: IntVector) -> _Pairs:
        ends, _, column = index.range_search(units[rows], self.cut_off - _MARGIN)
        return self._kept(_scored(units, np.repeat(rows, np.diff(ends.astype(np.int64))), column.astype(np.int64)))

    def _kept(self, pairs: _Pairs) -> _Pairs:
        return pairs.only((pairs.row != pairs.column) & (pairs.cosine >= self.cut_off))


@dataclass(frozen=True)
class _Nearest:
    neighbours: int

    def true(self, units: Units, rows: IntVector) -> _Pairs:
        cosines = units[rows] @ units.T
        wanted = min(self.neighbours + 1, len(units))  # itself may be among them
        least = np.partition(cosines, len(units) - wanted, axis=1)[:, len(units) - wanted]
        row, column = np.nonzero(cosines >= least[:, None])
        return self._kept(_Pairs(rows[row], column, cosines[row, column].astype(np.float64)))

    def found(self, units: Units, index: Any, rows: IntVector) -> _Pairs:
        _, column = index.search(units[rows], min(_SPARE * self.neighbours + 1, len(units)))
        row = np.repeat(rows, column.shape[1])
        there = column.ravel() >= 0  # the cells held fewer
        return self._kept(_scored(units, row[there], column.ravel()[there].astype(np.int64)))

    def _kept(self, pairs: _Pairs) -> _Pairs:
        """Keep each row's largest cosines above zero; ties go to the earlier column."""
        pairs = pairs.only((pairs.row != pairs.column) & (pairs.cosine > 0))
        order = np.lexsort((pairs.column, -pairs.cosine, pairs.row))
        row = pairs.row[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        return pairs.only(np.sort(order[rank < self.neighbours]))


def approximately_above(units: Units, cut_off: float, *, least_recall: float) -> tuple[sp.csr_array, float]:
    """Return the cosines of at least `cut_off` between different rows that were found, and the recall.

    Parameters
    ----------
    units : (n, d)
        Rows of length 1, or 0.
    least_recall
        Share of the true pairs of `SAMPLE` fixed rows that must be found.

    Returns
    -------
    cosines : (n, n) sparse
        Symmetric and exact: nothing below the cut-off is in it.
    recall
        Share of the sample's true pairs that were found.
    """
    found, recall = _searched(units, _Above(cut_off), least_recall)
    return sp.csr_array(found.maximum(found.T)), recall


def approximately_nearest(units: Units, neighbours: int, *, least_recall: float) -> tuple[sp.csr_array, float]:
    """Return the cosines of each row to its `neighbours` most similar others that were found, and the recall.

    Row i holds the partners that i chose, so the matrix has a direction. Cosines of zero or less are no
    relation; ties go to the earlier row. Parameters are those of `approximately_above`.
    """
    return _searched(units, _Nearest(neighbours), least_recall)


def _searched(units: Units, search: _Search, least_recall: float) -> tuple[sp.csr_array, float]:
    size = len(units)
    sample = np.unique(np.linspace(0, size - 1, min(SAMPLE, size)).astype(np.int64))
    true = search.true(units, sample)
    index = _trained(units)
    index.nprobe = min(_FIRST_CELLS, index.nlist)
    recall = _recall(true, search.found(units, index, sample), size)
    while recall < least_recall and index.nprobe < index.nlist:
        index.nprobe = min(2 * index.nprobe, index.nlist)
        recall = _recall(true, search.found(units, index, sample), size)
    parts = [
        search.found(units, index, np.arange(start, min(start + _BLOCK, size))) for start in range(0, size, _BLOCK)
    ]
    row, column, cosine = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "column", "cosine")
    )
    return sp.csr_array((cosine, (row, column)), shape=(size, size)), recall


def _trained(units: Units) -> Any:
    """Return the index: four cells around k-means centres for each unit of the root of the number of rows."""
    import faiss
    from threadpoolctl import threadpool_limits

    size, width = units.shape
    cells = max(1, min(size, int(4 * np.sqrt(size))))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 0
    index.cp.min_points_per_centroid = 1  # else faiss prints a warning about few rows
    with threadpool_limits(1):  # sums, and so the centres, depend on the number of threads
        index.train(units)
        index.add(units)
    return index


def _scored(units: Units, row: IntVector, column: IntVector) -> _Pairs:
    parts = [
        np.einsum("ij,ij->i", units[row[start : start + _BLOCK]], units[column[start : start + _BLOCK]])
        for start in range(0, len(row), _BLOCK)
    ]
    return _Pairs(row, column, np.concatenate([np.empty(0), *parts]).astype(np.float64))


def _recall(true: _Pairs, found: _Pairs, size: int) -> float:
    wanted = true.row * size + true.column
    return float(np.isin(wanted, found.row * size + found.column).mean()) if len(wanted) else 1.0
