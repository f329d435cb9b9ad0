"""The catalogue's database: connecting, the two kinds of transaction, and its errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError, StatementError
from sqlalchemy.orm import Session

from schemas import errors
from schemas.errors import CreditnetError, SettingsError
from tasks.catalogue.audit import canonical_json
from tasks.urls import with_driver

#: Any constant: PostgreSQL transactions that name the same number wait for each other.
_WRITER_LOCK = 0x6372656469746E65


def connect(database_url: str) -> Engine:
    """Return an engine whose writing transactions exclude each other from their first statement.

    ``engine.execution_options(writing=True)`` gives the engine for those. No connection outlives
    its transaction: a refresh makes a dozen, and one that is held across a fork or an hour of
    fitting costs more than opening it anew.

    Raises
    ------
    SettingsError
        If the URL cannot be read, names no file, or its driver is not installed.
    """
    try:
        url = with_driver(database_url)
        engine = create_engine(url, poolclass=NullPool, json_serializer=canonical_json)
    except (ArgumentError, ModuleNotFoundError) as error:
        # The URL may hold a password, and SQLAlchemy's own message may repeat the URL.
        found = str(error) if isinstance(error, ModuleNotFoundError) else "an unreadable URL"
        raise unusable(found) from None
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise unusable("a SQLite database in memory, gone with its connection")
        _set_up_sqlite(engine)
    elif url.get_backend_name() == "postgresql":
        _set_up_postgresql(engine)
    else:
        raise unusable(f"a {url.get_backend_name()} database")
    return engine


@contextmanager
def transaction(engine: Engine, *, writing: bool) -> Iterator[Session]:
    """Give a session that is kept whole or, if anything is raised, not at all.

    Raises
    ------
    CreditnetError
        If the database refuses or cannot be reached; `IntegrityError` if its file is damaged.
    """
    try:
        with Session(engine.execution_options(writing=writing)) as session, session.begin():
            yield session
    except StatementError as error:
        raise _translated(error) from error


def _translated(error: StatementError) -> CreditnetError:
    found = str(error.orig or error)
    state = _sqlstate(error.orig)
    if isinstance(error, IntegrityError) or state.startswith("23"):
        return CreditnetError(
            "The catalogue refused an entry that contradicts what it holds.",
            found=found,
            way_out="nothing was written; this is a mistake in creditnet or in the delivery's identifiers",
        )
    # Connection, resources, an operator's shutdown, a disk that fails (PostgreSQL's manual, appendix A).
    if isinstance(error, OperationalError | InterfaceError) or state.startswith(("08", "53", "57", "58")):
        return CreditnetError(
            "The catalogue's database did not answer as it should.",
            found=found,
            way_out="nothing was written; check the disk and the other processes that use it, then run again",
        )
    # SQLite's word for a damaged file. Its subclasses, and other drivers, mean something else by it.
    if type(error.orig) is sqlite3.DatabaseError:
        return errors.IntegrityError(
            "The catalogue's database is damaged or not one.", found=found, way_out="restore it from a backup"
        )
    return CreditnetError(
        "A value cannot be stored in the catalogue.", found=found, way_out="nothing was written; correct the value"
    )


def _sqlstate(error: BaseException | None) -> str:
    """Return PostgreSQL's code of an error: pg8000 knows no kinds of errors but carries its fields."""
    fields = error.args[0] if error is not None and error.args else None
    code = fields.get("C", "") if isinstance(fields, dict) else getattr(error, "sqlstate", "")
    return str(code or "")


def serialise_sqlite(engine: Engine) -> None:
    """Let each transaction on a SQLite engine exclude other writers from its start, as `connect` lets writing ones.

    For engines of libraries, which read before they write: in WAL mode such a transaction cannot become a writing one
    once another writer was faster, whatever the timeout.
    """
    _set_up_sqlite(engine, always_writing=True)


def _set_up_sqlite(engine: Engine, *, always_writing: bool = False) -> None:
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own BEGIN comes too late and is never IMMEDIATE, so it is switched off.
        connection.isolation_level = None
        # The timeout comes first: switching to WAL is itself something to wait for.
        wait = "busy_timeout = 60000" if always_writing else "busy_timeout = 5000"
        for pragma in (wait, "journal_mode = WAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: Connection) -> None:
        writing = always_writing or connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)


def _set_up_postgresql(engine: Engine) -> None:
    def begin(connection: Connection) -> None:
        # One writer at a time, as with BEGIN IMMEDIATE: the audit chain and the order of
        # publications are read and continued within a transaction.
        if connection.get_execution_options().get("writing", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")

    event.listen(engine, "begin", begin)


def unusable(found: str) -> SettingsError:
    """Say that the database cannot be used, and why."""
    return SettingsError(
        "The catalogue's database cannot be used.",
        expected="sqlite:///<file> in a folder that exists, or postgresql://user@host/database",
        found=found,
        way_out="correct CREDITNET_DATABASE_URL, or unset it to use the file in CREDITNET_HOME",
    )
