"""Numbers that compare two quarters, each with the sampling error that the size of its sample gives it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, wasserstein_distance

Vector = npt.NDArray[np.float64]
Direction = Literal["up", "both", "shown"]

#: firms or edges below which a share, a correlation or a distance says nothing
LEAST = 20


@dataclass(frozen=True)
class Measured:
    """One number of a quarter.

    Attributes
    ----------
    value
        None where it is not defined, which `reason` explains.
    error
        The standard error that the size of the sample alone gives it.
    direction
        Whether only a large value is unusual (a distance) or a small one too (a share, a correlation: a relation in
        which nothing ever changes is a feed that stopped), or it is shown and held against nothing.
    """

    subject: str
    statistic: str
    value: float | None
    error: float = 0.0
    direction: Direction = "both"
    reason: str = ""


def undefined(subject: str, statistic: str, reason: str) -> Measured:
    """Return a number that is not defined."""
    return Measured(subject, statistic, None, reason=reason)


def share(subject: str, statistic: str, hits: npt.NDArray[np.bool_]) -> Measured:
    """Return the share of true values, with its binomial standard error."""
    count = len(hits)
    if count < LEAST:
        return undefined(subject, statistic, f"{count} cases, fewer than {LEAST}")
    part = float(hits.mean())
    # Agresti and Coull (1998): two successes and two failures more, so that a share of 0 or 1 has an error too.
    steadied = (hits.sum() + 2) / (count + 4)
    return Measured(subject, statistic, part, math.sqrt(steadied * (1 - steadied) / (count + 4)))


def growth(subject: str, statistic: str, before: int, after: int) -> Measured:
    """Return the logarithm of a count's growth, with the error of a Poisson count."""
    # Half a case more, so that a relation that was emptied has shrunk by a number.
    return Measured(subject, statistic, math.log((after + 0.5) / (before + 0.5)), math.sqrt(1 / (before + 0.5)))


def rank_correlation(subject: str, statistic: str, first: Vector, second: Vector) -> Measured:
    """Return Spearman's correlation, with the error 1 / sqrt(n - 1) that it has under independence."""
    return correlation(subject, statistic, rankdata(first), rankdata(second))


def correlation(subject: str, statistic: str, first: Vector, second: Vector) -> Measured:
    """Return Pearson's correlation, with the error 1 / sqrt(n - 1) that it has under independence."""
    if len(first) < LEAST:
        return undefined(subject, statistic, f"{len(first)} cases, fewer than {LEAST}")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return undefined(subject, statistic, "all values are equal")
    return Measured(subject, statistic, float(np.corrcoef(first, second)[0, 1]), 1 / math.sqrt(len(first) - 1))


def distance(subject: str, statistic: str, before: Vector, after: Vector) -> Measured:
    """Return the Wasserstein distance of two samples in standard deviations of the earlier one.

    Its error is that of a mean: the distance between two samples of one distribution is of this order.
    """
    if min(len(before), len(after)) < LEAST:
        return undefined(subject, statistic, f"{min(len(before), len(after))} cases, fewer than {LEAST}")
    spread = float(before.std())
    if spread == 0:
        same = np.ptp(after) == 0 and after[0] == before[0]
        value = 0.0 if same else None
        return Measured(subject, statistic, value, 0.0, "up", "" if same else "all earlier values are equal")
    error = math.sqrt(1 / len(before) + 1 / len(after)) / 2
    return Measured(subject, statistic, float(wasserstein_distance(before, after)) / spread, error, "up")
