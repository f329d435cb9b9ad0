"""The audit log shows every edit and every gap."""

import datetime as dt

import pytest
from sqlalchemy import text

from schemas.errors import IntegrityError
from tasks.catalogue import audit
from tasks.catalogue.database import connect
from tasks.catalogue.upgrade import bring_up_to_date

NOON = dt.datetime(2025, 1, 15, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def engine(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/catalogue.db")
    bring_up_to_date(engine)
    return engine


@pytest.fixture
def log_of_four(engine):
    with engine.execution_options(writing=True).begin() as connection:
        for number in range(4):
            audit.append(
                connection,
                at=NOON + dt.timedelta(minutes=number),
                actor="process 1 on here",
                event="refresh.published",
                subject=f"key-{number}",
                details={"reason": "Überprüfung", "number": number},
            )
    return engine


def verified(engine):
    with engine.connect() as connection:
        return (audit.verified_hashes(connection) or [audit.GENESIS])[-1]


def change(engine, statement):
    with engine.execution_options(writing=True).begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1


def test_an_empty_log_has_the_genesis_head(engine):
    assert verified(engine) == audit.GENESIS == "0" * 64
    with engine.connect() as connection:
        assert audit.head(connection) == audit.GENESIS


def test_an_untouched_log_verifies_up_to_its_head(log_of_four):
    with log_of_four.connect() as connection:
        assert audit.verified_hashes(connection)[-1] == audit.head(connection) != audit.GENESIS


def test_the_hash_of_the_first_row_can_be_computed_by_hand(engine):
    with engine.execution_options(writing=True).begin() as connection:
        found = audit.append(connection, at=NOON, actor="a", event="e", subject="s", details={"y": 1, "x": 2})
    # printf '%s' '[1,"2025-01-15T12:00:00.000000+00:00","a","e","s","{\"x\":2,\"y\":1}","000…0"]' | sha256sum
    assert found == "545d69590489ebd1b6c16a8f3a7fbb050a067d6a54b17c126e21d8a3a245f2e8"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "'2025-01-15T12:09:00.000000+00:00'"),
        ("at", "'yesterday'"),
        ("actor", "'nobody'"),
        ("event", "'refresh.failed'"),
        ("subject", "'key-9'"),
        ("details", "'{}'"),
        ("previous_hash", "'00'"),
        ("hash", "'00'"),
    ],
)
def test_an_edited_field_is_found_in_its_row(log_of_four, column, value):
    change(log_of_four, f"UPDATE audit_log SET {column} = {value} WHERE sequence = 2")
    with pytest.raises(IntegrityError, match="broken at row 2"):
        verified(log_of_four)


def test_an_edit_that_recomputes_its_own_hash_breaks_the_next_row(log_of_four):
    with log_of_four.execution_options(writing=True).begin() as connection:
        row = connection.execute(text("SELECT * FROM audit_log WHERE sequence = 2")).one()
        forged = audit._row_hash(2, row.at, "nobody", row.event, row.subject, row.details, row.previous_hash)
        connection.execute(
            text("UPDATE audit_log SET actor = 'nobody', hash = :hash WHERE sequence = 2"), {"hash": forged}
        )
    with pytest.raises(IntegrityError, match="broken at row 3"):
        verified(log_of_four)


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_a_deleted_row_is_found(log_of_four, sequence):
    change(log_of_four, f"DELETE FROM audit_log WHERE sequence = {sequence}")
    with pytest.raises(IntegrityError, match=f"broken at row {sequence}"):
        verified(log_of_four)


def test_closing_the_gap_of_a_deleted_row_does_not_hide_it(log_of_four):
    change(log_of_four, "DELETE FROM audit_log WHERE sequence = 2")
    change(log_of_four, "UPDATE audit_log SET sequence = 2 WHERE sequence = 3")
    change(log_of_four, "UPDATE audit_log SET sequence = 3 WHERE sequence = 4")
    with pytest.raises(IntegrityError, match="broken at row 2"):
        verified(log_of_four)


def test_swapped_rows_are_found(log_of_four):
    for old, new in ((2, 99), (3, 2), (99, 3)):
        change(log_of_four, f"UPDATE audit_log SET sequence = {new} WHERE sequence = {old}")
    with pytest.raises(IntegrityError, match="broken at row 2"):
        verified(log_of_four)


def test_an_entry_goes_with_the_transaction_it_belongs_to(log_of_four):
    before = verified(log_of_four)
    with (
        pytest.raises(RuntimeError, match="changed my mind"),
        log_of_four.execution_options(writing=True).begin() as connection,
    ):
        audit.append(connection, at=NOON, actor="a", event="e", subject="s", details={})
        raise RuntimeError("changed my mind")
    assert verified(log_of_four) == before


def test_a_moment_without_a_zone_is_refused(engine):
    with pytest.raises(ValueError, match="no time zone"), engine.begin() as connection:
        audit.append(connection, at=dt.datetime(2025, 1, 1), actor="a", event="e", subject="s", details={})
