"""From probabilities to what is said of a firm: a class, and whether it is a favourable one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix
from schemas.portfolio import TargetSpec


def predicted_classes(probabilities: FloatMatrix, target: TargetSpec, threshold: float) -> NDArray[np.int64]:
    """Return class indices, (n,): by the cut-off on the positive class, or the likeliest of several classes."""
    if len(target.classes) == 2:
        return (probabilities[:, 1] >= threshold).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1))


def favourable(classes: NDArray[np.int64], target: TargetSpec) -> NDArray[np.bool_]:
    """Return which predicted classes are good for the firm, (n,)."""
    good = [target.classes.index(name) for name in target.favourable]
    return np.isin(classes, good)


def unfavourable_probability(probabilities: FloatMatrix, target: TargetSpec) -> NDArray[np.float64]:
    """Return the probability of any unfavourable class, (n,), in [0, 1]."""
    bad = [index for index, name in enumerate(target.classes) if name not in target.favourable]
    return np.asarray(probabilities[:, bad].sum(axis=1))
