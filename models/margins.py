"""Support vector machines in the primal, and probabilities from their margins.

The squared hinge loss makes the primal smooth, so that one quasi-Newton run over plain arrays finds its only
minimum: nothing is random, and cost is linear in the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.automl import community_folds
from models.corporate_graph import FloatMatrix

Vector = NDArray[np.float64]

_ITERATIONS = 500
#: log-odds of a class that development never saw
_NEVER = -50.0


@dataclass(frozen=True)
class Margins:
    """Margins z W + b, one column for two classes, otherwise one a class against the others, and what they mean.

    Attributes
    ----------
    weights : (d, q)
    intercept, slope, offset : (q,)
        The log-odds of column j are slope_j * margin_j + offset_j.
    """

    weights: FloatMatrix
    intercept: Vector
    slope: Vector
    offset: Vector

    def probabilities(self, rows: FloatMatrix) -> FloatMatrix:
        """Return (n, classes) for rows (n, d).

        For more than two classes the probabilities of one against the others are scaled to sum to 1 (Zadrozny and
        Elkan 2002).
        """
        single = expit(self.slope * (rows @ self.weights + self.intercept) + self.offset)
        if single.shape[1] == 1:
            return np.concatenate([1 - single, single], axis=1)
        return np.asarray(single / single.sum(axis=1, keepdims=True))

    def tensors(self) -> dict[str, FloatMatrix]:
        """Return the constants by name."""
        return {
            "margins.weights": self.weights,
            "margins.intercept": self.intercept,
            "margins.slope": self.slope,
            "margins.offset": self.offset,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, FloatMatrix]) -> Margins:
        """Read back what `tensors` returned."""
        return cls(*(tensors[f"margins.{name}"] for name in ("weights", "intercept", "slope", "offset")))


def fitted_margins(
    rows: FloatMatrix,
    truth: NDArray[np.int64],
    communities: NDArray[np.str_],
    *,
    classes: int,
    inverse_penalty: float,
    folds: int,
    balanced: bool = False,
) -> Margins:
    """Fit on all rows, and the meaning of margins on margins of rows that were left out of a fit.

    Margins of rows that were fitted are too good, so Platt's sigmoid would be too steep on them. Whole
    communities are left out together, since neighbours resemble one another.

    Parameters
    ----------
    rows : (n, d)
    truth : (n,)
        Class index.
    communities : (n,)
    folds
        How many parts the communities are dealt into.
    balanced
        Whether positives and negatives of each column weigh alike in the loss; the sigmoid is always fitted on
        the rows as they are.
    """
    # (n, q) of 1 and -1
    signs = np.where((truth[:, None] == (np.arange(classes) if classes > 2 else np.array([1]))), 1.0, -1.0)
    counting = _balance(signs) if balanced else np.ones_like(signs)
    weights, intercept = hinge_minimum(rows, signs, counting, inverse_penalty)
    left_out = np.full(signs.shape, np.nan)
    dealt = community_folds(communities, folds)
    for fold in np.unique(dealt):
        inside = dealt != fold
        if inside.any():
            part, constant = hinge_minimum(rows[inside], signs[inside], counting[inside], inverse_penalty)
            left_out[~inside] = rows[~inside] @ part + constant
    if np.isnan(left_out).any():  # all in one community: there are no other margins
        left_out = rows @ weights + intercept
    constants = [platt(left_out[:, column], signs[:, column] > 0) for column in range(signs.shape[1])]
    slope, offset = (np.array(each) for each in zip(*constants, strict=True))
    return Margins(weights, intercept, slope, offset)


def hinge_minimum(
    rows: FloatMatrix, signs: FloatMatrix, counting: FloatMatrix, inverse_penalty: float
) -> tuple[FloatMatrix, Vector]:
    """Return W (d, q) and b (q,) at the minimum of |W|^2 / 2 + C * sum counting * max(0, 1 - signs * (rows W + b))^2.

    The columns are separate problems that are solved in one go; b is not penalised.
    """
    d, q = rows.shape[1], signs.shape[1]

    def value(flat: Vector) -> tuple[float, Vector]:
        weights, intercept = flat[: d * q].reshape(d, q), flat[d * q :]
        short = np.maximum(0.0, 1.0 - signs * (rows @ weights + intercept))
        pull = -2 * inverse_penalty * counting * signs * short
        loss = (weights**2).sum() / 2 + inverse_penalty * (counting * short**2).sum()
        return loss, np.concatenate([(weights + rows.T @ pull).ravel(), pull.sum(axis=0)])

    scale = 1.0 / max(1.0, inverse_penalty * len(rows))

    def scaled(flat: Vector) -> tuple[float, Vector]:
        loss, slope = value(flat)
        return scale * loss, scale * slope

    found = minimize(
        scaled,
        np.zeros((d + 1) * q),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "gtol": 1e-7, "ftol": 1e-12},
    )
    return found.x[: d * q].reshape(d, q), found.x[d * q :]


def platt(margins: Vector, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of the log-odds as a line in the margin (Platt 1999).

    The targets are (n+ + 1) / (n+ + 2) and 1 / (n- + 2) instead of 1 and 0, so that perfectly separated margins
    do not give an infinite slope. Without any positive or any negative the log-odds are a constant.
    """
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return 0.0, -_NEVER if ups else _NEVER
    target = np.where(positive, (ups + 1) / (ups + 2), 1 / (downs + 2))

    def value(line: Vector) -> tuple[float, Vector]:
        odds = line[0] * margins + line[1]
        pull = (expit(odds) - target) / len(target)
        return float((np.logaddexp(0, odds) - target * odds).mean()), np.array([pull @ margins, pull.sum()])

    start = np.array([1.0, np.log((ups + 1) / (downs + 1))])
    found = minimize(value, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _balance(signs: FloatMatrix) -> FloatMatrix:
    ups = (signs > 0).mean(axis=0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(signs > 0, 0.5 / ups, 0.5 / (1 - ups)))
