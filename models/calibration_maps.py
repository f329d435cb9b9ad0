"""Maps from a class's estimated probability to a calibrated one: Platt's, isotonic and beta.

Each is fitted on rows that the model was not fitted on, never falls, and stays within [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

from models.margins import platt
from schemas.tabular import Calibration

Vector = NDArray[np.float64]

#: probabilities nearer to 0 or 1 count as this near: their log-odds would be infinite
_EDGE = 1e-12


@dataclass(frozen=True)
class LogOddsMap:
    """log-odds of the result = a ln p - b ln(1 - p) + c; a, b >= 0. a = b = 1, c = 0 changes nothing."""

    a: float
    b: float
    c: float

    def __call__(self, probability: Vector) -> Vector:
        """Return calibrated probabilities, (n,)."""
        inside = np.clip(probability, _EDGE, 1 - _EDGE)
        return np.asarray(expit(self.a * np.log(inside) - self.b * np.log1p(-inside) + self.c))

    def tensors(self) -> dict[str, Vector]:
        """Return the constants."""
        return {"line": np.array([self.a, self.b, self.c])}


@dataclass(frozen=True)
class StepMap:
    """Straight lines between the points (`at`, `value`), both rising; level before the first and after the last."""

    at: Vector
    value: Vector

    def __call__(self, probability: Vector) -> Vector:
        """Return calibrated probabilities, (n,)."""
        return np.asarray(np.interp(probability, self.at, self.value))

    def tensors(self) -> dict[str, Vector]:
        """Return the points."""
        return {"at": self.at, "value": self.value}


CalibrationMap = LogOddsMap | StepMap


def fitted_map(method: Calibration, probability: Vector, positive: NDArray[np.bool_]) -> CalibrationMap:
    """Fit one map on rows that the model did not learn from.

    Parameters
    ----------
    probability : (n,)
        Of the class, in [0, 1].
    positive : (n,) bool
        Whether the row is of the class.
    """
    match method:
        case Calibration.PLATT:
            slope, offset = platt(_log_odds(probability), positive)
            return LogOddsMap(slope, slope, offset)
        case Calibration.BETA:
            return beta_map(probability, positive)
        case Calibration.ISOTONIC:
            return isotonic_map(probability, positive)
        case Calibration.NONE:
            raise ValueError("`none` fits no map")


def restored_map(tensors: Mapping[str, Vector]) -> CalibrationMap:
    """Read back what `tensors` returned."""
    if "line" in tensors:
        a, b, c = tensors["line"].tolist()
        return LogOddsMap(a, b, c)
    return StepMap(tensors["at"], tensors["value"])


def beta_map(probability: Vector, positive: NDArray[np.bool_]) -> LogOddsMap:
    """Fit beta calibration: the ratio of two beta densities as the odds (Kull, Silva Filho and Flach 2017, eq. 3).

    Unlike Platt's it may bend the two ends differently. The targets are Platt's (see `margins.platt`), so that
    perfectly separated rows give finite constants.
    """
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        slope, offset = platt(_log_odds(probability), positive)
        return LogOddsMap(slope, slope, offset)
    target = np.where(positive, (ups + 1) / (ups + 2), 1 / (downs + 2))
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    inputs = np.stack([np.log(inside), -np.log1p(-inside), np.ones_like(inside)], axis=1)

    def loss(constants: Vector) -> tuple[float, Vector]:
        odds = inputs @ constants
        pull = inputs.T @ (expit(odds) - target) / len(target)
        return float((np.logaddexp(0, odds) - target * odds).mean()), pull

    found = minimize(
        loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)]
    )
    return LogOddsMap(*(float(constant) for constant in found.x))


def isotonic_map(probability: Vector, positive: NDArray[np.bool_]) -> StepMap:
    """Fit the rising steps nearest to the outcomes (Zadrozny and Elkan 2002), with lines between them.

    Equal probabilities share a step. The ends stay as far from 0 and 1 as Laplace's rule would for n rows: a step of
    five rows without an event is no proof of impossibility.
    """
    at, place, rows = np.unique(probability, return_inverse=True, return_counts=True)
    share = np.bincount(place, weights=positive) / rows
    value = isotonic_regression(share, weights=rows.astype(np.float64)).x
    least = 1 / (len(probability) + 2)
    value = np.clip(value, least, 1 - least)
    # Of each level its two ends say everything.
    ends = np.ones(len(at), dtype=bool)
    ends[1:-1] = (value[1:-1] != value[:-2]) | (value[1:-1] != value[2:])
    return StepMap(at[ends], value[ends])


def _log_odds(probability: Vector) -> Vector:
    inside = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))
