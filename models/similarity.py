"""Who is most like whom: cosine similarity of many rows, block by block.

The full matrix of similarities is never held: blocks of rows are multiplied and only what is kept
survives. Exact, in 32-bit floats.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_BLOCK = 2048


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale rows to length 1, (n, d); a row of zeros stays one and is like nothing."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.asarray(scaled, dtype=np.float32)


def above_cut_off(units: NDArray[np.float32], cut_off: float) -> sp.csr_array:
    """Return the cosines of at least `cut_off` (above 0) between different rows, symmetric.

    Only squares on and above the diagonal are computed: a pair's cosine is a . b as much as b . a.
    """
    rows, columns, values = [], [], []
    for row, column, cosines in _upper_squares(units):
        found = np.flatnonzero(cosines >= cut_off)
        first, second = found // cosines.shape[1] + row, found % cosines.shape[1] + column
        pairs = first < second
        rows.append(first[pairs])
        columns.append(second[pairs])
        values.append(cosines.ravel()[found[pairs]])
    first, second, value = (np.concatenate(each) for each in (rows, columns, values))
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    return sp.csr_array((np.tile(value.astype(np.float64), 2), ends), shape=(len(units), len(units)))


def nearest_rows(units: NDArray[np.float32] | sp.csr_array, neighbours: int) -> sp.csr_array:
    """Return `chosen_rows` without direction: a pair counts if either chose it."""
    chosen = chosen_rows(units, neighbours)
    return sp.csr_array(chosen.maximum(chosen.T))


def chosen_rows(units: NDArray[np.float32] | sp.csr_array, neighbours: int) -> sp.csr_array:
    """Return the cosines of each row to its `neighbours` most similar others: row i holds whom i chose.

    Ties go to the earlier row; similarities of zero or less are no relation.
    """
    size = units.shape[0]
    wanted = min(neighbours, size - 1)
    parts = []
    for start, cosines in _blocks(units):
        rows = np.arange(len(cosines))
        cosines[rows, rows + start] = -np.inf
        chosen = np.argsort(-cosines, axis=1, kind="stable")[:, :wanted]
        row = np.repeat(rows, wanted)
        column = chosen.ravel()
        value = cosines[row, column]
        kept = value > 0
        parts.append((row[kept] + start, column[kept], value[kept]))
    return _matrix(parts, size)


def _blocks(units: NDArray[np.float32] | sp.csr_array) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, units.shape[0], _BLOCK):
        cosines = units[start : start + _BLOCK] @ units.T
        yield start, cosines.toarray() if isinstance(cosines, sp.sparray) else cosines


def _upper_squares(units: NDArray[np.float32]) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    # A square fits the processor's cache, and all of them are written to the same place.
    place = np.empty((_BLOCK, _BLOCK), dtype=np.float32)
    for row in range(0, len(units), _BLOCK):
        left = units[row : row + _BLOCK]
        for column in range(row, len(units), _BLOCK):
            right = units[column : column + _BLOCK]
            out = place[: len(left), : len(right)] if len(left) == len(right) == _BLOCK else None
            yield row, column, np.matmul(left, right.T, out=out)


def _symmetric(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]], size: int
) -> sp.csr_array:
    found = _matrix(parts, size)
    # Block products differ in the last bit by orientation; the larger of the two is taken for both.
    return sp.csr_array(found.maximum(found.T))


def _matrix(parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]], size: int) -> sp.csr_array:
    row, column, value = (np.concatenate(each) for each in zip(*parts, strict=True))
    return sp.csr_array((value.astype(np.float64), (row, column)), shape=(size, size))
