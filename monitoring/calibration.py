"""Whether estimated probabilities are as high as what happened, on the whole.

Calibration in the large: the mean estimate against the observed rate (Steyerberg 2019, Clinical Prediction
Models, section 15.3).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

#: two-sided 95 % of a normal distribution
_Z = 1.959964


def excess_calibration_gap(happened: npt.ArrayLike, probability: npt.ArrayLike) -> float | None:
    """Return how far the mean estimate lies from the observed rate beyond what chance explains.

    The distance less 1.96 standard errors, and 0 within them. The standard error is that of a mean of independent
    outcomes with these probabilities, ``sqrt(sum p (1 - p)) / n``. Outcomes of linked firms are not independent, so
    the true error is larger and a small excess may still be chance.

    Parameters
    ----------
    happened : (n,) bool
        Whether the unfavourable outcome occurred.
    probability : (n,) floats
        Its estimated probability, in [0, 1].

    Returns
    -------
    float or None
        In [0, 1]; None without a row.

    Raises
    ------
    ValueError
        If the lengths differ or a probability is outside [0, 1].
    """
    outcome, estimate = np.asarray(happened, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if outcome.shape != estimate.shape or outcome.ndim != 1:
        raise ValueError(f"happened and probability must be (n,) both; found {outcome.shape} and {estimate.shape}")
    if not outcome.size:
        return None
    # A softmax in single precision may add up to a little more than one.
    if not np.all((estimate >= -1e-6) & (estimate <= 1 + 1e-6)):
        raise ValueError("a probability lies outside [0, 1]")
    estimate = np.clip(estimate, 0.0, 1.0)
    error = math.sqrt(float(np.sum(estimate * (1.0 - estimate)))) / estimate.size
    return max(0.0, abs(float(estimate.mean() - outcome.mean())) - _Z * error)
