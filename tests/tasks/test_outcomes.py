"""Outcomes against the lake: which scores are judged, by which outcomes, known when."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from schemas.errors import IntegrityError
from schemas.references import AdmissionRef, DeliveryRef, FileRef, RefreshKey, RefreshRun
from tasks.catalogue import open_catalogue
from tasks.lake import verify_folder, write_frame
from tasks.outcomes import published_performance, written_outcomes
from tasks.settings import settings
from tests.tasks.scored_refreshes import FIRST, Bank

NOTHING = FileRef(path="nothing", sha256="0")


@pytest.fixture
def bank(home, world, graphs, empty_catalogue):
    shutil.copy(empty_catalogue, home / "catalogue.db")
    portfolio = world.portfolio(evaluation={"bootstrap_draws": 40})
    return Bank(portfolio, graphs.learnable(firms=240, groups=24), settings())


def known_at(bank, number, outcomes):
    """Return the run of the number-th quarter and its admitted outcomes."""
    home, portfolio = settings().home, bank.portfolio
    quarter = FIRST.shifted(number)
    parts = {"input_fingerprint": "i", "code_digest": "c", "spec_hash": "s"}
    run = RefreshRun(
        home=str(home), portfolio=portfolio, work="work/now", work_id="1", trigger="test",
        delivery=DeliveryRef(portfolio=portfolio.name, quarter=quarter, fingerprint="d" * 64, tables={}),
        key=RefreshKey(portfolio=portfolio.name, quarter=quarter, key="now", **parts),
    )  # fmt: skip
    table = write_frame(home, f"work/now/{number}.parquet", outcomes)
    return run, AdmissionRef(tables={"outcomes": table}, quarantine=NOTHING, evidence=NOTHING)


def judged(bank, number, outcomes):
    return published_performance(settings().home, *known_at(bank, number, outcomes))


def test_the_first_quarter_is_realised_and_the_second_is_awaited(bank):
    for number in (0, 1):
        bank.publish(number)
    found = judged(bank, 1, bank.outcomes(FIRST))
    [one] = found.realised
    assert (one.quarter, one.version, one.candidate, one.scored) == (FIRST, "1", "logistic", 240)
    assert one.known == len(bank.truth()) == 230
    assert one.overall.defaults == sum(outcome == "1" for outcome in bank.truth().values())
    assert one.auc.value > 0.6
    assert one.auc_at_validation.value == pytest.approx(one.auc.value, abs=0.2)
    [waits] = found.awaited
    assert (waits.quarter, waits.version, waits.estimate.firms) == (FIRST.shifted(1), "2", 240)


def test_what_is_published_later_changes_nothing(bank):
    """Point in time: an outcome counts from the day it was published, a refresh from its quarter on."""
    for number in (0, 1, 2):
        bank.publish(number)
    both = pl.concat([bank.outcomes(FIRST), bank.outcomes(FIRST.shifted(1))])
    corrected = bank.outcomes(FIRST, late=1).with_columns(outcome=pl.lit("1"))
    early = judged(bank, 1, bank.outcomes(FIRST))
    assert judged(bank, 1, pl.concat([both, corrected])) == early
    assert [one.quarter for one in early.awaited] == [FIRST.shifted(1)]
    later = judged(bank, 2, pl.concat([both, corrected]))
    assert later.realised[0].overall.defaults == 230
    assert [one.quarter for one in later.realised] == [FIRST, FIRST.shifted(1)]


def test_a_quarter_that_the_delivery_no_longer_holds_is_told_by_a_published_refresh(bank):
    bank.publish(0)
    bank.publish(1, kept=(FIRST,))
    found = judged(bank, 2, bank.outcomes(FIRST.shifted(1)))
    assert [(one.quarter, one.known) for one in found.realised] == [(FIRST, 230), (FIRST.shifted(1), 230)]


def test_due_outcomes_that_nobody_delivered_are_named(bank):
    bank.publish(0)
    found = judged(bank, 1, bank.outcomes())
    assert (found.realised, found.awaited) == ((), ())
    assert "none of them has been delivered" in found.left_out["2023Q1"]


def test_scores_of_another_target_are_not_compared(bank):
    other = bank.portfolio.target.model_copy(update={"favourable": ("1",)})
    bank.publish(0, target=other)
    bank.publish(1, without="provenance.json")
    found = judged(bank, 2, bank.outcomes(FIRST, FIRST.shifted(1)))
    assert found.left_out == {
        "2023Q1": "it was scored for another target than the portfolio has now",
        "2023Q2": "it was published without provenance.json",
    }


def test_a_target_that_is_called_otherwise_is_the_same(bank):
    bank.publish(0, target=bank.portfolio.target.model_copy(update={"label": "insolvency within a year"}))
    found = judged(bank, 1, bank.outcomes(FIRST))
    assert found.left_out == {}
    assert len(found.realised) == 1


def test_a_portfolio_of_one_quarter_is_not_assessable(bank):
    run, admission = known_at(bank, 1, bank.outcomes(FIRST))
    target = bank.portfolio.target.model_copy(update={"horizon_quarters": 0})
    once = run.model_copy(update={"portfolio": bank.portfolio.model_copy(update={"target": target})})
    assert "one quarter" in published_performance(settings().home, once, admission).reason


def test_a_refresh_about_to_be_published_is_awaited_too(bank):
    bank.publish(0)
    run, admission = known_at(bank, 1, bank.outcomes(FIRST))
    found = published_performance(settings().home, run, admission, bank.judgement(1, run.work))
    assert [(one.quarter, one.version) for one in found.awaited] == [(FIRST.shifted(1), None)]
    assert len(found.realised) == 1


def test_a_changed_file_is_an_error(bank):
    bank.publish(0)
    [file] = settings().home.glob("lake/*/*/key-0/scores.parquet")
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"scores\.parquet"):
        judged(bank, 1, bank.outcomes(FIRST))


def test_pages_are_recorded_and_the_same_again_changes_nothing(bank):
    for number in (0, 1):
        bank.publish(number)
    run = known_at(bank, 1, bank.outcomes(FIRST))
    files, again = (written_outcomes(*run).files for _ in range(2))
    assert files == again
    assert [path.rpartition("/")[2] for path in files] == ["outcome.json", "outcome.md", "outcome.html"]
    [(folder, digest)] = open_catalogue(settings().database_url).recorded_pages().items()
    assert folder.startswith("lake/small_world/outcomes/2023Q2-")
    assert len(verify_folder(settings().home, folder, digest).files) == 3
    assert "outcomes/2023Q2-" in (settings().home / "index.html").read_text()
