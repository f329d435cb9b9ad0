"""Support vector machines in the primal, and probabilities from their margins.

The squared hinge loss makes the primal smooth, so that a few Newton steps over plain arrays find its only minimum:
nothing is random, and cost is linear in the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit

from models.automl import community_folds
from models.corporate_graph import FloatMatrix

Vector = NDArray[np.float64]

_STEPS = 100
#: a Newton step that does not help at this share of its length has arrived
_LEAST_SHARE = 1e-6
#: keeps the intercept's curvature from vanishing when no row is short of its margin
_LEAST_CURVATURE = 1e-10
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
            part, constant = hinge_minimum(
                rows[inside], signs[inside], counting[inside], inverse_penalty, (weights, intercept)
            )
            left_out[~inside] = rows[~inside] @ part + constant
    if np.isnan(left_out).any():  # all in one community: there are no other margins
        left_out = rows @ weights + intercept
    constants = [platt(left_out[:, column], signs[:, column] > 0) for column in range(signs.shape[1])]
    slope, offset = (np.array(each) for each in zip(*constants, strict=True))
    return Margins(weights, intercept, slope, offset)


def hinge_minimum(
    rows: FloatMatrix,
    signs: FloatMatrix,
    counting: FloatMatrix,
    inverse_penalty: float,
    start: tuple[FloatMatrix, Vector] | None = None,
) -> tuple[FloatMatrix, Vector]:
    """Return W (d, q) and b (q,) at the minimum of |W|^2 / 2 + C * sum counting * max(0, 1 - signs * (rows W + b))^2.

    The columns are separate problems; b is not penalised. A step costs n d^2 + d^3 / 3 operations.

    Parameters
    ----------
    start
        Where to begin; it saves steps and moves the minimum by rounding only.
    """
    d, q = rows.shape[1], signs.shape[1]
    weights, intercept = start if start is not None else (np.zeros((d, q)), np.zeros(q))
    wide = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    found = [
        _newton(wide, signs[:, j], inverse_penalty * counting[:, j], np.append(weights[:, j], intercept[j]))
        for j in range(q)
    ]
    solution = np.stack(found, axis=1)
    return np.ascontiguousarray(solution[:-1]), solution[-1].copy()


def _newton(rows: FloatMatrix, signs: Vector, cost: Vector, start: Vector) -> Vector:
    """Minimise by Newton steps on the rows short of their margin, halved until they help.

    The loss is a quadratic as long as those rows stay the same, so that a whole step after which they did is the last
    (Keerthi and DeCoste 2005).
    """
    penalised = np.append(np.ones(rows.shape[1] - 1), _LEAST_CURVATURE)

    def loss(point: Vector, short: Vector) -> float:
        return float((penalised * point**2).sum() / 2 + (cost * short**2).sum())

    point = start
    short = np.maximum(0.0, 1.0 - signs * (rows @ point))
    for _ in range(_STEPS):
        inside = short > 0
        near, slope = rows[inside], -2 * cost[inside] * signs[inside] * short[inside]
        curvature = near.T @ (2 * cost[inside, None] * near)
        curvature[np.diag_indices_from(curvature)] += penalised
        step = cho_solve(cho_factor(curvature, lower=True), penalised * point + near.T @ slope)
        now, share = loss(point, short), 1.0
        while share > _LEAST_SHARE:
            tried = point - share * step
            left = np.maximum(0.0, 1.0 - signs * (rows @ tried))
            if loss(tried, left) <= now:
                break
            share /= 2
        else:
            return point
        settled = share == 1.0 and np.array_equal(left > 0, inside)
        point, short = tried, left
        if settled:
            break
    return point


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
