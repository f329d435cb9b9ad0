"""All refreshes in the catalogue, and retention: what nothing needs any more is marked as pruned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from schemas.errors import RefreshBusy
from schemas.housekeeping import RefreshSummary
from tasks.catalogue import audit
from tasks.catalogue.champions import champions_in_use, current_aliases, decisions_of
from tasks.catalogue.database import transaction
from tasks.catalogue.leases import owner, refuse_if_alive, this_process
from tasks.catalogue.tables import ProposalRow, RefreshRow, ScoreRow


class Lease(NamedTuple):
    """A refresh that is marked as running: by whom, until when it is believed, and whether anybody is still there."""

    refresh: str
    owner: str
    expires_at: dt.datetime
    alive: bool


class Housekeeping:
    """What is in the catalogue, and what may go."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def refreshes(self, portfolio: str | None = None) -> list[RefreshSummary]:
        """Return every refresh in the order they were started, whatever came of it."""
        query = select(RefreshRow).order_by(RefreshRow.started_at, RefreshRow.key)
        if portfolio is not None:
            query = query.filter_by(portfolio=portfolio)
        with transaction(self._engine, writing=False) as session:
            rows = session.scalars(query).all()
            aliases = {name: _aliases_by_refresh(session, name) for name in {row.portfolio for row in rows}}
            return [_summary(row, aliases[row.portfolio].get(row.key, ())) for row in rows]

    def needed(self, portfolio: str) -> dict[str, str]:
        """Return what people need of a portfolio's refreshes, each with the reason."""
        with transaction(self._engine, writing=False) as session:
            return _needed(session, portfolio)

    def leases(self) -> list[Lease]:
        """Return every refresh that is marked as running."""
        with transaction(self._engine, writing=False) as session:
            return [
                Lease(row.key, str(owner(row)), row.lease_expires_at, _is_alive(row, self._clock()))
                for row in session.scalars(select(RefreshRow).filter_by(status="running"))
            ]

    def mark_pruned(self, portfolio: str, keys: Collection[str], reason: str) -> None:
        """Mark published refreshes as pruned and remove their scores; their rows stay.

        Raises
        ------
        RefreshBusy
            If a refresh of the portfolio runs, which may be reading them, or one of them is needed since.
        """
        with transaction(self._engine, writing=True) as session:
            for running in session.scalars(select(RefreshRow).filter_by(portfolio=portfolio, status="running")):
                refuse_if_alive(running, self._clock())
            needed = _needed(session, portfolio)
            for key in sorted(keys):
                if key in needed:
                    raise RefreshBusy(
                        f"The refresh {key[:12]} is needed since a moment ago.",
                        expected="refreshes that nothing needs",
                        found=needed[key],
                        way_out="run `creditnet prune` again",
                    )
                row = session.get_one(RefreshRow, key)
                if row.status != "published" or row.pruned_at is not None:
                    continue
                row.pruned_at = self._clock()
                session.execute(delete(ScoreRow).filter_by(refresh_key=key))
                details: dict[str, object] = {"reason": reason, "manifest": row.manifest_sha256}
                audit.append(
                    session.connection(),
                    at=self._clock(),
                    actor=str(this_process()),
                    event="refresh.pruned",
                    subject=key,
                    details=details,
                )


def _needed(session: Session, portfolio: str) -> dict[str, str]:
    decisions = decisions_of(session, portfolio)
    needed = {row.refresh_key: "challenger" for row in decisions if row.alias == "challenger"}
    needed = dict(list(needed.items())[-1:])
    for proposal in session.scalars(select(ProposalRow).filter_by(portfolio=portfolio, status="open")):
        needed[proposal.refresh_key] = "open proposal"
    # Each of them is what a rollback may lead to.
    standing = champions_in_use(decisions)
    needed |= {row.refresh_key: "earlier champion, for a rollback" for row in standing[:-1]}
    return needed | {row.refresh_key: "champion" for row in standing[-1:]}


def _aliases_by_refresh(session: Session, portfolio: str) -> dict[str, tuple[str, ...]]:
    decisions = decisions_of(session, portfolio)
    current = current_aliases(decisions)
    places = {row.refresh_key: row.model_version for row in decisions}
    return {key: tuple(sorted(alias for alias, version in current.items() if version == places[key])) for key in places}


def _is_alive(row: RefreshRow, now: dt.datetime) -> bool:
    try:
        refuse_if_alive(row, now)
    except RefreshBusy:
        return True
    return False


def _summary(row: RefreshRow, aliases: tuple[str, ...]) -> RefreshSummary:
    result = row.result or {}
    return RefreshSummary(
        refresh=row.key,
        portfolio=row.portfolio,
        quarter=row.quarter,
        status=row.status,
        trigger=row.trigger,
        started_at=row.started_at,
        published_at=row.published_at,
        version=row.model_version,
        verdict=result.get("verdict", {}).get("outcome"),
        aliases=aliases,
        folder=row.folder,
        pruned_at=row.pruned_at,
        error=row.error.splitlines()[0] if row.error else None,
    )
