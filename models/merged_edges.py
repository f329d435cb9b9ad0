"""From the rows of a relation table to its edges: one edge a pair, whatever the order of the rows.

Rows are dealt to their source firm (a counting sort, as coordinates become compressed rows), each firm's targets are
sorted among themselves and rows of one pair are merged: O(m log d) for m rows and at most d of them a firm, in
compiled loops of scipy and numpy that need no start-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edge_counts import EdgeCounts
from models.edges import FloatVector, IntVector, RelationEdges

Positions = NDArray[np.int32] | NDArray[np.int64]
Merge = Literal["refuse", "sum", "mean", "max"]


@dataclass(frozen=True)
class _Sorted:
    """Rows by source, then target: `rows` are their numbers, `begins` tells where a pair begins."""

    indptr: Positions
    targets: Positions
    rows: Positions
    begins: NDArray[np.bool_]


def merged_edges(
    sources: Positions, targets: Positions, weights: FloatVector, *, size: int, directed: bool, repeated: Merge
) -> tuple[RelationEdges, EdgeCounts]:
    """Merge rows to one edge a pair of firms, and count what became of the rows.

    Parameters
    ----------
    sources, targets : (m,)
        Positions of firms in [0, size), or -1 for a firm that is not in the graph; its rows are left out, as are
        those of a firm with itself.
    weights : (m,)
    size
        Number of firms.
    directed
        Without direction, (a, b) and (b, a) are one pair, stored in both directions.
    repeated
        What the weight of a pair with several rows is: the sum, mean or largest of its rows. `refuse` has set such
        rows aside before; rows that are still repeated add up.
    """
    unknown = (sources < 0) | (targets < 0)
    kept = ~unknown & (sources != targets)
    source, target, weight = sources[kept], targets[kept], weights[kept]
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    ordered = _sorted(source, target, size)
    del source, target
    starts = np.flatnonzero(ordered.begins)
    lengths = np.diff(starts, append=len(ordered.begins))
    merged = _merged(weight[ordered.rows], starts, lengths, repeated)
    pairs = RelationEdges(
        indptr=np.searchsorted(starts, ordered.indptr),
        indices=ordered.targets[starts].astype(np.int64),
        weights=merged,
        directed=directed,
    )
    left_out = int(np.count_nonzero(unknown))
    counts = EdgeCounts(
        rows=len(sources),
        unknown_firms=left_out,
        self_loops=len(sources) - left_out - len(weight),
        repeated_rows=len(weight) - len(starts),
    )
    return (pairs if directed else _in_both_directions(pairs)), counts


def _sorted(source: Positions, target: Positions, size: int) -> _Sorted:
    rows: Positions = np.arange(len(source), dtype=np.int64)
    if len(rows) < 2**31:
        rows = rows.astype(np.int32)
    matrix = _by_source(source, target, rows, size)
    matrix.sort_indices()
    begins = np.ones(len(rows), dtype=np.bool_)
    np.not_equal(matrix.indices[1:], matrix.indices[:-1], out=begins[1:])
    # A firm's first target may be the last one of the firm before.
    begins[matrix.indptr[:-1][np.diff(matrix.indptr) > 0]] = True
    return _Sorted(matrix.indptr, matrix.indices, matrix.data, begins)


def _by_source(source: Positions, target: Positions, numbers: Positions, size: int) -> sp.csr_array:
    """Deal rows to their sources; within a source they keep their order."""
    coordinates = sp.coo_array((numbers, (source, target)), shape=(size, size))
    coordinates.has_canonical_format = True  # or scipy would add up what are numbers of rows
    return coordinates.tocsr()


def _merged(weights: FloatVector, starts: IntVector, lengths: IntVector, repeated: Merge) -> FloatVector:
    if len(starts) == len(weights):
        return weights
    several = np.flatnonzero(lengths > 1)
    merged = weights[starts]
    if repeated == "max":
        # Adding zero makes negative zero zero, which of the two is larger being a matter of order.
        merged[several] = np.maximum.reduceat(weights, starts)[several] + 0.0
        return merged
    # Two numbers add up to the same in either order, more do not: their order is made that of their size.
    many = several[lengths[several] > 2]
    places = _places(starts[many], lengths[many])
    pair = np.repeat(np.arange(len(many)), lengths[many])
    weights[places] = weights[places][np.lexsort((weights[places], pair))]
    begins = np.cumsum(lengths[several]) - lengths[several]
    merged[several] = np.add.reduceat(weights[_places(starts[several], lengths[several])], begins)
    if repeated == "mean":
        merged[several] /= lengths[several]
    return merged


def _places(starts: IntVector, lengths: IntVector) -> IntVector:
    """Return start, start + 1, ... for each length, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _in_both_directions(pairs: RelationEdges) -> RelationEdges:
    size, edges = len(pairs.indptr) - 1, len(pairs.indices)
    low, high = np.repeat(np.arange(size), np.diff(pairs.indptr)), pairs.indices
    # The smaller partners of a firm come before the larger ones, and both ascend already.
    numbers: IntVector = np.tile(np.arange(edges), 2)
    both = _by_source(np.concatenate([high, low]), np.concatenate([low, high]), numbers, size)
    return RelationEdges(
        both.indptr.astype(np.int64), both.indices.astype(np.int64), pairs.weights[both.data], directed=False
    )
