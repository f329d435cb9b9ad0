"""Limits from the quarters before: how far ordinary quarters stray decides, and how many statistics there are."""

import math

import pytest
from scipy.stats import norm

from models.measures import Measured
from monitoring.baseline import Expectation, allowed_deviations, held_against_history
from schemas.specs import GatesSpec

CALM = [10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0, 10.1]


def measured(value, *, error=0.0, direction="both", subject="supply"):
    return Measured(subject, "edges kept", value, error, direction)


def held(value, history, *, gates=None, **settings):
    return held_against_history(
        "graph", [measured(value, **settings)], {("supply", "edges kept"): history}, gates or GatesSpec()
    )[0]


def test_the_expectation_is_the_median_of_two_years_and_the_spread_the_median_distance_from_it():
    expectation = Expectation.of([1.0, 1.0, 3.0, 1.0, 1.0])
    # Against the medians before them the third strays by 2, the fourth and fifth by 0.
    assert expectation == Expectation(1.0, 0.0)
    expectation = Expectation.of([0.0, 2.0, 3.0, 1.0])
    assert expectation.centre == 1.5
    assert expectation.spread == pytest.approx(((3 - 1) + abs(1 - 2)) / 2 / 0.6745)
    assert Expectation.of([50.0] * 8 + CALM).centre == pytest.approx(10.0)


def test_an_ordinary_value_is_quiet_and_an_unusual_one_rings():
    quiet, loud = held(10.1, CALM), held(12.0, CALM)
    assert not quiet.alarmed
    assert loud.alarmed
    assert loud.value > loud.limit > 10.1
    assert loud.expected == pytest.approx(10.0)
    assert loud.score > allowed_deviations(0.01, 1)


def test_one_odd_quarter_does_not_move_the_limit():
    assert held(12.0, [*CALM[:4], 30.0, *CALM[4:]]).alarmed


def test_a_distance_rings_upwards_only():
    assert held(8.0, CALM).alarmed
    assert not held(8.0, CALM, direction="up").alarmed
    assert held(12.0, CALM, direction="up").alarmed


def test_a_value_known_badly_does_not_ring():
    assert held(10.6, CALM).alarmed
    assert not held(10.6, CALM, error=1.0).alarmed


def test_fewer_quarters_than_the_portfolio_asks_for_are_not_assessable_and_say_so():
    reading = held(12.0, CALM[:5])
    assert (reading.limit, reading.alarmed) == (None, False)
    assert reading.reason == "5 earlier quarters, fewer than 6"
    assert held(12.0, CALM[:5], gates=GatesSpec(baseline_quarters=5)).alarmed


def test_the_rate_of_false_alarms_sets_the_limit():
    assert allowed_deviations(0.01, 1) == pytest.approx(norm.isf(0.005))
    assert allowed_deviations(0.01, 100) == pytest.approx(norm.isf(0.00005))
    value = 10.6
    assert held(value, CALM, gates=GatesSpec(false_alarm_rate=0.2)).alarmed
    assert not held(value, CALM, gates=GatesSpec(false_alarm_rate=1e-12)).alarmed


def test_more_statistics_make_each_limit_wider():
    one = held(10.1, CALM)
    many = held_against_history(
        "graph",
        [measured(10.1), *(measured(10.0, subject=f"s{k}") for k in range(50))],
        {("supply", "edges kept"): CALM} | {(f"s{k}", "edges kept"): CALM for k in range(50)},
        GatesSpec(),
    )[0]
    assert many.limit > one.limit


def test_what_is_shown_only_and_what_is_not_defined_have_no_limit():
    shown = held(99.0, CALM, direction="shown")
    assert (shown.value, shown.limit, shown.alarmed, shown.reason) == (99.0, None, False, "")
    assert held(None, CALM).alarmed is False


def test_any_change_of_what_never_changed_rings():
    constant = held(1.01, [1.0] * 8)
    assert constant.alarmed
    assert constant.score is None
    assert not held(1.0, [1.0] * 8).alarmed
    assert math.isinf(Expectation.of([1.0] * 8).deviations(measured(1.01)))
