"""Limits from the quarters before: a statistic rings when it leaves what it ordinarily does.

A quarter's value is expected to lie at the median of the last two years. How far ordinary quarters stray from that is
measured on the earlier quarters themselves, each against those before it, by the median of the distances, which one
odd quarter does not move; the sampling error of the value itself is added. The limit is that of a normal distribution
for the false alarms allowed a quarter, shared out among all statistics of a kind (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from models.measures import Measured
from schemas.monitoring import AlarmKind, Reading
from schemas.specs import GatesSpec

#: quarters that the expectation is the median of
WINDOW = 8
#: the median distance of normal values from their centre, as a share of their standard deviation
_MEDIAN_DISTANCE = 0.6745
#: quarters that an expectation needs before how far the next one strayed counts
_FIRST = 2

History = Mapping[tuple[str, str], Sequence[float]]


@dataclass(frozen=True)
class Expectation:
    """Where the earlier quarters expect a value, and how far ordinary ones stray from it."""

    centre: float
    spread: float

    @classmethod
    def of(cls, earlier: Sequence[float]) -> Expectation:
        """Expect what the earlier values, oldest first, were."""
        strayed = [abs(earlier[k] - _centre(earlier[:k])) for k in range(_FIRST, len(earlier))]
        return cls(_centre(earlier), float(np.median(strayed)) / _MEDIAN_DISTANCE)

    def deviations(self, measured: Measured) -> float:
        """Return how many standard deviations a value lies from the centre, with the sign of the difference."""
        if measured.value is None:
            return 0.0
        scale = math.hypot(self.spread, measured.error)
        difference = measured.value - self.centre
        if scale == 0:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / scale


def held_against_history(
    kind: AlarmKind, measured: Sequence[Measured], history: History, gates: GatesSpec
) -> tuple[Reading, ...]:
    """Hold every number of a kind against its own earlier values.

    Parameters
    ----------
    history
        By subject and statistic the values of the earlier quarters, oldest first.
    """
    told = [tuple(history.get((one.subject, one.statistic), ())) for one in measured]
    judged = [
        one.value is not None and one.direction != "shown" and len(earlier) >= gates.baseline_quarters
        for one, earlier in zip(measured, told, strict=True)
    ]
    allowed = allowed_deviations(gates.false_alarm_rate, sum(judged))
    return tuple(
        _reading(kind, one, earlier, allowed) if enough else _not_judged(kind, one, len(earlier), gates)
        for one, earlier, enough in zip(measured, told, judged, strict=True)
    )


def allowed_deviations(false_alarm_rate: float, statistics: int) -> float:
    """Return how many standard deviations on either side keep the chance of one false alarm of all at the rate."""
    return float(norm.isf(false_alarm_rate / (2 * max(statistics, 1))))


def _reading(kind: AlarmKind, one: Measured, earlier: Sequence[float], allowed: float) -> Reading:
    expectation = Expectation.of(earlier)
    deviations = expectation.deviations(one)
    width = allowed * math.hypot(expectation.spread, one.error)
    below = one.direction == "both" and deviations < 0
    return Reading(
        kind=kind,
        subject=one.subject,
        statistic=one.statistic,
        value=one.value,
        limit=expectation.centre - width if below else expectation.centre + width,
        expected=expectation.centre,
        score=deviations if math.isfinite(deviations) else None,
        alarmed=(abs(deviations) if one.direction == "both" else deviations) > allowed,
    )


def _not_judged(kind: AlarmKind, one: Measured, earlier: int, gates: GatesSpec) -> Reading:
    few = "" if one.direction == "shown" else f"{earlier} earlier quarters, fewer than {gates.baseline_quarters}"
    return Reading(kind=kind, subject=one.subject, statistic=one.statistic, value=one.value, reason=one.reason or few)


def _centre(values: Sequence[float]) -> float:
    return float(np.median(values[-WINDOW:]))
