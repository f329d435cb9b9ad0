"""The catalogue keeps one truth, whoever asks at the same time and whoever dies on the way."""

import contextlib
import datetime as dt
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from schemas.errors import CreditnetError, IntegrityError, RefreshBusy, SettingsError
from schemas.references import DeliveryRef, FileRef, RefreshKey
from schemas.results import GraphStatistics, QuarantinedRow, Refresh, Verdict
from schemas.terms import Quarter
from tasks.catalogue import Decision, Score, audit, open_catalogue, upgrade
from tasks.catalogue.database import connect, transaction
from tasks.catalogue.tables import (
    AuditRow,
    Base,
    DecisionRow,
    DeliveryRow,
    GraphRow,
    QuarantineRow,
    RefreshRow,
    ScoreRow,
)

NOON = dt.datetime(2025, 1, 15, 12, 0, tzinfo=dt.UTC)
Q4 = Quarter(2024, 4)
TWO_SCORES = (Score("f1", 0.25, "good"), Score("f2", 0.75, "bad"))

#: Claims, one for each line "moment key", at that moment; answers "claimed" or "busy".
CLAIMANT = """
import sys, time
from schemas.errors import RefreshBusy
from schemas.references import RefreshKey
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue
catalogue = open_catalogue(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    moment, key = line.split()
    refresh = RefreshKey(portfolio="simulated", quarter=Quarter(2024, 4), input_fingerprint="i", code_digest="c",
                         spec_hash=key, key=key)
    while time.time() < float(moment):
        pass
    try:
        catalogue.claim(refresh, "test")
        print("claimed", flush=True)
    except RefreshBusy:
        print("busy", flush=True)
"""


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/catalogue.db"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def catalogue(url, clock):
    return open_catalogue(url, clock)


@pytest.fixture
def start_claimant(url):
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIMANT, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(process, key, moment=0.0):
    process.stdin.write(f"{moment} {key}\n")
    process.stdin.flush()


def answer(process):
    return process.stdout.readline().strip()


def refresh_key(key="k1", quarter=Q4):
    return RefreshKey(
        portfolio="simulated", quarter=quarter, input_fingerprint="i", code_digest="c", spec_hash=key, key=key
    )


def refresh_result(key="k1", quarter=Q4):
    return Refresh(
        portfolio="simulated",
        quarter=quarter,
        fingerprint="g1",
        refresh=key,
        candidates={"logistic": {"validation": {"auc": 0.75, "gini": None}}},
        verdict=Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no"),
        gates=(),
        documents=("card.html",),
        stages={"fit": 1.5},
        model_version="1",
        content_hashes={"logistic": "00"},
        files=("card.html",),
    )


def statistics(quarter=Q4):
    return GraphStatistics(
        quarter=quarter,
        firms=2,
        edges=1,
        features=1,
        fingerprint="g1",
        digests={},
        relations=(),
        components=1,
        largest_component=2,
        clustering=0.0,
        largest_core=1,
        degree_quantiles={},
        communities=1,
        modularity=0.0,
    )


def publish(catalogue, key="k1", quarter=Q4, scores=TWO_SCORES, alias=None):
    decisions = [Decision(model_version="1", alias=alias, made_by="anna", reason="gates passed")] if alias else []
    catalogue.publish(
        key,
        refresh=refresh_result(key, quarter),
        folder=f"lake/{key}",
        manifest_sha256=f"m-{key}",
        graph_statistics=statistics(quarter),
        scores=iter(scores),
        decisions=decisions,
        model_name="simulated",
        model_version="1",
    )


def claim_and_publish(catalogue, key="k1", quarter=Q4, **rest):
    assert catalogue.claim(refresh_key(key, quarter), "test") is None
    publish(catalogue, key, quarter, **rest)


def rows(catalogue, table):
    with transaction(catalogue._engine, writing=False) as session:
        found = list(session.scalars(select(table)).all())
        session.expunge_all()  # so that they can be looked at after the transaction
        return found


def count(catalogue, table):
    with transaction(catalogue._engine, writing=False) as session:
        return session.scalar(select(func.count()).select_from(table))


def events(catalogue):
    return [row.event for row in sorted(rows(catalogue, AuditRow), key=lambda row: row.sequence)]


def definitions(path):
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            # A column that was added later stands at the end, and a copied table's name in quotes.
            name: sorted(
                part.strip(" \t()") for part in re.split(r"[,\n]", sql.replace('"', "")) if part.strip(" \t()")
            )
            for name, sql in connection.execute(query)
        }


class TestOpening:
    def test_migrating_an_empty_database_leads_to_the_tables_of_today(self, url):
        open_catalogue(url)
        with connect(url).connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, Base.metadata) == []

    def test_migrated_checks_and_keys_are_those_of_the_tables_of_today(self, url, tmp_path):
        # Alembic's own comparison leaves out check constraints and the names of keys.
        open_catalogue(url)
        direct = connect(f"sqlite:///{tmp_path}/direct.db")
        with direct.begin() as connection:
            Base.metadata.create_all(connection)
        assert definitions(tmp_path / "catalogue.db") == definitions(tmp_path / "direct.db")

    def test_the_revision_named_in_the_code_is_the_newest_one(self):
        assert ScriptDirectory(Path(upgrade.__file__).parent / "migrations").get_heads() == [upgrade.HEAD]

    def test_opening_a_database_that_is_up_to_date_is_quick_and_needs_no_alembic(self, url):
        open_catalogue(url)
        program = (
            "import sys, time; from tasks.catalogue import open_catalogue\n"
            "start = time.perf_counter(); open_catalogue(sys.argv[1]); took = time.perf_counter() - start\n"
            "assert 'alembic' not in sys.modules; assert took < 0.3, took"
        )
        subprocess.run([sys.executable, "-c", program, url], check=True)

    def test_migrating_leaves_logging_as_it_was(self, url):
        before = (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").handlers)
        open_catalogue(url)
        assert before == (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").handlers)

    def test_processes_that_start_at_once_all_find_a_whole_catalogue(self, url, start_claimant):
        assert [answer(process) for process in [start_claimant() for _ in range(4)]] == ["ready"] * 4

    def test_a_database_of_a_newer_version_is_refused(self, url, tmp_path):
        open_catalogue(url)
        with connect(url).begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SettingsError, match="9999"):
            open_catalogue(url)

    @pytest.mark.parametrize(
        "bad",
        ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d", "postgresql+nothere://u:secret@h/d"],
    )
    def test_a_url_that_cannot_be_used_is_refused_without_repeating_its_password(self, bad):
        with pytest.raises(SettingsError, match="CREDITNET_DATABASE_URL") as caught:
            open_catalogue(bad)
        assert "secret" not in str(caught.value)

    def test_a_folder_that_does_not_exist_is_a_settings_error(self, tmp_path):
        with pytest.raises(SettingsError, match="unable to open"):
            open_catalogue(f"sqlite:///{tmp_path}/nowhere/catalogue.db")

    def test_a_file_that_is_no_database_is_refused(self, tmp_path):
        (tmp_path / "catalogue.db").write_text("not a database, but long enough to be looked at" * 50)
        with pytest.raises(SettingsError, match="not a database"):
            open_catalogue(f"sqlite:///{tmp_path}/catalogue.db")

    def test_sqlite_runs_in_the_mode_that_survives_two_writers(self, catalogue):
        with catalogue._engine.connect() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "busy_timeout")
            ]
        assert found == ["wal", 1, 5000]

    def test_every_table_can_be_written_for_postgresql(self):
        for table in Base.metadata.sorted_tables:
            assert str(CreateTable(table).compile(dialect=postgresql.dialect()))


class TestClaiming:
    def test_a_second_claim_is_refused_while_the_first_runs(self, catalogue):
        assert catalogue.claim(refresh_key(), "schedule") is None
        with pytest.raises(RefreshBusy) as caught:
            catalogue.claim(refresh_key(), "by hand")
        message = str(caught.value)
        assert f"process {os.getpid()} on" in message
        assert "since 2025-01-15 12:00:00 UTC (schedule)" in message
        assert "way out: wait for it" in message

    def test_another_living_process_is_respected_and_a_killed_one_is_taken_over(self, url, start_claimant):
        catalogue = open_catalogue(url)
        other = start_claimant()
        answer(other)
        ask(other, "k1")
        assert answer(other) == "claimed"
        with pytest.raises(RefreshBusy, match=f"process {other.pid} on"):
            catalogue.claim(refresh_key(), "test")
        os.kill(other.pid, signal.SIGKILL)
        while not _is_zombie(other.pid):
            time.sleep(0.005)
        assert catalogue.claim(refresh_key(), "test") is None  # nobody has waited for it: it is a zombie
        assert events(catalogue) == ["refresh.started", "refresh.taken_over"]
        assert str(other.pid) in rows(catalogue, AuditRow)[-1].details

    def test_of_two_processes_that_claim_at_the_same_time_exactly_one_wins(self, start_claimant):
        pair = [start_claimant(), start_claimant()]
        assert [answer(process) for process in pair] == ["ready", "ready"]
        for number in range(10):
            moment = time.time() + 0.02
            for process in pair:
                ask(process, f"k{number}", moment)
            assert sorted(answer(process) for process in pair) == ["busy", "claimed"]

    def test_a_lease_on_another_host_counts_until_it_expires(self, catalogue, clock):
        catalogue.claim(refresh_key(), "test")
        with transaction(catalogue._engine, writing=True) as session:
            session.get(RefreshRow, "k1").owner_host = "elsewhere"
        clock.now += dt.timedelta(minutes=14, seconds=59)
        with pytest.raises(RefreshBusy, match="on elsewhere"):
            catalogue.claim(refresh_key(), "test")
        clock.now += dt.timedelta(seconds=1)
        assert catalogue.claim(refresh_key(), "test") is None

    def test_a_later_process_with_the_same_number_is_not_the_owner(self, catalogue):
        catalogue.claim(refresh_key(), "test")
        with transaction(catalogue._engine, writing=True) as session:
            session.get(RefreshRow, "k1").owner_started -= 3600
        assert catalogue.claim(refresh_key(), "test") is None
        assert events(catalogue)[-1] == "refresh.taken_over"

    def test_renewing_holds_the_lease_for_longer(self, catalogue, clock):
        catalogue.claim(refresh_key(), "test")
        clock.now += dt.timedelta(minutes=14)
        catalogue.renew("k1")
        clock.now += dt.timedelta(minutes=14)
        with pytest.raises(RefreshBusy):
            catalogue.claim(refresh_key(), "test")

    def test_a_run_that_lost_its_lease_can_neither_renew_publish_nor_fail(self, catalogue):
        catalogue.claim(refresh_key(), "test")
        with transaction(catalogue._engine, writing=True) as session:
            session.get(RefreshRow, "k1").owner_pid = 1
        with pytest.raises(RefreshBusy, match="no longer holds"):
            catalogue.renew("k1")
        with pytest.raises(RefreshBusy, match="no longer holds"):
            publish(catalogue)
        catalogue.fail("k1", "too late")
        assert rows(catalogue, RefreshRow)[0].status == "running"
        assert count(catalogue, ScoreRow) == count(catalogue, GraphRow) == 0

    def test_an_unknown_refresh_cannot_be_renewed(self, catalogue):
        with pytest.raises(RefreshBusy, match="no such refresh"):
            catalogue.renew("k1")

    def test_a_failed_refresh_is_kept_with_its_error_and_may_be_run_again(self, catalogue):
        catalogue.claim(refresh_key(), "test")
        catalogue.fail("k1", "a name that is not text: \udcff\0")
        row = rows(catalogue, RefreshRow)[0]
        assert (row.status, row.error, row.finished_at) == ("failed", "a name that is not text: ?", NOON)
        assert catalogue.claim(refresh_key(), "test") is None
        row = rows(catalogue, RefreshRow)[0]
        assert (row.status, row.error, row.finished_at) == ("running", None, None)
        assert events(catalogue) == ["refresh.started", "refresh.failed", "refresh.started"]

    def test_claiming_a_published_refresh_returns_it_and_changes_nothing(self, catalogue):
        claim_and_publish(catalogue)
        head = catalogue.audit_head()
        assert catalogue.claim(refresh_key(), "test") == refresh_result()
        assert catalogue.audit_head() == head

    def test_the_same_work_under_another_key_is_refused(self, catalogue):
        catalogue.claim(refresh_key(), "test")
        twin = refresh_key().model_copy(update={"key": "k2"})
        with pytest.raises(CreditnetError, match="contradicts"):
            catalogue.claim(twin, "test")


def _is_zombie(pid):
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


class TestPublishing:
    def test_everything_of_a_published_refresh_can_be_read_back(self, catalogue):
        claim_and_publish(catalogue)
        found = catalogue.published_refresh("k1")
        assert found.refresh == refresh_result()
        assert (found.folder, found.manifest_sha256, found.graph_fingerprint) == ("lake/k1", "m-k1", "g1")
        assert (found.published_at, found.sequence, found.model_version) == (NOON, 1, "1")
        scores = {(row.firm_id, row.probability, row.predicted_class) for row in rows(catalogue, ScoreRow)}
        assert scores == {("f1", 0.25, "good"), ("f2", 0.75, "bad")}
        assert rows(catalogue, GraphRow)[0].statistics == statistics().model_dump(mode="json")

    @pytest.mark.parametrize(
        "scores",
        [
            (Score("f1", 0.5, "good"), Score("f1", 0.5, "good")),
            (Score("f1", 1.5, "good"),),
            (Score("f1", float("nan"), "good"),),
        ],
        ids=["a firm twice", "a probability above one", "a probability that is none"],
    )
    def test_a_publication_that_fails_at_its_last_step_leaves_nothing_behind(self, catalogue, scores):
        catalogue.claim(refresh_key(), "test")
        head = catalogue.audit_head()
        with pytest.raises(CreditnetError, match="contradicts"):
            publish(catalogue, scores=scores, alias="challenger")
        assert catalogue.published_refresh("k1") is None
        assert rows(catalogue, RefreshRow)[0].status == "running"
        assert [count(catalogue, table) for table in (GraphRow, ScoreRow, DecisionRow)] == [0, 0, 0]
        assert catalogue.audit_head() == head
        publish(catalogue)  # the lease is still held, so that the run may correct itself
        assert catalogue.published_refresh("k1") is not None

    def test_a_publisher_that_dies_within_the_transaction_leaves_nothing_behind(self, catalogue):
        publisher = os.fork()
        if publisher == 0:
            catalogue.claim(refresh_key(), "test")

            def scores():
                yield Score("f1", 0.5, "good")
                os.kill(os.getpid(), signal.SIGKILL)

            publish(catalogue, scores=scores())
        os.waitpid(publisher, 0)
        assert catalogue.published_refresh("k1") is None
        assert count(catalogue, GraphRow) == 0
        claim_and_publish(catalogue)

    def test_publishing_the_same_folder_twice_changes_nothing(self, catalogue):
        claim_and_publish(catalogue)
        head = catalogue.audit_head()
        publish(catalogue)
        assert catalogue.audit_head() == head
        assert count(catalogue, ScoreRow) == 2

    def test_a_lease_that_ran_out_but_that_nobody_took_is_still_held(self, catalogue, clock):
        catalogue.claim(refresh_key(), "test")
        clock.now += dt.timedelta(hours=2)
        publish(catalogue)
        assert catalogue.published_refresh("k1") is not None

    def test_more_scores_than_fit_into_one_statement_are_all_kept(self, catalogue):
        many = [Score(f"f{number}", 0.5, "good") for number in range(25_000)]
        claim_and_publish(catalogue, scores=many)
        assert count(catalogue, ScoreRow) == 25_000

    def test_two_refreshes_of_one_graph_share_its_row(self, catalogue):
        claim_and_publish(catalogue, "k1")
        claim_and_publish(catalogue, "k2")
        assert count(catalogue, GraphRow) == 1

    def test_the_refresh_published_last_is_the_current_one_of_its_quarter(self, catalogue):
        for key, quarter in (("k1", Q4), ("k2", Q4), ("k3", Q4.shifted(-1))):
            claim_and_publish(catalogue, key, quarter)
        assert catalogue.current("simulated", Q4).key == "k2"
        assert [catalogue.published_refresh(key).sequence for key in ("k1", "k2", "k3")] == [1, 2, 3]
        assert catalogue.current("simulated", Q4.shifted(1)) is None

    def test_the_latest_refresh_is_of_the_newest_quarter_strictly_before(self, catalogue):
        for key, quarter in (("new", Q4), ("old", Quarter(2023, 4)), ("middle", Quarter(2024, 3))):
            claim_and_publish(catalogue, key, quarter)
        catalogue.claim(refresh_key("running", Q4.shifted(4)), "test")
        assert catalogue.latest_published("simulated").key == "new"
        assert catalogue.latest_published("simulated", before=Q4).key == "middle"
        assert catalogue.latest_published("simulated", before=Quarter(2023, 4)) is None
        assert catalogue.latest_published("another") is None

    def test_the_newest_champion_counts_and_a_challenger_is_none(self, catalogue):
        claim_and_publish(catalogue, "k1", alias="challenger")
        assert catalogue.champion("simulated") is None
        claim_and_publish(catalogue, "k2", alias="champion")
        claim_and_publish(catalogue, "k3", alias="champion")
        champion = catalogue.champion("simulated")
        assert (champion.refresh_key, champion.made_by, champion.made_at) == ("k3", "anna", NOON)

    def test_a_refresh_waits_for_the_registry_from_publication_until_it_is_marked(self, catalogue):
        catalogue.claim(refresh_key(), "test")
        assert not catalogue.registry_lags("simulated")
        publish(catalogue)
        assert catalogue.registry_lags("simulated")
        assert not catalogue.mark_registry_synced("simulated", {"champion": "another"})
        assert catalogue.registry_lags("simulated")
        assert catalogue.mark_registry_synced("simulated", catalogue.aliases("simulated"))
        assert not catalogue.registry_lags("simulated")

    def test_the_audit_log_of_it_all_verifies(self, catalogue):
        claim_and_publish(catalogue, alias="champion")
        assert events(catalogue) == ["refresh.started", "refresh.published"]
        with transaction(catalogue._engine, writing=False) as session:
            assert audit.verified_hashes(session.connection())[-1] == catalogue.audit_head()

    def test_a_result_of_a_form_unknown_here_is_an_integrity_error(self, catalogue):
        claim_and_publish(catalogue)
        with transaction(catalogue._engine, writing=True) as session:
            session.get(RefreshRow, "k1").result = {"portfolio": "simulated"}
        with pytest.raises(IntegrityError, match="verdict"):
            catalogue.published_refresh("k1")


class TestDeliveries:
    DELIVERY = DeliveryRef(
        portfolio="simulated", quarter=Q4, fingerprint="d1", tables={"firms": FileRef(path="work/f", sha256="0")}
    )
    BROKEN = QuarantinedRow(table="firms", row=3, column="size", rule="minimum 0", value="-1")

    def test_a_delivery_is_recorded_once_and_keeps_the_time_of_the_first(self, catalogue, clock):
        catalogue.record_delivery(self.DELIVERY)
        clock.now += dt.timedelta(days=1)
        catalogue.record_delivery(self.DELIVERY)
        [row] = rows(catalogue, DeliveryRow)
        assert (row.received_at, row.quarter) == (NOON, Q4)
        assert row.tables == {"firms": {"path": "work/f", "sha256": "0"}}

    def test_quarantined_rows_replace_those_of_the_same_delivery_only(self, catalogue):
        other = self.DELIVERY.model_copy(update={"fingerprint": "d2"})
        for delivery in (self.DELIVERY, other, self.DELIVERY):
            catalogue.record_delivery(delivery)
            catalogue.record_quarantine("simulated", Q4, delivery.fingerprint, [self.BROKEN])
        assert sorted(row.delivery_fingerprint for row in rows(catalogue, QuarantineRow)) == ["d1", "d2"]
        catalogue.record_quarantine("simulated", Q4, "d1", [])
        [row] = rows(catalogue, QuarantineRow)
        assert (row.table_name, row.row_number, row.column_name) == ("firms", 3, "size")
        assert (row.rule, row.value) == ("minimum 0", "-1")

    def test_rows_of_a_delivery_that_was_never_recorded_are_refused(self, catalogue):
        with pytest.raises(CreditnetError, match="contradicts"):
            catalogue.record_quarantine("simulated", Q4, "d1", [self.BROKEN])


def test_a_damaged_database_is_an_integrity_error_with_a_way_out(catalogue, tmp_path):
    claim_and_publish(catalogue)
    path = tmp_path / "catalogue.db"
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * (path.stat().st_size - 100))
    with pytest.raises(IntegrityError, match="restore"):
        catalogue.published_refresh("k1")


def test_a_writer_that_waits_in_vain_is_told_so(catalogue, url):
    with transaction(catalogue._engine, writing=True) as session:
        session.connection()
        impatient = connect(url)
        event.listen(impatient, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 10"))
        with pytest.raises(CreditnetError, match="locked"), transaction(impatient, writing=True) as second:
            second.connection()
