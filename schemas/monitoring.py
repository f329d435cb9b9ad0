"""What monitoring a published quarter found: every statistic against its limit, and the alarms."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.terms import Quarter

AlarmKind = Literal["feature", "graph", "score", "fairness", "performance"]


class Alarm(Frozen):
    """One thing that moved further than it ordinarily does.

    Attributes
    ----------
    subject
        What moved: a column, a relation, a protected attribute, the model.
    statistic
        How it was measured.
    value, limit
        The statistic and what it was held against; above the limit is an alarm.
    sentence
        The same in words.
    """

    kind: AlarmKind
    subject: str
    statistic: str
    value: float
    limit: float
    sentence: str


class Reading(Frozen):
    """One statistic of one quarter, held against its limit.

    `limit` is None where there is none (too few earlier quarters, say), which `reason` explains. Where it comes from
    the earlier quarters, `expected` is what they made expect, and `score` the standard deviations that it is off.
    """

    kind: AlarmKind
    subject: str
    statistic: str
    value: float | None
    limit: float | None = None
    expected: float | None = None
    score: float | None = None
    alarmed: bool = False
    reason: str = ""


class Trend(Frozen):
    """One statistic over all published quarters, the monitored one last; None where it was not defined."""

    kind: AlarmKind
    subject: str
    statistic: str
    quarters: tuple[Quarter, ...]
    values: tuple[float | None, ...]
    limit: float | None
    alarmed: bool


class QuarterMonitoring(Frozen):
    """The monitoring of one quarter.

    Attributes
    ----------
    expected_quarter
        The quarter published before, which this one is compared with.
    baseline
        The earlier published quarters whose statistics the limits come from.
    trends
        Over all of them, of the statistics that rang or lie furthest from what was expected.
    """

    portfolio: str
    quarter: Quarter
    expected_quarter: Quarter | None
    baseline: tuple[Quarter, ...]
    readings: tuple[Reading, ...]
    alarms: tuple[Alarm, ...]
    trends: tuple[Trend, ...] = ()

    def alarms_of(self, kind: AlarmKind) -> tuple[Alarm, ...]:
        """Return the alarms of one kind."""
        return tuple(alarm for alarm in self.alarms if alarm.kind == kind)
