"""Retraining by drift, kept within its limits: what was asked for is read from the audit log, not from memory."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from schemas.retraining import DriftDetected, RetrainingAnswer
from schemas.specs import RetrainingSpec
from schemas.terms import Quarter
from tasks.catalogue import audit
from tasks.catalogue.database import transaction
from tasks.catalogue.leases import this_process
from tasks.catalogue.tables import AuditRow, RefreshRow

#: of the audit log and of Prefect alike
DRIFT_EVENT = "creditnet.drift.detected"


class Asked(NamedTuple):
    """A drift on record: when, which event, and whether a refresh was allowed to follow."""

    at: dt.datetime
    event: str
    allowed: bool


class Retraining:
    """Which drifts were detected, and which of them started a refresh."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def ask(self, event: DriftDetected, limits: RetrainingSpec) -> RetrainingAnswer:
        """Record a drift, and say whether it may start a refresh.

        It may not during the cool-down after an earlier drift that could, and beyond the budget of the calendar
        quarter. A drift of inputs that have been published is no news: it stands in that refresh's judgement, starts
        nothing and is not recorded again. Two monitors that ask at the same time ask one after the other.
        """
        with transaction(self._engine, writing=True) as session:
            now = self._clock()
            row = session.get(RefreshRow, event.refresh)
            if row is not None and row.status == "published":
                published = f"these very inputs are published already, as version {row.model_version}"
                return RetrainingAnswer(allowed=False, reason=published)
            answer = _answer(session, event, limits, now)
            details: dict[str, Any] = {
                "id": event.id,
                "quarter": str(event.quarter),
                "delivery": event.delivery,
                "refresh": event.refresh,
                "alarms": [alarm.model_dump(mode="json") for alarm in event.alarms],
                "report": event.report,
                "allowed": answer.allowed,
                "reason": answer.reason,
            }
            audit.append(
                session.connection(),
                at=now,
                actor=str(this_process()),
                event=DRIFT_EVENT,
                subject=event.portfolio,
                details=details,
            )
            return answer

    def asked(self, portfolio: str) -> list[Asked]:
        """Return every drift of a portfolio on record, oldest first."""
        with transaction(self._engine, writing=False) as session:
            return _asked(session, portfolio)


def _answer(session: Session, event: DriftDetected, limits: RetrainingSpec, now: dt.datetime) -> RetrainingAnswer:
    allowed = [one for one in _asked(session, event.portfolio) if one.allowed]
    cool_down = dt.timedelta(days=limits.cool_down_days)
    if allowed and now - allowed[-1].at < cool_down:
        until = allowed[-1].at + cool_down
        return RetrainingAnswer(
            allowed=False,
            reason=f"cool-down of {limits.cool_down_days:g} days until {until:%Y-%m-%d %H:%M} UTC, "
            f"after {allowed[-1].event}",
        )
    spent = sum(Quarter.of(one.at.date()) == Quarter.of(now.date()) for one in allowed)
    if spent >= limits.budget_per_quarter:
        return RetrainingAnswer(
            allowed=False,
            reason=f"the budget of {limits.budget_per_quarter} in a calendar quarter is spent ({spent} since "
            f"{Quarter.of(now.date()).start})",
        )
    return RetrainingAnswer(
        allowed=True, reason=f"{spent + 1} of {limits.budget_per_quarter} in {Quarter.of(now.date())}"
    )


def _asked(session: Session, portfolio: str) -> list[Asked]:
    query = select(AuditRow).filter_by(event=DRIFT_EVENT, subject=portfolio).order_by(AuditRow.sequence)
    found = [(row.at, json.loads(row.details)) for row in session.scalars(query)]
    return [Asked(at, details["id"], details["allowed"]) for at, details in found]
