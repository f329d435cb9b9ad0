"""Looking after a home: what is in it, what retention would take away, what is wrong with it."""

from __future__ import annotations

import datetime as dt

from schemas.base import Frozen
from schemas.results import GateResult
from schemas.terms import Quarter


class RefreshSummary(Frozen):
    """One refresh, whatever came of it. `aliases` are those its version stands for now."""

    refresh: str
    portfolio: str
    quarter: Quarter
    status: str
    trigger: str
    started_at: dt.datetime
    published_at: dt.datetime | None
    version: str | None
    verdict: str | None
    aliases: tuple[str, ...]
    folder: str | None
    pruned_at: dt.datetime | None
    error: str | None


class RetainedRefresh(Frozen):
    """What retention needs to know of a published refresh; a larger `sequence` was published later."""

    refresh: str
    quarter: Quarter
    sequence: int
    gates: tuple[GateResult, ...]


class PruneEntry(Frozen):
    """A refresh that retention looked at: taken away, or kept for a reason."""

    refresh: str
    quarter: Quarter
    version: str | None
    folder: str
    bytes: int
    kept_because: str | None


class PruneReport(Frozen):
    """What retention takes away of a portfolio, or would take away (`done` is False)."""

    portfolio: str
    keep: int
    done: bool
    pruned: tuple[PruneEntry, ...]
    kept: tuple[PruneEntry, ...]
    freed_bytes: int


class Check(Frozen):
    """One thing that `creditnet doctor` looked at."""

    check: str
    well: bool
    found: str
    way_out: str = ""


class Diagnosis(Frozen):
    """All that `creditnet doctor` looked at."""

    well: bool
    checks: tuple[Check, ...]
