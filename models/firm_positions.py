"""Where the firms of a column stand in the graph: ids to positions, exactly, without a sort or a join.

A join of ten million ids with a million firms spends its time on building and probing a table of texts. Here firms lie
in the order of a 64-bit hash and a row looks up a place in that order; the ids themselves are compared once, at the
end, so that the hash decides only how fast an answer comes and never which.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: rows looked up at a time; what a chunk needs beside its answer then stays in the processor's cache
_CHUNK = 1 << 18


class FirmPositions:
    """Positions of firm ids in the sorted ids of a graph.

    Parameters
    ----------
    firms : (n,)
        Unique ids, fewer than 2^31; their order is that of the positions.
    """

    def __init__(self, firms: pl.Series) -> None:
        hashes = _hashes(firms)
        order = np.argsort(hashes)
        # One to two buckets a firm; bucket b begins at _first[b] among the firms in the order of their hashes.
        bits = max(len(firms).bit_length(), 1)
        buckets = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        self._firms = firms
        self._shift = np.uint64(64 - bits)
        # A sentinel ends every walk.
        self._hashes = np.append(hashes[order], np.uint64(2**64 - 1))
        self._first = np.searchsorted(self._hashes[:-1], buckets).astype(np.int32)
        self._order = np.append(order, 0).astype(np.int32)

    def of(self, ids: pl.Series) -> NDArray[np.int32]:
        """Return each id's position, (m,); -1 where no firm has that id."""
        positions = np.full(len(ids), -1, dtype=np.int32)
        if not len(self._firms):
            return positions
        for start in range(0, len(ids), _CHUNK):
            part = ids.slice(start, _CHUNK).cast(self._firms.dtype, strict=False)
            positions[start : start + len(part)] = self._found(part)
        return positions

    def _found(self, ids: pl.Series) -> NDArray[np.int32]:
        wanted = _hashes(ids)
        places = self._first[wanted >> self._shift]
        behind = np.flatnonzero(self._hashes[places] < wanted)
        while len(behind):
            places[behind] += 1
            behind = behind[self._hashes[places[behind]] < wanted[behind]]
        positions: NDArray[np.int32] = self._order[places]
        other = np.flatnonzero(self._firms.gather(positions).ne_missing(ids).to_numpy())
        positions[other] = -1
        # Where the hash is that of a firm and the id is not, another firm may share the hash.
        other = other[(self._hashes[places[other]] == wanted[other]) & (places[other] < len(self._firms))]
        while len(other):
            places[other] += 1
            other = other[(self._hashes[places[other]] == wanted[other]) & (places[other] < len(self._firms))]
            candidates = self._order[places[other]]
            same = self._firms.gather(candidates).eq_missing(ids.gather(other)).to_numpy()
            positions[other[same]] = candidates[same]
            other = other[~same]
        return positions


def _hashes(ids: pl.Series) -> NDArray[np.uint64]:
    return ids.hash().to_numpy()
