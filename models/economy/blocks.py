"""Drawing members of a block (a district, a group) in proportion to their appeal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def drawn_members(block: Ints, appeal: NDArray[np.float64], wanted: Ints, draw: NDArray[np.float64]) -> Ints:
    """Turn uniform draws into members of the wanted blocks.

    Parameters
    ----------
    block, appeal
        Shape (members,): the block of every member and how likely it is picked; 0 is never picked.
    wanted
        Shape (seekers,): the block each seeker draws from. Each must hold a member with some appeal.
    draw
        Shape (seekers, proposals), uniform on [0, 1).
    """
    order = np.argsort(block, kind="stable")
    total = np.cumsum(appeal[order])
    sorted_block = block[order]
    before = np.concatenate([[0.0], total])
    low = before[np.searchsorted(sorted_block, wanted, "left")][:, None]
    high = before[np.searchsorted(sorted_block, wanted, "right")][:, None]
    # Just below the top, so that rounding never reaches into the next block.
    place = np.searchsorted(total, low + (high - low) * np.minimum(draw, 1 - 1e-9), "right")
    members: Ints = order[place]
    return members
