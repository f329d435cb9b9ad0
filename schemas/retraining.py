"""Retraining by drift: what drifted, whether a refresh may follow, and what came of it."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.errors import examples
from schemas.monitoring import Alarm, QuarterMonitoring
from schemas.results import Refresh
from schemas.terms import Quarter

#: how the trigger of a refresh begins that drift asked for
DRIFT_TRIGGER = "drift"


class DeliveryDrift(Frozen):
    """How a delivery differs from what was published last.

    `compared_with` is the key of that refresh, `fingerprint` the delivered quarter's graph, `delivery` the
    fingerprint of what was delivered.
    """

    title: str
    delivery: str
    fingerprint: str
    compared_with: str | None
    monitoring: QuarterMonitoring

    @property
    def portfolio(self) -> str:
        """The portfolio's name."""
        return self.monitoring.portfolio

    @property
    def quarter(self) -> Quarter:
        """The delivered quarter."""
        return self.monitoring.quarter


class DriftDetected(Frozen):
    """The event `creditnet.drift.detected`: what drifted, how far, where the evidence is, and what would be refreshed.

    Attributes
    ----------
    id
        Of the event in Prefect and in the audit log.
    portfolio, source
        The portfolio's name, and what names it to a flow: the name of a bundled one or a file's path.
    refresh
        Key of the refresh of the very inputs that drifted.
    report
        The page that shows it.
    trigger
        The reason, as it will stand on the run, its card and in the audit log.
    """

    id: str
    portfolio: str
    source: str
    quarter: Quarter
    data_dir: str | None
    delivery: str
    refresh: str
    alarms: tuple[Alarm, ...]
    report: str
    trigger: str


class RetrainingAnswer(Frozen):
    """Whether drift may start a refresh now, and why not."""

    allowed: bool
    reason: str


class DriftOutcome(Frozen):
    """What a run of the drift monitor came to: what `creditnet drift --json` prints.

    `retraining` is "none" without an alarm, "refused" for the reason given, "started" where a server's automation
    starts it, and "done" where it ran in this process; `refresh` is its result then.
    """

    drift: DeliveryDrift
    files: tuple[str, ...]
    event: DriftDetected | None = None
    retraining: Literal["none", "refused", "started", "done"] = "none"
    reason: str = ""
    refresh: Refresh | None = None


def drift_trigger(event_id: str, alarms: tuple[Alarm, ...]) -> str:
    """Write why drift asks for a refresh: the event, and the first of what drifted."""
    drifted = examples(f"{alarm.kind} {alarm.subject} ({alarm.statistic}: {alarm.value:.3g}, limit {alarm.limit:.3g})"
                       for alarm in alarms)  # fmt: skip
    return f"{DRIFT_TRIGGER} {event_id}: {drifted}"
