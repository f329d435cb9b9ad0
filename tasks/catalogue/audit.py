"""The audit log, who did what and when: each row carries the hash of the one before it.

The chain proves that nothing in the middle was edited or removed. It cannot prove by itself that
its newest rows are still there: for that its head is printed on every document.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import Connection, String, insert, select, type_coerce

from schemas.errors import IntegrityError
from tasks.catalogue.tables import AuditRow, utc_text

#: What the first row names as the hash before it.
GENESIS = "0" * 64


def canonical_json(content: object) -> str:
    """Write plain data as the one JSON text it has: sorted keys, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def append(
    connection: Connection, *, at: dt.datetime, actor: str, event: str, subject: str, details: Mapping[str, object]
) -> str:
    """Add a row to the log and return its hash, the new head.

    It belongs to the caller's transaction, which must be a writing one: two transactions that
    read the same head would both continue it.
    """
    last = connection.execute(
        select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
    ).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, GENESIS)
    text = canonical_json(dict(details))
    digest = _row_hash(sequence, utc_text(at), actor, event, subject, text, previous)
    connection.execute(
        insert(AuditRow).values(
            sequence=sequence,
            at=at,
            actor=actor,
            event=event,
            subject=subject,
            details=text,
            previous_hash=previous,
            hash=digest,
        )
    )
    return digest


def head(connection: Connection) -> str:
    """Return the hash of the newest row, without checking the rows before it."""
    newest = connection.execute(select(AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1))
    return newest.scalar_one_or_none() or GENESIS


def verify_chain(connection: Connection) -> str:
    """Check every row of the log and return its head.

    Raises
    ------
    IntegrityError
        Naming the first row that was edited, or after which rows are gone.
    """
    table = AuditRow.__table__
    # The moment is compared as the text it is stored as: an edited one may not even be a date.
    columns = [type_coerce(column, String) if column.name == "at" else column for column in table.columns]
    previous = GENESIS
    for expected, row in enumerate(connection.execute(select(*columns).order_by(AuditRow.sequence)), start=1):
        sequence, at, actor, event, subject, details, named, digest = row
        if sequence != expected:
            raise _broken(expected, "the row is there", f"the next row is {sequence}")
        if named != previous:
            raise _broken(expected, f"continues {previous}", f"continues {named}")
        recomputed = _row_hash(sequence, at, actor, event, subject, details, named)
        if recomputed != digest:
            raise _broken(expected, f"hash {digest}", f"its fields hash to {recomputed}")
        previous = digest
    return previous


def _row_hash(*fields: object) -> str:
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def _broken(sequence: int, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"The audit log is broken at row {sequence}.",
        expected=expected,
        found=found,
        way_out="restore the catalogue from a backup; the heads printed on documents tell which one is whole",
    )
