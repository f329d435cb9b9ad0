"""Drift may start a refresh within a cool-down and a budget; both are read from the audit log."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.monitoring import Alarm
from schemas.references import RefreshKey
from schemas.retraining import DriftDetected, drift_trigger
from schemas.specs import RetrainingSpec
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue

ALARM = Alarm(kind="feature", subject="staff", statistic="wasserstein", value=2.08, limit=0.1, sentence="It moved.")
WIDE = RetrainingSpec(cool_down_days=0, budget_per_quarter=99)


class Clock:
    def __init__(self):
        self.now = dt.datetime(2025, 1, 15, 12, 0, tzinfo=dt.UTC)

    def __call__(self):
        return self.now

    def pass_days(self, days):
        self.now += dt.timedelta(days=days)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request, tmp_path, clock):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_catalogue")
    else:
        url = f"sqlite:///{tmp_path}/catalogue.db"
    return open_catalogue(url, clock)


def drift(number=1, portfolio="bank", refresh="k"):
    return DriftDetected(
        id=f"event-{number}", portfolio=portfolio, source=portfolio, quarter=Quarter(2024, 4), data_dir=None,
        delivery="d", refresh=refresh, alarms=(ALARM,), report="/r.html", trigger=drift_trigger("e", (ALARM,)),
    )  # fmt: skip


def test_the_reason_names_the_event_and_what_drifted():
    assert drift().trigger == "drift e: feature staff (wasserstein: 2.08, limit 0.1)"


def test_no_second_refresh_during_the_cool_down(catalogue, clock):
    limits = RetrainingSpec(cool_down_days=7, budget_per_quarter=99)
    assert catalogue.retraining.ask(drift(1), limits).allowed
    clock.pass_days(6.9)
    refused = catalogue.retraining.ask(drift(2), limits)
    assert (refused.allowed, "event-1" in refused.reason, "2025-01-22" in refused.reason) == (False, True, True)
    assert catalogue.retraining.ask(drift(3, portfolio="other"), limits).allowed, "each portfolio has its own"
    clock.pass_days(0.1)
    assert catalogue.retraining.ask(drift(4), limits).allowed, "what was refused does not prolong it"


def test_the_budget_is_that_of_the_calendar_quarter(catalogue, clock):
    limits = RetrainingSpec(cool_down_days=0, budget_per_quarter=2)
    assert [catalogue.retraining.ask(drift(number), limits).allowed for number in range(3)] == [True, True, False]
    clock.pass_days(90)
    assert catalogue.retraining.ask(drift(4), limits).allowed
    none = RetrainingSpec(cool_down_days=0, budget_per_quarter=0)
    assert not catalogue.retraining.ask(drift(5), none).allowed, "0 only reports drift"


def test_every_drift_is_on_record_and_the_log_stays_whole(catalogue):
    catalogue.retraining.ask(drift(1), WIDE)
    catalogue.retraining.ask(drift(2), RetrainingSpec(budget_per_quarter=0, cool_down_days=0))
    [first, second] = catalogue.audit_entries()
    assert (first.event, first.subject) == ("creditnet.drift.detected", "bank")
    assert first.details["alarms"][0]["subject"] == "staff"
    assert (first.details["allowed"], second.details["allowed"]) == (True, False)
    assert "budget" in second.details["reason"]
    assert catalogue.verified_audit({}).rows == 2
    assert [(one.event, one.allowed) for one in catalogue.retraining.asked("bank")] == [
        ("event-1", True),
        ("event-2", False),
    ]


def test_inputs_that_are_being_refreshed_may_be_asked_for_and_published_ones_not(catalogue, statistics, refreshed):
    parts = {"input_fingerprint": "d", "code_digest": "c", "spec_hash": "s"}
    catalogue.claim(RefreshKey(portfolio="bank", quarter=Quarter(2024, 4), key="k", **parts), "manual")
    assert catalogue.retraining.ask(drift(1), WIDE).allowed
    catalogue.publish(
        "k", refresh=refreshed, folder="lake/bank/2024Q4/k", manifest_sha256="m", graph_statistics=statistics,
        scores=(), model_version="3",
    )  # fmt: skip
    refused = catalogue.retraining.ask(drift(2), WIDE)
    assert (refused.allowed, refused.reason) == (False, "these very inputs are published already, as version 3")
    assert [one.event for one in catalogue.retraining.asked("bank")] == ["event-1"], "it is no news"


def test_of_monitors_that_ask_at_once_one_is_allowed(catalogue):
    limits = RetrainingSpec(cool_down_days=7, budget_per_quarter=99)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: catalogue.retraining.ask(drift(number), limits), range(4)))
    assert sum(answer.allowed for answer in answers) == 1


@pytest.fixture
def statistics():
    from tests.tasks.published_versions import _statistics

    return _statistics(Quarter(2024, 4), 1)


@pytest.fixture
def refreshed():
    from tests.tasks.published_versions import PASSED, _refresh

    return _refresh("bank", Quarter(2024, 4), "k", 1, PASSED, ())
