"""The catalogue's tables as they are now; the files in `versions/` lead there.

A change here needs a new file there: ``alembic -c tasks/catalogue/migrations/alembic.ini revision
--autogenerate -m "what changes"``, and its revision as `upgrade.HEAD`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from schemas.terms import Quarter

#: Optuna's tables, which `creditnet tune` keeps in the same database; no migration of ours touches them.
OPTUNA_TABLES = frozenset(
    {
        "studies",
        "study_directions",
        "study_system_attributes",
        "study_user_attributes",
        "trial_heartbeats",
        "trial_intermediate_values",
        "trial_params",
        "trial_system_attributes",
        "trial_user_attributes",
        "trial_values",
        "trials",
        "version_info",
    }
)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Tell Alembic which tables a migration is about."""
    return kind != "table" or name not in OPTUNA_TABLES


def utc_text(moment: dt.datetime) -> str:
    """Write a moment in UTC with microseconds, so that texts sort as moments do."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


class UtcMoment(TypeDecorator[dt.datetime]):
    """A moment as ISO text: SQLite has no time zones, and a hash needs one spelling everywhere."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        """Write the moment."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dt.datetime | None:
        """Read the moment."""
        return None if value is None else dt.datetime.fromisoformat(value)


class QuarterText(TypeDecorator[Quarter]):
    """A quarter as ``2024Q4``: four-digit years make the order of texts the order in time."""

    impl = String(6)
    cache_ok = True

    def process_bind_param(self, value: Quarter | None, dialect: Dialect) -> str | None:
        """Write the quarter."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Quarter | None:
        """Read the quarter."""
        return None if value is None else Quarter.parse(value)


class Base(DeclarativeBase):
    """Gives every constraint a name, without which a later migration could not drop it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        Quarter: QuarterText,
        dt.datetime: UtcMoment,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class DeliveryRow(Base):
    """A delivery as received."""

    __tablename__ = "deliveries"

    portfolio: Mapped[str] = mapped_column(primary_key=True)
    quarter: Mapped[Quarter] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[dt.datetime]
    tables: Mapped[dict[str, Any]]


class QuarantineRow(Base):
    """A value of a delivery that broke a rule."""

    __tablename__ = "quarantine"
    __table_args__ = (
        ForeignKeyConstraint(
            ["portfolio", "quarter", "delivery_fingerprint"],
            ["deliveries.portfolio", "deliveries.quarter", "deliveries.fingerprint"],
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio: Mapped[str]
    quarter: Mapped[Quarter]
    delivery_fingerprint: Mapped[str] = mapped_column(index=True)
    table_name: Mapped[str]
    row_number: Mapped[int]
    column_name: Mapped[str]
    rule: Mapped[str]
    value: Mapped[str]


class GraphRow(Base):
    """A corporate graph that some published refresh used."""

    __tablename__ = "graphs"

    portfolio: Mapped[str] = mapped_column(primary_key=True)
    quarter: Mapped[Quarter] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    firms: Mapped[int]
    edges: Mapped[int]
    statistics: Mapped[dict[str, Any]]


class RefreshRow(Base):
    """A refresh: who runs it under which lease, and what came of it."""

    __tablename__ = "refreshes"
    __table_args__ = (
        UniqueConstraint("portfolio", "quarter", "input_fingerprint", "code_digest", "spec_hash"),
        ForeignKeyConstraint(
            ["portfolio", "quarter", "graph_fingerprint"], ["graphs.portfolio", "graphs.quarter", "graphs.fingerprint"]
        ),
        CheckConstraint("status IN ('running', 'published', 'failed', 'abandoned')", name="status"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    portfolio: Mapped[str]
    quarter: Mapped[Quarter]
    input_fingerprint: Mapped[str]
    code_digest: Mapped[str]
    spec_hash: Mapped[str]
    status: Mapped[str]
    trigger: Mapped[str]
    owner_host: Mapped[str]
    owner_pid: Mapped[int]
    owner_started: Mapped[float]
    lease_expires_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    published_at: Mapped[dt.datetime | None]
    #: counts publications across all portfolios; a larger one was published later
    sequence: Mapped[int | None] = mapped_column(unique=True)
    graph_fingerprint: Mapped[str | None]
    folder: Mapped[str | None]
    manifest_sha256: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    registry_synced: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: when retention took its files and scores away; the row stays
    pruned_at: Mapped[dt.datetime | None]


class DecisionRow(Base):
    """Who gave a model version which alias, or took it out of use (`retired`), and why. Rows are only added."""

    __tablename__ = "decisions"
    __table_args__ = (CheckConstraint("alias IN ('challenger', 'champion', 'retired')", name="alias"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(index=True)
    refresh_key: Mapped[str] = mapped_column(ForeignKey("refreshes.key"))
    model_version: Mapped[str]
    alias: Mapped[str]
    made_at: Mapped[dt.datetime]
    made_by: Mapped[str]
    reason: Mapped[str]


class ProposalRow(Base):
    """A version that is asked to become champion. Only its status changes, once, from open to what it came to."""

    __tablename__ = "proposals"
    __table_args__ = (CheckConstraint("status IN ('open', 'approved', 'rejected', 'superseded')", name="status"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(index=True)
    refresh_key: Mapped[str] = mapped_column(ForeignKey("refreshes.key"))
    model_version: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[dt.datetime]
    reason: Mapped[str]
    #: the champion's version when it was asked for
    replaces: Mapped[str | None]
    open_points: Mapped[list[str]]
    status: Mapped[str]
    closed_at: Mapped[dt.datetime | None]


class VoteRow(Base):
    """What one person said of a proposal; `person` is the name as people are told apart by it."""

    __tablename__ = "votes"
    __table_args__ = (
        UniqueConstraint("proposal_id", "person"),
        CheckConstraint("choice IN ('approve', 'reject')", name="choice"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("proposals.id"))
    name: Mapped[str]
    person: Mapped[str]
    choice: Mapped[str]
    reason: Mapped[str]
    made_at: Mapped[dt.datetime]


class ScoreRow(Base):
    """A firm's probability of the unfavourable outcome, from one refresh."""

    __tablename__ = "scores"
    __table_args__ = (CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),)

    refresh_key: Mapped[str] = mapped_column(ForeignKey("refreshes.key"), primary_key=True)
    firm_id: Mapped[str] = mapped_column(primary_key=True)
    probability: Mapped[float]
    predicted_class: Mapped[str]


class AuditRow(Base):
    """One line of the audit log (see `tasks.catalogue.audit`)."""

    __tablename__ = "audit_log"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    actor: Mapped[str]
    event: Mapped[str]
    subject: Mapped[str]
    details: Mapped[str]
    previous_hash: Mapped[str]
    hash: Mapped[str]
