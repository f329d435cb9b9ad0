"""Folds: every row is held out once, so that a split's effect is not that of one lucky draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.splits import hashed


def balanced_folds(groups: NDArray[np.str_], outcomes: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Deal whole groups into folds of about the same size and sum of outcomes; (n,) numbers from 0.

    The largest group first, each goes where it leaves the least imbalance (Graham 1969, for two sizes at once).

    Parameters
    ----------
    groups : (n,) str
        Group of each row.
    outcomes : (n,)
        What should be spread evenly besides the rows themselves: 1 for an unfavourable outcome, say.
    count
        Number of folds; with fewer groups, each is a fold.
    """
    names, members = np.unique(groups, return_inverse=True)
    size = np.bincount(members).astype(np.float64)
    outcome = np.bincount(members, weights=outcomes)
    loads = np.zeros((min(count, len(names)), 2))
    scale = np.array([size.sum(), max(outcome.sum(), 1.0)])
    fold = np.zeros(len(names), dtype=np.int64)
    for group in np.argsort(-size, kind="stable").tolist():
        added = np.array([size[group], outcome[group]]) / scale
        # Adding to fold f changes the sum of squared loads by 2 load added + added^2; the last is the same for all.
        fold[group] = int(np.argmin(loads @ added))
        loads[fold[group]] += added
    return fold[members]


def hashed_folds(keys: NDArray[np.str_], outcomes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Deal keys into folds with the same mix of outcomes, by a hash and so at random; (n,) numbers from 0."""
    order = np.lexsort((hashed(keys.tolist(), seed), outcomes))
    fold = np.empty(len(keys), dtype=np.int64)
    fold[order] = np.arange(len(keys)) % count
    return fold
