"""How close the firms of a test sample stand to the firms that were learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

#: partners in common (cosine of adjacency rows) that make two firms near-duplicates
DUPLICATE_COSINE = 0.8
_MOST_TEST_ROWS = 4000


@dataclass(frozen=True)
class NearDuplicates:
    """The share of test rows with a near-duplicate in development, and how many of those have its outcome."""

    share: float
    same_outcome: float | None


def crossing_share(adjacency: sp.csr_array, test: NDArray[np.bool_], learnt: NDArray[np.bool_]) -> float | None:
    """Return the share, of all edges that touch the test rows, that lead to rows that were learnt from."""
    edges = adjacency.tocoo()
    touching = test[edges.row] | test[edges.col]
    crossing = (test[edges.row] & learnt[edges.col]) | (learnt[edges.row] & test[edges.col])
    return float(crossing.sum() / touching.sum()) if touching.any() else None


def near_duplicates(
    union: sp.csr_array,
    test: NDArray[np.bool_],
    learnt: NDArray[np.bool_],
    vintages: NDArray[np.str_],
    unfavourable: NDArray[np.bool_],
) -> NearDuplicates | None:
    """Look for test firms with nearly the same partners as a firm that was learnt from.

    One vintage is enough, the newest of the test rows: the same firm in two vintages is no duplicate. None
    where nothing of that vintage was learnt from. Of more than 4,000 test rows the first are looked at.
    """
    newest = max(vintages[test].tolist())
    tested = np.flatnonzero(test & (vintages == newest))[:_MOST_TEST_ROWS]
    known = np.flatnonzero(learnt & (vintages == newest))
    if not len(known):
        return None
    lengths = np.sqrt(np.maximum(np.diff(union.indptr), 1))
    unit = sp.csr_array(sp.diags_array(1 / lengths) @ union)
    alike = (unit[tested] @ unit[known].T).tocsr()
    close = alike.max(axis=1).toarray().ravel() >= DUPLICATE_COSINE
    if not close.any():
        return NearDuplicates(0.0, None)
    twin = known[np.asarray(alike[close].argmax(axis=1)).ravel()]
    return NearDuplicates(float(close.mean()), float((unfavourable[tested[close]] == unfavourable[twin]).mean()))
