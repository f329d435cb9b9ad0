"""The catalogue: the truth about deliveries, refreshes, decisions and scores.

Every method is one transaction. Writing ones exclude each other, so what a method reads is still
so when it writes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Engine, Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from schemas.people import SYSTEM
from schemas.promotions import AuditEntry, AuditExcerpt, AuditReport
from schemas.references import DeliveryRef, RefreshKey
from schemas.results import GraphStatistics, QuarantinedRow, Refresh
from schemas.terms import Quarter
from tasks.catalogue import audit
from tasks.catalogue.audit_facts import refuse_contradictions
from tasks.catalogue.champions import champions_in_use, current_aliases, decisions_of
from tasks.catalogue.database import connect, transaction
from tasks.catalogue.housekeeping import Housekeeping
from tasks.catalogue.leases import LEASE, held, is_mine, owner, refuse_if_alive, this_process
from tasks.catalogue.promotions import Promotions
from tasks.catalogue.records import (
    Decision,
    NewProposal,
    PublishedRefresh,
    RecordedDecision,
    RecordedDelivery,
    Score,
)
from tasks.catalogue.retraining import Retraining
from tasks.catalogue.tables import Base, DecisionRow, DeliveryRow, GraphRow, QuarantineRow, RefreshRow, ScoreRow
from tasks.catalogue.upgrade import bring_up_to_date

#: Scores come by the hundred thousand; this many at once bounds the memory they take.
_ROWS_AT_ONCE = 10_000


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def open_catalogue(database_url: str, clock: Callable[[], dt.datetime] = _utc_now) -> Catalogue:
    """Connect to the catalogue, creating or updating its tables first where that is needed.

    Raises
    ------
    SettingsError
        If the database cannot be used or was made by a newer version.
    """
    engine = connect(database_url)
    bring_up_to_date(engine)
    return Catalogue(engine, clock)


class Catalogue:
    """What has been received, is being run, and was published. `clock` tells the time, with its zone."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime] = _utc_now) -> None:
        self._engine = engine
        self._clock = clock
        #: proposals, votes and rollbacks
        self.promotions = Promotions(engine, clock)
        #: all refreshes, whatever came of them, and retention
        self.housekeeping = Housekeeping(engine, clock)
        #: drifts, and the refreshes they may start
        self.retraining = Retraining(engine, clock)

    def published_refresh(self, key: str) -> PublishedRefresh | None:
        """Return a refresh if it has been published, though its files may have been pruned since."""
        with transaction(self._engine, writing=False) as session:
            row = session.get(RefreshRow, key)
            return PublishedRefresh.of(row) if row is not None and row.status == "published" else None

    def latest_published(self, portfolio: str, before: Quarter | None = None) -> PublishedRefresh | None:
        """Return the newest refresh of the newest published quarter, of those earlier than `before` if given.

        One whose files were pruned is passed over here and in `current`.
        """
        query = select(RefreshRow).where(RefreshRow.portfolio == portfolio)
        return self._published(query if before is None else query.where(RefreshRow.quarter < before))

    def current(self, portfolio: str, quarter: Quarter) -> PublishedRefresh | None:
        """Return the refresh of a quarter that was published last."""
        return self._published(
            select(RefreshRow).where(RefreshRow.portfolio == portfolio, RefreshRow.quarter == quarter)
        )

    def published_versions(self, portfolio: str | None = None) -> list[PublishedRefresh]:
        """Return every published refresh of a portfolio, or of all, in the order of publication."""
        query = select(RefreshRow).filter_by(status="published").order_by(RefreshRow.sequence)
        if portfolio is not None:
            query = query.filter_by(portfolio=portfolio)
        with transaction(self._engine, writing=False) as session:
            return [PublishedRefresh.of(row) for row in session.scalars(query)]

    def corrects(self, key: str) -> PublishedRefresh | None:
        """Return the version of the same quarter, made from another delivery, that a published refresh follows."""
        with transaction(self._engine, writing=False) as session:
            row = session.get_one(RefreshRow, key)
            earlier = select(RefreshRow).where(
                RefreshRow.portfolio == row.portfolio,
                RefreshRow.quarter == row.quarter,
                RefreshRow.status == "published",
                RefreshRow.pruned_at.is_(None),
                RefreshRow.sequence < row.sequence,
            )
            before = session.scalars(earlier.order_by(RefreshRow.sequence.desc()).limit(1)).one_or_none()
            other = before is not None and before.input_fingerprint != row.input_fingerprint
            return PublishedRefresh.of(before) if before is not None and other else None

    def _published(self, query: Select[tuple[RefreshRow]]) -> PublishedRefresh | None:
        there = query.where(RefreshRow.status == "published", RefreshRow.pruned_at.is_(None))
        newest = there.order_by(RefreshRow.quarter.desc(), RefreshRow.sequence.desc())
        with transaction(self._engine, writing=False) as session:
            row = session.scalars(newest.limit(1)).one_or_none()
            return None if row is None else PublishedRefresh.of(row)

    def claim(self, key: RefreshKey, trigger: str) -> Refresh | None:
        """Take the lease of a refresh, or return its result if there is nothing left to do.

        Raises
        ------
        RefreshBusy
            If a living process holds the lease, this one included.
        """
        with transaction(self._engine, writing=True) as session:
            row = session.get(RefreshRow, key.key)
            if row is not None and row.status == "published":
                return PublishedRefresh.of(row).refresh
            event = "refresh.started"
            details: dict[str, object] = {"trigger": trigger}
            if row is None:
                row = RefreshRow(**key.model_dump(exclude={"quarter"}), quarter=key.quarter)
            elif row.status == "running":
                refuse_if_alive(row, self._clock())
                event, details["from"] = "refresh.taken_over", str(owner(row))
            row.owner_host, row.owner_pid, row.owner_started = this_process()
            row.status, row.trigger, row.error, row.finished_at = "running", trigger, None, None
            row.started_at, row.lease_expires_at = self._clock(), self._clock() + LEASE
            session.add(row)
            self._log(session, event, key.key, details)
        return None

    def renew(self, key: str) -> None:
        """Hold the lease for another quarter of an hour; `RefreshBusy` if it has been lost."""
        with transaction(self._engine, writing=True) as session:
            held(session, key).lease_expires_at = self._clock() + LEASE

    def fail(self, key: str, error: str) -> None:
        """Note that the refresh failed and give up its lease; nothing happens if it was lost before.

        It never raises `RefreshBusy`: it is called while another error is on its way.
        """
        # A file name in a message may hold bytes that are not text; a database takes text only.
        readable = error.encode(errors="replace").decode().replace("\0", "")
        with transaction(self._engine, writing=True) as session:
            row = session.get(RefreshRow, key)
            if row is not None and is_mine(row):
                row.status, row.error, row.finished_at = "failed", readable, self._clock()
                self._log(session, "refresh.failed", key, {"error": readable})

    def record_delivery(self, delivery: DeliveryRef) -> None:
        """Note that a delivery was received; the first time counts."""
        identity = {"portfolio": delivery.portfolio, "quarter": delivery.quarter, "fingerprint": delivery.fingerprint}
        with transaction(self._engine, writing=True) as session:
            if session.get(DeliveryRow, identity) is None:
                tables = {name: ref.model_dump() for name, ref in delivery.tables.items()}
                session.add(DeliveryRow(**identity, received_at=self._clock(), tables=tables))

    def deliveries(self, portfolio: str | None = None) -> list[RecordedDelivery]:
        """Return every delivery that was received, of one portfolio or of all, in the order of their names."""
        query = select(DeliveryRow).order_by(DeliveryRow.portfolio, DeliveryRow.quarter, DeliveryRow.fingerprint)
        if portfolio is not None:
            query = query.filter_by(portfolio=portfolio)
        with transaction(self._engine, writing=False) as session:
            return [RecordedDelivery.of(row) for row in session.scalars(query)]

    def scores(self, key: str) -> dict[str, tuple[float, str]]:
        """Return probability and predicted class of each firm, as one published refresh scored it."""
        query = select(ScoreRow.firm_id, ScoreRow.probability, ScoreRow.predicted_class).filter_by(refresh_key=key)
        with transaction(self._engine, writing=False) as session:
            return {firm: (probability, predicted) for firm, probability, predicted in session.execute(query)}

    def record_pages(self, folder: str, manifest_sha256: str) -> None:
        """Note in the audit log what pages beside the refreshes (a difference, say) hash to, unless it is known."""
        with transaction(self._engine, writing=True) as session:
            if audit.recorded_pages(session.connection()).get(folder) != manifest_sha256:
                self._log(session, audit.PAGES_WRITTEN, folder, {"manifest": manifest_sha256})

    def recorded_pages(self) -> dict[str, str]:
        """Return the SHA-256 of the manifest of each folder of pages, as the audit log noted it last."""
        with transaction(self._engine, writing=False) as session:
            return audit.recorded_pages(session.connection())

    def record_quarantine(
        self, portfolio: str, quarter: Quarter, delivery_fingerprint: str, rows: Iterable[QuarantinedRow]
    ) -> None:
        """Put these rows in the place of all that are quarantined of a recorded delivery."""
        whose = {"portfolio": portfolio, "quarter": quarter, "delivery_fingerprint": delivery_fingerprint}
        columns = ("table_name", "row_number", "column_name", "rule", "value")
        values = ((row.table, row.row, row.column, row.rule, row.value) for row in rows)
        with transaction(self._engine, writing=True) as session:
            session.execute(delete(QuarantineRow).filter_by(**whose))
            _insert(session, QuarantineRow, (whose | dict(zip(columns, value, strict=True)) for value in values))

    def publish(
        self,
        key: str,
        *,
        refresh: Refresh,
        folder: str,
        manifest_sha256: str,
        graph_statistics: GraphStatistics,
        scores: Iterable[Score],
        decisions: Sequence[Decision] = (),
        proposal: NewProposal | None = None,
        model_name: str | None = None,
        model_version: str | None = None,
    ) -> None:
        """Make a refresh visible, with all that belongs to it or not at all.

        A champion that the machinery itself chose is only ever a portfolio's first. A lease that ran out but that
        nobody has taken is still held. Publishing the same folder a second time changes nothing.

        Raises
        ------
        RefreshBusy
            If another process has taken the lease over, or the lease was given up.
        """
        now = self._clock()
        with transaction(self._engine, writing=True) as session:
            earlier = session.get(RefreshRow, key)
            if earlier is not None and (earlier.status, earlier.manifest_sha256) == ("published", manifest_sha256):
                return
            row = held(session, key)
            _add_graph(session, row, graph_statistics)
            row.status, row.published_at, row.finished_at = "published", now, now
            row.sequence = (session.scalar(select(func.max(RefreshRow.sequence))) or 0) + 1
            row.folder, row.manifest_sha256, row.result = folder, manifest_sha256, refresh.model_dump(mode="json")
            row.model_name, row.model_version = model_name, model_version
            standing = decisions_of(session, row.portfolio)
            if any(earlier.alias == "champion" for earlier in standing):
                decisions = [one for one in decisions if one.alias != "champion" or one.made_by != SYSTEM]
            made = [{"alias": decision.alias, "version": decision.model_version} for decision in decisions]
            about = {"portfolio": row.portfolio, "refresh_key": key, "made_at": now}
            _insert(session, DecisionRow, (about | decision.model_dump() for decision in decisions))
            _insert(session, ScoreRow, ({"refresh_key": key} | score._asdict() for score in scores))
            details = {"manifest": manifest_sha256, "graph": graph_statistics.fingerprint, "model": model_version}
            self._log(session, "refresh.published", key, details | {"decisions": made})
            if proposal is not None:
                before = champions_in_use(standing)
                self.promotions.add_proposal(session, row, proposal, before[-1].model_version if before else None)

    def champion(self, portfolio: str) -> RecordedDecision | None:
        """Return the decision that made a version of this portfolio the champion that is in use."""
        with transaction(self._engine, writing=False) as session:
            standing = champions_in_use(decisions_of(session, portfolio))
            return RecordedDecision.model_validate(standing[-1], from_attributes=True) if standing else None

    def had_champion(self, portfolio: str) -> bool:
        """Tell whether a version of this portfolio has ever been champion, though it be retired."""
        query = select(DecisionRow.id).filter_by(portfolio=portfolio, alias="champion").limit(1)
        with transaction(self._engine, writing=False) as session:
            return session.scalar(query) is not None

    def aliases(self, portfolio: str) -> dict[str, str]:
        """Return the version that each alias of a portfolio's model stands for."""
        with transaction(self._engine, writing=False) as session:
            return current_aliases(decisions_of(session, portfolio))

    def mark_registry_synced(self, portfolio: str, aliases: dict[str, str]) -> bool:
        """Note that the model registry shows these aliases, unless something else has been decided meanwhile."""
        with transaction(self._engine, writing=True) as session:
            if current_aliases(decisions_of(session, portfolio)) != aliases:
                return False
            lagging = update(RefreshRow).filter_by(portfolio=portfolio, status="published", registry_synced=False)
            session.execute(lagging.values(registry_synced=True))
            return True

    def registry_lags(self, portfolio: str) -> bool:
        """Tell whether something was decided on a portfolio that the model registry has yet to show."""
        query = select(RefreshRow.key).filter_by(portfolio=portfolio, status="published", registry_synced=False)
        with transaction(self._engine, writing=False) as session:
            return session.scalar(query.limit(1)) is not None

    def audit_head(self) -> str:
        """Return the hash of the audit log's newest row."""
        with transaction(self._engine, writing=False) as session:
            return audit.head(session.connection())

    def audit_entries(self, last: int | None = None) -> list[AuditEntry]:
        """Return the audit log's rows, the newest `last` or all of them, oldest first; nothing is checked."""
        with transaction(self._engine, writing=False) as session:
            return audit.entries(session.connection(), last)

    def audit_excerpt(self, subject: str) -> AuditExcerpt:
        """Return the audit log's rows on one subject, such as a refresh key, with the hashes that lead to its head."""
        with transaction(self._engine, writing=False) as session:
            return audit.excerpt(session.connection(), subject)

    def verified_audit(self, witnesses: Mapping[str, str]) -> AuditReport:
        """Check the audit log against itself, the catalogue's other tables and heads noted elsewhere.

        Parameters
        ----------
        witnesses
            Heads that the log once had, each with where it was noted.

        Raises
        ------
        IntegrityError
            For the first thing that does not fit.
        """
        with transaction(self._engine, writing=False) as session:
            hashes = audit.verified_hashes(session.connection())
            unwitnessed = audit.unwitnessed_rows(hashes, witnesses)
            facts = refuse_contradictions(session)
        return AuditReport(
            rows=len(hashes),
            head=hashes[-1] if hashes else audit.GENESIS,
            witnesses=len(witnesses),
            unwitnessed_rows=unwitnessed,
            facts=facts,
        )

    def _log(self, session: Session, event: str, subject: str, details: dict[str, object]) -> None:
        connection, actor = session.connection(), str(this_process())
        audit.append(connection, at=self._clock(), actor=actor, event=event, subject=subject, details=details)


def _add_graph(session: Session, row: RefreshRow, statistics: GraphStatistics) -> None:
    session.merge(
        GraphRow(
            portfolio=row.portfolio,
            quarter=row.quarter,
            fingerprint=statistics.fingerprint,
            firms=statistics.firms,
            edges=statistics.edges,
            statistics=statistics.model_dump(mode="json"),
        )
    )
    session.flush()  # the refresh refers to it, and nothing else tells the session which goes first
    row.graph_fingerprint = statistics.fingerprint


def _insert(session: Session, table: type[Base], values: Iterable[dict[str, Any]]) -> None:
    remaining = iter(values)
    while chunk := list(islice(remaining, _ROWS_AT_ONCE)):
        session.execute(insert(table), chunk)
