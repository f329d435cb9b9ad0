"""Random numbers that belong to a firm: seeded by its id, not by its place.

A firm draws the same numbers wherever it stands in the graph, whichever firms join or leave, and in
each quarter; permuting firms permutes what is drawn. The ids are taken as they are: in a
`block_diagonal` graph they carry the knowledge date, so draw for each quarter's graph before joining.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_GOLDEN = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_FIRST = np.array(0xBF58476D1CE4E5B9, dtype=np.uint64)
_SECOND = np.array(0x94D049BB133111EB, dtype=np.uint64)


def firm_keys(firms: NDArray[np.str_], seed: int) -> Keys:
    """Return a 64-bit key a firm: BLAKE2b of seed and id."""
    digests = (hashlib.blake2b(f"{seed} {firm}".encode(), digest_size=8).digest() for firm in firms.tolist())
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def uniforms(keys: Keys, draws: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return numbers in [0, 1): draw number `draws` of the stream of each key, broadcast.

    SplitMix64 (Steele, Lea and Flood 2014), which reaches any draw without the ones before.
    """
    mixed = np.atleast_1d(keys) + (np.atleast_1d(draws) + np.uint64(1)) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)
