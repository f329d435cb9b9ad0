"""The audit log, who did what and when: each row carries the hash of the one before it.

The chain proves that nothing in the middle was edited or removed. It cannot prove by itself that
its newest rows are still there: for that its head is printed on every card, noted in every manifest, and
compared with (`unwitnessed_rows`); and the other tables must say what the log says (`audit_facts`).

The hashes have no secret key. Who can rewrite the whole log, the other tables and every manifest can forge it;
a head on a printed card, or sent to somebody else, is what such a forgery does not contain.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, String, insert, select, type_coerce

from schemas.errors import IntegrityError, examples
from schemas.promotions import AuditEntry, AuditExcerpt, ExcerptRow
from tasks.catalogue.tables import AuditRow, utc_text

#: What the first row names as the hash before it.
GENESIS = "0" * 64
#: pages beside the refreshes were written; the subject is their folder
PAGES_WRITTEN = "pages.written"


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


def entries(connection: Connection, last: int | None = None) -> list[AuditEntry]:
    """Return the newest `last` rows, or all of them, oldest first, without checking them.

    Raises
    ------
    IntegrityError
        If a row cannot even be read.
    """
    query = select(AuditRow.__table__).order_by(AuditRow.sequence.desc()).limit(last)
    try:
        return [
            AuditEntry(
                sequence=row.sequence,
                at=row.at,
                actor=row.actor,
                event=row.event,
                subject=row.subject,
                details=json.loads(row.details),
                hash=row.hash,
            )
            for row in reversed(connection.execute(query).all())
        ]
    except ValueError as error:
        raise IntegrityError(
            "The audit log has a row that cannot be read.",
            found=str(error).splitlines()[0],
            way_out="run `creditnet audit verify`, which names the first row that was changed",
        ) from error


def excerpt(connection: Connection, subject: str) -> AuditExcerpt:
    """Return the rows about one subject as they are hashed, and the hashes of all rows from the first of them on.

    Whoever has the excerpt can recompute the hash of each row, and see that it lies on the way to the head. Rows on
    other subjects are there by their hash alone.
    """
    table = AuditRow.__table__
    columns = [type_coerce(column, String) if column.name == "at" else column for column in table.columns]
    rows = connection.execute(select(*columns).order_by(AuditRow.sequence)).all()
    about = [ExcerptRow.model_validate(row._asdict()) for row in rows if row.subject == subject]
    first = about[0].sequence if about else len(rows) + 1
    return AuditExcerpt(
        subject=subject,
        head=rows[-1].hash if rows else GENESIS,
        rows=tuple(about),
        chain={row.sequence: row.hash for row in rows if row.sequence >= first},
    )


def recorded_pages(connection: Connection) -> dict[str, str]:
    """Return the SHA-256 of the manifest of each folder of pages, as noted last."""
    written = select(AuditRow.subject, AuditRow.details).where(AuditRow.event == PAGES_WRITTEN)
    rows = connection.execute(written.order_by(AuditRow.sequence))
    try:
        return {row.subject: str(json.loads(row.details)["manifest"]) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            "The audit log has a row on pages that cannot be read.",
            found=str(error),
            way_out="run `creditnet audit verify`, which names the first row that was changed",
        ) from error


def unwitnessed_rows(hashes: Sequence[str], witnesses: Mapping[str, str]) -> int:
    """Return how many of the newest rows no witness vouches for.

    Parameters
    ----------
    hashes
        Of all rows, oldest first.
    witnesses
        Heads that the log once had, each with where it was noted.

    Raises
    ------
    IntegrityError
        If the log does not contain one of the heads: rows were cut off, or all were written anew.
    """
    place = {GENESIS: 0} | {digest: row for row, digest in enumerate(hashes, start=1)}
    gone = {head: where for head, where in witnesses.items() if head not in place}
    if gone:
        raise IntegrityError(
            "The audit log was cut short or written anew: it lacks heads that it once had.",
            expected=examples(f"{head} ({where})" for head, where in gone.items()),
            found=f"{len(hashes)} rows that continue each other, up to {hashes[-1] if hashes else GENESIS}",
            way_out="restore the catalogue from a backup that contains these heads",
        )
    return len(hashes) - max((place[head] for head in witnesses), default=0)


def verified_hashes(connection: Connection) -> list[str]:
    """Check every row of the log and return their hashes, oldest first.

    Raises
    ------
    IntegrityError
        Naming the first row that was edited, or after which rows are gone.
    """
    table = AuditRow.__table__
    # The moment is compared as the text it is stored as: an edited one may not even be a date.
    columns = [type_coerce(column, String) if column.name == "at" else column for column in table.columns]
    hashes: list[str] = []
    for expected, row in enumerate(connection.execute(select(*columns).order_by(AuditRow.sequence)), start=1):
        sequence, at, actor, event, subject, details, named, digest = row
        previous = hashes[-1] if hashes else GENESIS
        if sequence != expected:
            raise _broken(expected, "the row is there", f"the next row is {sequence}")
        if named != previous:
            raise _broken(expected, f"continues {previous}", f"continues {named}")
        recomputed = _row_hash(sequence, at, actor, event, subject, details, named)
        if recomputed != digest:
            raise _broken(expected, f"hash {digest}", f"its fields hash to {recomputed}")
        hashes.append(digest)
    return hashes


def _row_hash(*fields: object) -> str:
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def _broken(sequence: int, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"The audit log is broken at row {sequence}.",
        expected=expected,
        found=found,
        way_out="restore the catalogue from a backup; the heads printed on documents tell which one is whole",
    )
