"""What `creditnet status` says: what runs, what was refreshed last, what comes next, who has to decide."""

from __future__ import annotations

import datetime as dt

from schemas.base import Frozen
from schemas.housekeeping import RefreshSummary


class ServiceStatus(Frozen):
    """One process of `creditnet up`."""

    name: str
    url: str
    pid: int
    runs: bool


class NextRun(Frozen):
    """A run that a schedule has already planned."""

    deployment: str
    run: str
    at: dt.datetime


class PortfolioStatus(Frozen):
    """Where one portfolio stands: its newest published refresh, the version in use, versions that wait for approval."""

    portfolio: str
    last_refresh: RefreshSummary | None
    champion: str | None
    open_approvals: tuple[str, ...]
    running: int


class ServedStatus(Frozen):
    """The whole answer. `next_runs` is None where no server answers who could know."""

    served: bool
    services: tuple[ServiceStatus, ...]
    portfolios: tuple[PortfolioStatus, ...]
    next_runs: tuple[NextRun, ...] | None
