"""How far a firm stands from the sources of a directed relation, cycles included."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import IntVector


def upstream_lengths(adjacency: sp.csr_array) -> tuple[IntVector, NDArray[np.float64]]:
    """Return the longest and the mean path from a firm back to the sources of a relation, in steps.

    Firms that reach each other (a cycle of any length) stand at the same place: lengths are counted on the
    graph of strongly connected components, which has no cycle, and steps inside one count nothing. A source
    is a component that no other points to: an isolated firm, one without suppliers, a ring that nobody
    supplies; both lengths are 0 there. Elsewhere

    - longest(c) = 1 + the largest longest(p) over the components p that point to c;
    - mean(c) = 1 + sum over p of share(p, c) mean(p): the expected number of steps of a walk that goes back to a
      supplier with the probability of its share in the weight received from outside the component, until it is at
      a source. It is Levine's trophic position less 1 (Levine 1980). Received weights that are all 0 share equally.

    Parameters
    ----------
    adjacency : (n, n)
        Row = source, weights >= 0.

    Returns
    -------
    (n,), (n,)
    """
    _, place = sp.csgraph.connected_components(adjacency, directed=True, connection="strong")
    onward = _condensed(adjacency, place)
    waiting = np.bincount(onward.indices, minlength=onward.shape[0])
    longest = np.zeros(onward.shape[0], dtype=np.int64)
    mean = np.zeros(onward.shape[0])
    level, depth = np.flatnonzero(waiting == 0), 0
    while len(level):
        longest[level] = depth
        sources, edges = _edges_of(onward, level)
        targets = onward.indices[edges]
        np.add.at(mean, targets, onward.data[edges] * (1 + mean[sources]))
        np.subtract.at(waiting, targets, 1)
        # All that points to a component is behind once nothing is waited for: its level is its longest path.
        level, depth = np.unique(targets[waiting[targets] == 0]), depth + 1
    return longest[place], mean[place]


def _condensed(adjacency: sp.csr_array, place: NDArray[np.int32]) -> sp.csr_array:
    # Edges between components, weights replaced by shares of what the target receives.
    count = int(place.max(initial=-1)) + 1
    edges = adjacency.tocoo()
    sources, targets = place[edges.row], place[edges.col]
    between = sources != targets
    onward = sp.csr_array((edges.data[between], (sources[between], targets[between])), shape=(count, count))
    received = np.bincount(onward.indices, weights=onward.data, minlength=count)[onward.indices]
    donors = np.bincount(onward.indices, minlength=count)[onward.indices]
    onward.data = np.divide(onward.data, received, out=1 / np.maximum(donors, 1), where=received > 0)
    return onward


def _edges_of(matrix: sp.csr_array, rows: IntVector) -> tuple[IntVector, IntVector]:
    # The row and the place of each edge that starts in one of the rows.
    counts = np.diff(matrix.indptr)[rows]
    ends = np.cumsum(counts)
    edges = np.arange(counts.sum()) + np.repeat(matrix.indptr[rows] - ends + counts, counts)
    return np.repeat(rows, counts), edges
