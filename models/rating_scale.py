"""Cutting probabilities of default to the grades of a master scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schemas.rating import MasterScaleSpec


def grades_of(probability: npt.ArrayLike, scale: MasterScaleSpec) -> npt.NDArray[np.int64]:
    """Return the grade of each probability, (n,): 0 is the best. A bound belongs to the better grade.

    Parameters
    ----------
    probability : (n,) floats in [0, 1]
        Rounding a little above 1 counts as 1.

    Raises
    ------
    ValueError
        If one is missing or outside [0, 1].
    """
    estimate = np.asarray(probability, dtype=np.float64)
    if estimate.ndim != 1 or not np.all((estimate >= -1e-6) & (estimate <= 1 + 1e-6)):
        raise ValueError("grades are cut from (n,) probabilities in [0, 1]")
    bounds = np.array([grade.upper for grade in scale.grades])
    return np.minimum(np.searchsorted(bounds, estimate, side="left"), len(bounds) - 1).astype(np.int64)
