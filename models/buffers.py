"""Memory for large results: on huge pages, and used again once nobody holds it.

A loop that reads rows of random senders waits for the translation of addresses as much as for the rows: 25 MB are
6,400 pages of 4 kB, of 2 MB they are 13 (measured on 100,000 firms and a million edges, 64 columns, one thread: the
mean 51 ms before, 27 ms after). Memory that is used again is not cleared by the system at its first touch.
"""

from __future__ import annotations

import mmap
import threading
import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

_HUGE_PAGE = 2**21

#: Fewer bytes than this come from numpy.
_WORTH_HUGE_PAGES = 2 * _HUGE_PAGE

#: As many bytes are kept for the next who asks; what exceeds them goes back to the system, the oldest first.
_KEPT = 2**28

_lock = threading.RLock()  # one that the same thread may take twice: memory comes back wherever an array dies
_free: list[NDArray[np.uint8]] = []
_held: set[int] = set()


class _Held:
    """What an array stands on; once the last array on it is gone, its memory is for the next who asks."""

    def __init__(self, memory: NDArray[np.uint8], shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        address = memory.ctypes.data
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": kind.str, "data": (address, False)}
        with _lock:
            _held.add(address)
        weakref.finalize(self, _given_back, memory).atexit = False


def _given_back(memory: NDArray[np.uint8]) -> None:
    with _lock:
        _held.discard(memory.ctypes.data)
        _free.append(memory)
        while sum(one.nbytes for one in _free) > _KEPT:
            _free.pop(0)


def empty(rows: int, columns: int, kind: DTypeLike) -> NDArray[Any]:
    """Return a C-contiguous array, (rows, columns), that holds anything."""
    found = np.dtype(kind)
    size = rows * columns * found.itemsize
    if size < _WORTH_HUGE_PAGES or not hasattr(mmap, "MADV_HUGEPAGE"):
        # numpy's, because torch fills empty memory where deterministic algorithms are asked for.
        return np.empty((rows, columns), found)
    return np.asarray(_Held(_memory(size), (rows, columns), found))


def on_huge_pages(values: torch.Tensor) -> bool:
    """Return whether values begin in memory from here, or are too small for it to matter."""
    return not worth_huge_pages(values) or values.data_ptr() in _held


def worth_huge_pages(values: torch.Tensor) -> bool:
    """Return whether values are many."""
    return values.nbytes >= _WORTH_HUGE_PAGES


def _memory(size: int) -> NDArray[np.uint8]:
    pages = -(-size // _HUGE_PAGE)
    with _lock:
        for place, one in enumerate(_free):
            # Half as much again is too much: what is asked for next may be that large.
            if pages * _HUGE_PAGE <= one.nbytes <= 1.5 * pages * _HUGE_PAGE:
                return _free.pop(place)
    mapped = mmap.mmap(-1, (pages + 1) * _HUGE_PAGE)
    mapped.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(mapped, np.uint8)
    start = -whole.ctypes.data % _HUGE_PAGE
    return whole[start : start + pages * _HUGE_PAGE]
