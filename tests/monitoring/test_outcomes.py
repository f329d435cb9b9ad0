"""Published scores against outcomes: what is realised, what is only estimated, and what alarms."""

from __future__ import annotations

import re

import numpy as np
import pytest

from monitoring.irb import RatedRows
from monitoring.outcomes import UNKNOWN, ScoredQuarter, estimate, performance
from monitoring.outcomes_document import outcomes_html, outcomes_markdown, outcomes_text
from schemas.performance import OutcomesAnalysis
from schemas.terms import Quarter

FIRMS = 900
T = Quarter(2024, 1)
NASTY = "<script>alert(1)</script>\x1b[31m|`\u202e"


@pytest.fixture
def portfolio(world):
    return world.portfolio(evaluation={"bootstrap_draws": 60})


def scored(number=0, *, factor=1.0, known=True, informed=True, candidate="logistic", seed=11):
    """Return a quarter whose outcomes come with the probabilities times `factor`, in 45 communities."""
    rng = np.random.default_rng(seed + number)
    p = rng.beta(1.5, 6.0, FIRMS)
    happened = rng.random(FIRMS) < np.clip(p * factor, 0, 1)
    told = p if informed else rng.permutation(p)
    communities = np.array([f"c{firm % 45}" for firm in range(FIRMS)])
    return ScoredQuarter(
        quarter=T.shifted(number),
        refresh=f"key-{number}",
        version=str(number + 1),
        candidate=candidate,
        probability=told,
        called=told >= 0.3,
        communities=communities,
        outcome=happened.astype(np.int64) if known else None,
        validation=RatedRows(rng.random(FIRMS) < p, p, communities) if known else None,
    )


def test_right_probabilities_are_green_and_nothing_alarms(portfolio):
    found = performance([scored(0), scored(1)], portfolio, T.shifted(2), {})
    assert [one.quarter for one in found.realised] == [T, T.shifted(1)]
    for one in found.realised:
        overall = one.overall
        assert overall.light == "green"
        assert overall.observed_rate.low < overall.expected_rate < overall.observed_rate.high
        assert (one.scored, one.known, one.closed) == (FIRMS, FIRMS, one.quarter.shifted(1))
        assert one.auc.low < one.auc.value < one.auc.high
        assert one.auc_change.value == pytest.approx(one.auc.value - one.auc_at_validation.value)
        assert one.auc_change.low < 0 < one.auc_change.high
        assert one.estimate.auc.low < one.auc.value < one.estimate.auc.high
        assert one.confusion.true_positives + one.confusion.false_negatives == overall.defaults
    assert (found.alarms, found.awaited, found.reason) == ((), (), "")
    assert [one.alarmed for one in found.readings] == [False, False]


def test_grades_are_counted_over_all_realised_quarters(portfolio):
    found = performance([scored(0), scored(1)], portfolio, T.shifted(2), {})
    assert found.grades[-1].grade == "all"
    assert found.grades[-1].firms == 2 * FIRMS
    assert sum(one.firms for one in found.grades[:-1]) == 2 * FIRMS
    assert sum(one.defaults for one in found.grades[:-1]) == found.grades[-1].defaults
    means = [one.expected_rate for one in found.grades[:-1]]
    assert means == sorted(means)


def test_twice_the_defaults_are_red_and_alarm(portfolio):
    found = performance([scored(0), scored(1, factor=2.0)], portfolio, T.shifted(2), {})
    newest = found.realised[-1]
    assert newest.overall.light == "red"
    assert newest.overall.observed_rate.low > newest.overall.expected_rate
    assert [alarm.statistic for alarm in found.alarms] == ["calibration gap beyond chance"]
    assert found.alarms[0].value > portfolio.gates.maximum_calibration_gap
    # An estimate from the same probabilities saw nothing of it: that is what it cannot see.
    assert newest.estimate.defaults.high < newest.overall.defaults


def test_the_limits_are_the_portfolios(world):
    wide = world.portfolio(evaluation={"bootstrap_draws": 20}, gates={"maximum_calibration_gap": 0.9})
    assert performance([scored(0, factor=2.0)], wide, T.shifted(1), {}).alarms == ()
    narrow = world.portfolio(evaluation={"bootstrap_draws": 20}, gates={"maximum_auc_drop": 0.0})
    lost = performance([scored(0, informed=False)], narrow, T.shifted(1), {})
    assert [alarm.statistic for alarm in lost.alarms] == ["AUC below the one at validation"]
    assert lost.realised[0].auc_change.high < 0


def test_what_is_awaited_is_estimated_and_firms_without_an_outcome_are_not_judged(portfolio):
    half = scored(0)
    half.outcome[::2] = UNKNOWN
    found = performance([half, scored(1, known=False)], portfolio, T.shifted(1), {})
    assert (found.realised[0].known, found.realised[0].overall.firms) == (FIRMS // 2, FIRMS // 2)
    [waits] = found.awaited
    assert (waits.quarter, waits.closes) == (T.shifted(1), T.shifted(2))
    assert waits.estimate.firms == FIRMS


def test_a_due_quarter_without_any_outcome_is_named(portfolio):
    due = scored(0)
    due.outcome[:] = UNKNOWN
    found = performance([due], portfolio, T.shifted(1), {"2023Q1": "no scores"})
    assert found.left_out == {
        "2023Q1": "no scores",
        "2024Q1": "its outcomes are due, and none of them has been delivered",
    }
    assert (found.realised, found.awaited) == ((), ())


def test_one_community_and_one_default_leave_no_interval_and_no_change(portfolio):
    firms = ScoredQuarter(
        T, "k", "1", "logistic", np.array([0.1, 0.4, 0.2]), np.array([False, True, False]), np.array(["c"] * 3),
        np.array([0, 1, 0]), RatedRows(np.array([True]), np.array([0.5]), np.array(["c"])),
    )  # fmt: skip
    [one] = performance([firms], portfolio, T.shifted(1), {}).realised
    assert (one.overall.light, one.overall.observed_rate.low) == ("not assessable", None)
    assert (one.auc.value, one.auc_change.value) == (None, None)
    found = performance([firms], portfolio, T.shifted(1), {})
    assert "fewer than two firms" in found.readings[0].reason


def test_what_never_happened_has_a_rate_and_no_interval(portfolio):
    none = scored(0)
    none.outcome[:] = 0
    overall = performance([none], portfolio, T.shifted(1), {}).realised[0].overall
    assert (overall.observed_rate.value, overall.observed_rate.low, overall.light) == (0.0, None, "green")


def test_quarters_nearer_than_the_horizon_overlap(world):
    year = world.portfolio(
        evaluation={"bootstrap_draws": 20}, target=world.portfolio().target.model_dump() | {"horizon_quarters": 4}
    )
    found = {step: performance([scored(0), scored(step)], year, T.shifted(9), {}).overlapping for step in (1, 3, 4)}
    assert found == {1: True, 3: True, 4: False}


def test_an_estimate_says_how_far_chance_goes():
    rng = np.random.default_rng(0)
    few, many = (rng.beta(1.5, 6.0, count) for count in (50, 5000))
    spreads = [
        (found.auc.high - found.auc.low, found.accuracy.high - found.accuracy.low)
        for found in (estimate(p, p >= 0.3, draws=200, seed=0) for p in (few, many))
    ]
    assert spreads[0][0] > 3 * spreads[1][0]
    assert spreads[0][1] > 3 * spreads[1][1]


def analysis(portfolio, candidate="logistic", quarters=None):
    quarters = quarters if quarters is not None else [scored(0, candidate=candidate), scored(1, known=False)]
    found = performance(quarters, portfolio, T.shifted(1), {"2023Q4": f"it was {candidate}"})
    return OutcomesAnalysis(title=candidate, portfolio="small_world", delivery="d" * 64, performance=found)


class TestPages:
    def test_an_estimate_is_never_shown_without_the_word(self, portfolio):
        for page in (outcomes_html(analysis(portfolio)), outcomes_markdown(analysis(portfolio))):
            assert "Estimates, not results" in page
            assert "AUC (estimate)" in page
            assert "AUC at validation" in page
            assert "it was logistic" in page
        told = outcomes_text(analysis(portfolio))
        assert re.search(r"2024Q1 realised +900 of 900 outcomes", told)
        assert re.search(r"2024Q2 estimate .* if the probabilities are right; known from 2024Q3", told)

    def test_nothing_realised_and_nothing_published_are_told_apart(self, portfolio):
        waiting = analysis(portfolio, quarters=[scored(0, known=False)])
        assert "No published quarter is realised yet." in outcomes_html(waiting)
        empty = analysis(portfolio, quarters=[])
        nothing = empty.model_copy(update={"performance": performance([], portfolio, T, {})})
        assert "nothing of this portfolio has been published" in outcomes_html(nothing)
        assert "not assessable" in outcomes_text(nothing)

    @pytest.mark.parametrize("write", [outcomes_html, outcomes_markdown, outcomes_text])
    def test_a_hostile_name_is_inert(self, portfolio, write):
        written = write(analysis(portfolio, NASTY))
        assert "<script>" not in written if write is not outcomes_text else True
        assert "\x1b" not in written
        assert "\u202e" not in written

    def test_equal_findings_give_equal_pages(self, portfolio):
        assert outcomes_html(analysis(portfolio)) == outcomes_html(analysis(portfolio))
