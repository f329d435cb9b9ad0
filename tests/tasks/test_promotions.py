"""A champion takes two people, every step is in the audit log, and two promotions at once leave one champion."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from schemas.errors import CreditnetError, IntegrityError, PromotionRefused, SettingsError
from schemas.people import SYSTEM, person
from schemas.references import RefreshKey
from schemas.results import GraphStatistics, QuarantinedRow, Refresh, Verdict
from schemas.terms import Quarter
from tasks.catalogue import Decision, NewProposal, open_catalogue
from tasks.catalogue.database import connect
from tasks.catalogue.upgrade import bring_up_to_date

BANK = "simulated"
QUARANTINED = QuarantinedRow(table="firms", row=1, column="c", rule="r", value="v")
FIRST = Quarter(2023, 1)

#: Approves, for each line "moment version name", at that moment, and answers the status or the error's kind.
APPROVER = """
import sys, time
from schemas.errors import CreditnetError
from tasks.catalogue import open_catalogue
catalogue = open_catalogue(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    moment, version, name = line.split()
    while time.time() < float(moment):
        pass
    try:
        result = catalogue.promotions.vote("simulated", version, "approve", name, "it is good")
        print(result.status, flush=True)
    except CreditnetError as error:
        print(type(error).__name__, flush=True)
"""


class Clock:
    def __init__(self):
        self.now = dt.datetime(2025, 1, 15, 12, 0, tzinfo=dt.UTC)

    def __call__(self):
        self.now += dt.timedelta(seconds=1)
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty catalogue; everything here holds on both databases."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_catalogue")
    shutil.copy(request.getfixturevalue("empty_catalogue"), tmp_path / "c.db")
    return f"sqlite:///{tmp_path}/c.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request, tmp_path):
    """A database without a table."""
    return request.getfixturevalue("postgresql_url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/c.db"


@pytest.fixture
def catalogue(url):
    return open_catalogue(url, Clock())


def published(catalogue, version, *, by=SYSTEM, champion=False, proposed=True, portfolio=BANK):
    """Publish a refresh of the version-th quarter with its proposal."""
    quarter, key = FIRST.shifted(int(version)), f"key-{portfolio}-{version}"
    refresh_key = RefreshKey(
        portfolio=portfolio, quarter=quarter, input_fingerprint="i", code_digest="c", spec_hash=key, key=key
    )
    decisions = [Decision(model_version=version, alias="challenger", made_by=SYSTEM, reason="refresh")]
    if champion:
        decisions.append(Decision(model_version=version, alias="champion", made_by=SYSTEM, reason="bootstrap"))
    catalogue.claim(refresh_key, "test")
    catalogue.publish(
        key,
        refresh=Refresh(
            portfolio=portfolio, quarter=quarter, fingerprint=f"g{version}", refresh=key, candidates={},
            verdict=Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no"),
            gates=(), documents=(), stages={}, model_version=version, content_hashes={}, files=(),
        ),
        folder=f"lake/{key}",
        manifest_sha256=f"m-{key}",
        graph_statistics=GraphStatistics(
            quarter=quarter, firms=1, edges=0, features=1, fingerprint=f"g{version}", digests={}, relations=(),
            components=1, largest_component=1, clustering=0.0, largest_core=0, degree_quantiles={}, communities=1,
            modularity=0.0,
        ),
        scores=(),
        decisions=decisions,
        proposal=NewProposal(requested_by=by, reason="refresh", open_points=("drift: first",)) if proposed else None,
        model_name=f"creditnet-{portfolio}",
        model_version=version,
    )  # fmt: skip
    return key


def approve(catalogue, version, name, reason="read the card"):
    return catalogue.promotions.vote(BANK, version, "approve", name, reason)


def reject(catalogue, version, name, reason="too weak"):
    return catalogue.promotions.vote(BANK, version, "reject", name, reason)


def champion(catalogue):
    found = catalogue.champion(BANK)
    return None if found is None else found.model_version


def events(catalogue):
    return [entry.event for entry in catalogue.audit_entries()]


def statuses(catalogue):
    return [(one.version, one.status) for one in catalogue.promotions.proposals(BANK, open_only=False)]


class TestApproving:
    def test_what_the_machinery_asks_for_takes_two_people(self, catalogue):
        published(catalogue, "1")
        first = approve(catalogue, "1", "Ann")
        assert (first.status, first.approvals_missing, first.champion) == ("open", 1, None)
        second = approve(catalogue, "1", "Bob")
        assert (second.status, second.approvals_missing, second.champion) == ("approved", 0, "1")
        found = catalogue.champion(BANK)
        assert (found.model_version, found.made_by) == ("1", "Ann, Bob")
        assert found.reason == "Ann: read the card; Bob: read the card"
        assert second.audit_head == catalogue.audit_head()

    def test_what_a_person_asks_for_takes_one_other(self, catalogue):
        published(catalogue, "1", by="Ann")
        assert approve(catalogue, "1", "Bob").status == "approved"
        assert champion(catalogue) == "1"

    @pytest.mark.parametrize("spelling", ["Ann", "ann ", "A nn", "ＡＮＮ"])
    def test_who_asked_cannot_approve_however_the_name_is_spelt(self, catalogue, spelling):
        published(catalogue, "1", by="Ann")
        head = catalogue.audit_head()
        with pytest.raises(PromotionRefused, match="four eyes"):
            approve(catalogue, "1", spelling)
        assert (champion(catalogue), catalogue.audit_head()) == (None, head)

    @pytest.mark.parametrize("choice", ["approve", "reject"])
    def test_nobody_votes_twice(self, catalogue, choice):
        published(catalogue, "1")
        approve(catalogue, "1", "Ann")
        with pytest.raises(PromotionRefused, match="has voted on version 1 of simulated before"):
            catalogue.promotions.vote(BANK, "1", choice, " ANN", "again")
        assert champion(catalogue) is None

    def test_a_second_approval_comes_too_late(self, catalogue):
        published(catalogue, "1", by="Ann")
        approve(catalogue, "1", "Bob")
        with pytest.raises(PromotionRefused, match="it was approved"):
            approve(catalogue, "1", "Cid")

    @pytest.mark.parametrize(
        ("version", "name", "reason", "error"),
        [
            ("2", "Bob", "good", PromotionRefused),
            ("1", "system", "good", SettingsError),
            ("1", "", "good", SettingsError),
            ("1", "Bob", "", PromotionRefused),
            ("1", "Bob", " \n ", PromotionRefused),
            ("1", "Bob", "\x1b[2J", PromotionRefused),
        ],
    )
    def test_what_is_unclear_is_refused_and_leaves_no_trace(self, catalogue, version, name, reason, error):
        published(catalogue, "1", by="Ann")
        head = catalogue.audit_head()
        with pytest.raises(error):
            approve(catalogue, version, name, reason)
        assert (champion(catalogue), catalogue.audit_head()) == (None, head)
        assert statuses(catalogue) == [("1", "open")]

    def test_a_version_that_two_refreshes_carry_is_unclear(self, catalogue):
        published(catalogue, "1", by="Ann")
        with catalogue._engine.execution_options(writing=True).begin() as connection:
            connection.execute(text("UPDATE refreshes SET model_version = '1'"))
        published(catalogue, "2", by="Ann")
        with catalogue._engine.execution_options(writing=True).begin() as connection:
            connection.execute(text("UPDATE proposals SET model_version = '1'"))
        with pytest.raises(PromotionRefused, match="proposed 2 times"):
            approve(catalogue, "1", "Bob")

    def test_promoting_one_supersedes_the_others_that_were_to_replace_the_same_champion(self, catalogue):
        for version in "123":
            published(catalogue, version, by="Ann")
        approve(catalogue, "2", "Bob")
        assert statuses(catalogue) == [("1", "superseded"), ("2", "approved"), ("3", "superseded")]
        with pytest.raises(PromotionRefused, match="it was superseded"):
            approve(catalogue, "3", "Bob")
        assert champion(catalogue) == "2"

    def test_another_portfolio_is_another_matter(self, catalogue):
        published(catalogue, "1", by="Ann")
        published(catalogue, "2", by="Ann", portfolio="other")
        approve(catalogue, "1", "Bob")
        assert [one.version for one in catalogue.promotions.proposals()] == ["2"]
        assert catalogue.champion("other") is None

    def test_the_registry_has_to_follow_again(self, catalogue):
        published(catalogue, "1", by="Ann")
        assert catalogue.mark_registry_synced(BANK, catalogue.aliases(BANK))
        approve(catalogue, "1", "Bob")
        assert catalogue.registry_lags(BANK)
        assert catalogue.aliases(BANK) == {"challenger": "1", "champion": "1"}


class TestBootstrap:
    def test_a_bootstrap_waits_for_approval_like_any_other(self, catalogue):
        published(catalogue, "1", champion=True)
        assert champion(catalogue) == "1"
        approve(catalogue, "1", "Ann")
        approve(catalogue, "1", "Bob")
        assert catalogue.champion(BANK).made_by == "Ann, Bob"

    def test_a_rejected_bootstrap_is_champion_no_longer_and_there_is_no_second_one(self, catalogue):
        published(catalogue, "1", champion=True)
        assert reject(catalogue, "1", "Ann").champion is None
        assert catalogue.aliases(BANK) == {"challenger": "1"}
        assert catalogue.registry_lags(BANK)
        assert catalogue.had_champion(BANK)
        published(catalogue, "2", champion=True)
        assert champion(catalogue) is None

    def test_another_version_may_replace_it_before_anybody_approved_it(self, catalogue):
        published(catalogue, "1", champion=True)
        published(catalogue, "2", by="Ann")
        assert catalogue.promotions.open_proposal(BANK, "2").replaces == "1"
        approve(catalogue, "2", "Bob")
        assert champion(catalogue) == "2"


class TestRejecting:
    def test_one_rejection_ends_it_and_keeps_the_champion(self, catalogue):
        published(catalogue, "1", by="Ann")
        approve(catalogue, "1", "Bob")
        published(catalogue, "2")
        approve(catalogue, "2", "Ann")
        assert reject(catalogue, "2", "Cid").status == "rejected"
        assert champion(catalogue) == "1"
        with pytest.raises(PromotionRefused, match="it was rejected"):
            approve(catalogue, "2", "Bob")

    def test_who_asked_may_withdraw(self, catalogue):
        published(catalogue, "1", by="Ann")
        assert reject(catalogue, "1", "ann").status == "rejected"


class TestProposing:
    def test_a_rejected_version_can_be_asked_for_again_by_a_person(self, catalogue):
        key = published(catalogue, "1")
        reject(catalogue, "1", "Ann")
        catalogue.promotions.propose(key, NewProposal(requested_by="Ann", reason="the documents are complete now"))
        with pytest.raises(PromotionRefused, match="four eyes"):
            approve(catalogue, "1", "Ann")
        assert approve(catalogue, "1", "Bob").champion == "1"

    def test_a_version_is_proposed_once_at_a_time(self, catalogue):
        key = published(catalogue, "1")
        with pytest.raises(PromotionRefused, match="is proposed already"):
            catalogue.promotions.propose(key, NewProposal(requested_by="Ann", reason="again"))

    def test_the_approved_champion_cannot_be_proposed(self, catalogue):
        key = published(catalogue, "1", by="Ann")
        approve(catalogue, "1", "Bob")
        with pytest.raises(PromotionRefused, match="is the champion already"):
            catalogue.promotions.propose(key, NewProposal(requested_by="Ann", reason="again"))

    def test_what_is_not_published_cannot_be_proposed(self, catalogue):
        with pytest.raises(PromotionRefused, match="no such refresh"):
            catalogue.promotions.propose("nothing", NewProposal(requested_by="Ann", reason="why not"))

    def test_open_points_are_shown_to_those_who_approve(self, catalogue):
        published(catalogue, "1")
        assert catalogue.promotions.open_proposal(BANK, "1").open_points == ("drift: first",)


class TestRollingBack:
    @pytest.fixture
    def three(self, catalogue):
        for version in "123":
            published(catalogue, version, by="Ann")
            approve(catalogue, version, "Bob")
        return catalogue

    def back(self, catalogue, name="Ann", reason="complaints"):
        standing = catalogue.promotions.standing(BANK)
        return catalogue.promotions.roll_back(BANK, name, reason, to=standing[-2].refresh)

    def test_it_leads_to_the_champion_before_and_further_never_forward(self, three):
        published(three, "4", by="Ann")
        assert self.back(three).champion == "2"
        assert (champion(three), statuses(three)[-1]) == ("2", ("4", "superseded"))
        assert three.champion(BANK).made_by == "Bob"
        assert self.back(three).champion == "1"
        with pytest.raises(PromotionRefused, match="there is none before it"):
            three.promotions.roll_back(BANK, "Ann", "more", to="key-simulated-3")
        assert champion(three) == "1"

    def test_a_retired_version_comes_back_with_four_eyes_only(self, three):
        self.back(three)
        three.promotions.propose("key-simulated-3", NewProposal(requested_by="Ann", reason="it was not its fault"))
        with pytest.raises(PromotionRefused):
            approve(three, "3", "Ann")
        assert approve(three, "3", "Bob").champion == "3"
        assert self.back(three).champion == "2"

    def test_a_champion_that_changed_meanwhile_stops_it(self, three):
        with pytest.raises(PromotionRefused, match="has changed"):
            three.promotions.roll_back(BANK, "Ann", "complaints", to="key-simulated-1")
        assert champion(three) == "3"

    @pytest.mark.parametrize(
        ("name", "reason", "error"), [("system", "x", SettingsError), ("Ann", "", PromotionRefused)]
    )
    def test_it_takes_a_person_and_a_reason(self, three, name, reason, error):
        with pytest.raises(error):
            self.back(three, name, reason)
        assert champion(three) == "3"


class TestAtOnce:
    @pytest.fixture
    def approvers(self, url):
        open_catalogue(url)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", APPROVER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        assert [process.stdout.readline().strip() for process in processes] == ["ready", "ready"]
        yield processes
        for process in processes:
            process.kill()
            process.communicate()

    def ask(self, approvers, *lines):
        moment = time.time() + 0.05
        for process, line in zip(approvers, lines, strict=True):
            process.stdin.write(f"{moment} {line}\n")
            process.stdin.flush()
        return sorted(process.stdout.readline().strip() for process in approvers)

    def test_two_promotions_leave_exactly_one_champion(self, catalogue, approvers):
        for one, other in (("1", "2"), ("3", "4"), ("5", "6")):
            published(catalogue, one, by="Ann")
            published(catalogue, other, by="Ann")
            before = events(catalogue).count("champion.promoted")
            assert self.ask(approvers, f"{one} Bob", f"{other} Bob") == ["PromotionRefused", "approved"]
            assert events(catalogue).count("champion.promoted") == before + 1
            assert champion(catalogue) in {one, other}
            assert dict(statuses(catalogue))[champion(catalogue)] == "approved"
        assert catalogue.verified_audit({}).rows == len(events(catalogue))

    def test_two_people_who_approve_the_same_promote_it_once(self, catalogue, approvers):
        published(catalogue, "1")
        assert self.ask(approvers, "1 Ann", "1 Bob") == ["approved", "open"]
        assert events(catalogue).count("champion.promoted") == 1
        catalogue.verified_audit({})

    def test_one_person_in_two_places_is_still_one_person(self, catalogue, approvers):
        published(catalogue, "1")
        assert self.ask(approvers, "1 Ann", "1 ANN") == ["PromotionRefused", "open"]
        assert champion(catalogue) is None


class TestAudit:
    def test_every_step_is_logged_with_the_name_and_what_the_machine_knows(self, catalogue):
        published(catalogue, "1")
        approve(catalogue, "1", "Ann")
        approve(catalogue, "1", "Bob", "fine")
        published(catalogue, "2", by="Ann")
        approve(catalogue, "2", "Bob")
        catalogue.promotions.roll_back(BANK, "Cid", "complaints", to="key-simulated-1")
        assert events(catalogue) == [
            *("refresh.started", "refresh.published", "proposal.made", "vote.made"),
            *("vote.made", "proposal.closed", "champion.promoted"),
            *("refresh.started", "refresh.published", "proposal.made", "vote.made"),
            *("proposal.closed", "champion.promoted", "champion.retired"),
        ]
        entries = catalogue.audit_entries()
        assert [entry.actor for entry in entries[3:5]] == ["Ann", "Bob"]
        assert entries[4].details["reason"] == "fine"
        assert f"process {os.getpid()}" in entries[4].details["ran_in"]
        assert entries[4].details["account"]
        assert entries[6].details["approved_by"] == ["Ann", "Bob"]
        report = catalogue.verified_audit({})
        assert (report.rows, report.head, report.unwitnessed_rows) == (14, catalogue.audit_head(), 14)

    @pytest.fixture
    def history(self, catalogue):
        published(catalogue, "1", by="Ann")
        approve(catalogue, "1", "Bob")
        published(catalogue, "2")
        approve(catalogue, "2", "Ann")
        return catalogue

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE votes SET name = 'Eve' WHERE id = 1",
            "UPDATE votes SET choice = 'reject' WHERE id = 1",
            "UPDATE votes SET reason = 'none' WHERE id = 1",
            "DELETE FROM votes WHERE id = 2",
            "INSERT INTO votes SELECT 9, 2, 'Eve', 'eve', 'approve', 'r', made_at FROM votes WHERE id = 1",
            "UPDATE proposals SET requested_by = 'Eve' WHERE id = 1",
            "UPDATE proposals SET status = 'rejected' WHERE id = 1",
            "UPDATE proposals SET status = 'approved' WHERE id = 2",
            "UPDATE decisions SET model_version = '9' WHERE alias = 'champion'",
            "DELETE FROM decisions WHERE alias = 'champion'",
            "UPDATE refreshes SET manifest_sha256 = 'forged' WHERE key = 'key-simulated-1'",
        ],
    )
    def test_a_table_that_was_changed_past_the_log_is_found(self, history, statement):
        assert history.verified_audit({}).facts > 0
        with history._engine.execution_options(writing=True).begin() as connection:
            assert connection.execute(text(statement)).rowcount == 1
        with pytest.raises(IntegrityError, match="contradict each other"):
            history.verified_audit({})

    def test_a_log_cut_at_any_row_is_found_without_any_noted_head(self, history):
        """Cutting to right after a start is the one exception: nothing but the log records it."""
        rows = len(events(history))
        kept = [n for n in range(rows) if set(events(history)[n:]) != {"refresh.started"}]
        assert len(kept) == rows
        for keep in reversed(kept):
            with history._engine.execution_options(writing=True).begin() as connection:
                connection.execute(text("DELETE FROM audit_log WHERE sequence > :keep"), {"keep": keep})
            with pytest.raises(IntegrityError, match="contradict each other"):
                history.verified_audit({})

    def test_a_log_that_lacks_a_noted_head_was_cut_or_written_anew(self, history):
        with pytest.raises(IntegrityError, match="cut short or written anew") as caught:
            history.verified_audit({"f00d": "printed card of 2024Q1"})
        assert "f00d (printed card of 2024Q1)" in str(caught.value)

    def test_a_noted_head_vouches_for_the_rows_up_to_it(self, history):
        noted = history.audit_entries()[4].hash
        report = history.verified_audit({noted: "a card"})
        assert (report.witnesses, report.unwitnessed_rows) == (1, report.rows - 5)

    def test_the_newest_entries_can_be_shown(self, history):
        assert [entry.event for entry in history.audit_entries(2)] == ["proposal.made", "vote.made"]
        assert len(history.audit_entries()) == history.verified_audit({}).rows


PEOPLE = ("Ann", "ann ", "Bob", "BOB", "Cid")
STEPS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from([SYSTEM, "Ann", "Bob"])),
    st.tuples(st.just("approve"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("reject"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("back"), st.sampled_from(PEOPLE)),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=3, max_size=12))
def test_whatever_people_do_a_champion_had_two_people_and_the_log_verifies(tmp_path_factory, empty_catalogue, steps):
    path = shutil.copy(empty_catalogue, tmp_path_factory.mktemp("steps") / "c.db")
    catalogue = open_catalogue(f"sqlite:///{path}", Clock())
    versions = 0
    for step, who in steps:
        try:
            if step == "publish":
                versions += 1
                published(catalogue, str(versions), by=who)
            elif step == "back":
                standing = catalogue.promotions.standing(BANK)
                to = standing[-2].refresh if len(standing) > 1 else "nowhere"
                catalogue.promotions.roll_back(BANK, who, "because", to=to)
            else:
                catalogue.promotions.vote(BANK, str(max(versions, 1)), step, who, "because")
        except PromotionRefused:
            continue
    found = catalogue.champion(BANK)
    if found is not None:
        proposals = catalogue.promotions.proposals(BANK, open_only=False)
        approved = [one for one in proposals if one.version == found.model_version and one.status == "approved"]
        people = {person(vote.name) for vote in approved[-1].votes if vote.choice == "approve"}
        assert len(people | ({person(approved[-1].requested_by)} - {SYSTEM})) >= 2
    catalogue.verified_audit({})


def test_a_catalogue_of_the_first_version_is_brought_up_to_date_without_loss(fresh_url):
    """The rows are written as the first version wrote them, through its own migration."""
    from alembic import command
    from alembic.config import Config

    from tasks.catalogue import audit, upgrade

    engine = connect(fresh_url)
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    moment = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO graphs VALUES ('simulated', '2024Q4', 'g1', 1, 0, '{}')"))
        connection.execute(
            text(
                "INSERT INTO refreshes (key, portfolio, quarter, input_fingerprint, code_digest, spec_hash, status,"
                " trigger, owner_host, owner_pid, owner_started, lease_expires_at, started_at, published_at, sequence,"
                " graph_fingerprint, folder, manifest_sha256, result, model_name, model_version, registry_synced)"
                " VALUES ('k1', 'simulated', '2024Q4', 'i', 'c', 's', 'published', 'manual', 'h', 1, 1.5,"
                " :at, :at, :at, 1, 'g1', 'lake/x', 'm1', :result, 'creditnet-simulated', '1', true)"
            ),
            {"at": "2026-11-21T00:00:00.000000+00:00", "result": RESULT},
        )
        for number, alias in enumerate(("challenger", "champion"), start=1):
            connection.execute(
                text(
                    "INSERT INTO decisions VALUES (:id, 'simulated', 'k1', '1', :alias,"
                    " '2026-11-21T00:00:00.000000+00:00', 'system', 'bootstrap')"
                ),
                {"id": number, "alias": alias},
            )
        made = [{"alias": alias, "version": "1"} for alias in ("challenger", "champion")]
        audit.append(
            connection, at=moment, actor="process 1 on h", event="refresh.published", subject="k1",
            details={"manifest": "m1", "graph": "g1", "model": "1", "decisions": made},
        )  # fmt: skip
        if connection.dialect.name == "postgresql":  # as its own inserts would have left the counter
            connection.execute(text("SELECT setval(pg_get_serial_sequence('decisions', 'id'), 2)"))
    bring_up_to_date(engine)
    catalogue = open_catalogue(fresh_url)
    [refresh] = catalogue.published_versions("simulated")
    assert (refresh.key, refresh.model_version, refresh.pruned_at) == ("k1", "1", None)
    assert refresh.refresh.verdict.summary == "good"
    assert catalogue.aliases("simulated") == {"challenger": "1", "champion": "1"}
    assert catalogue.verified_audit({}).facts == 3
    catalogue.promotions.propose("k1", NewProposal(requested_by="Ann", reason="nobody has approved it yet"))
    assert catalogue.promotions.vote("simulated", "1", "approve", "Bob", "fine").champion == "1"
    assert catalogue.verified_audit({}).rows == 5


RESULT = Refresh(
    portfolio="simulated", quarter=Quarter(2024, 4), fingerprint="g1", refresh="k1", candidates={},
    verdict=Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no"),
    gates=(), documents=(), stages={}, model_version="1", content_hashes={}, files=(),
).model_dump_json()  # fmt: skip


def test_a_server_that_is_gone_is_named_without_its_password(postgresql_server):
    gone = postgresql_server.rsplit("/", 1)[0].rsplit(":", 1)[0] + ":1/postgres"
    with pytest.raises(SettingsError) as caught:
        open_catalogue(gone)
    password = postgresql_server.split(":")[2].split("@")[0]
    assert password not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_refusal_of_the_database_itself_is_told_apart(catalogue):
    published(catalogue, "1")
    with pytest.raises(CreditnetError, match="contradicts what it holds"):
        catalogue.record_quarantine(BANK, FIRST, "unknown", [QUARANTINED])
