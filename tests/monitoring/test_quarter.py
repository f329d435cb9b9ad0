"""Monitoring a quarter: readings of features and graph, alarms by subject, fixed limits while there is no history."""

import dataclasses

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from models.graph_comparison import ComparedGraph
from models.measures import Measured
from monitoring.feature_drift import feature_drift
from monitoring.graph_drift import graph_drift
from monitoring.quarter import Measures, monitored_quarter, quarter_measures
from schemas.results import Drift
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)
NOTHING = Drift(expected_quarter=Q1), Drift(expected_quarter=Q1)


@pytest.fixture(scope="module")
def portfolio(world):
    return world.portfolio()


@pytest.fixture(scope="module")
def quarters(world, portfolio):
    return [corporate_graph(world.admitted_tables(), portfolio, quarter.end) for quarter in (Q1, Q2)]


def measures(*values, subject="profit"):
    names = ("a", "b", "c")
    return Measures(tuple(Measured(subject, n, v, 0.01) for n, v in zip(names, values, strict=False)), ())


def published(portfolio, *rows):
    """Return the monitoring of earlier quarters with these values."""
    found = []
    for number, row in enumerate(rows):
        found.append(monitored_quarter(portfolio, Q1.shifted(number), measures(*row), found, NOTHING))
    return found


def test_every_feature_and_relation_of_the_small_world_is_measured(quarters, portfolio):
    before, after = (ComparedGraph.of(graph, portfolio.graph) for graph in quarters)
    found = quarter_measures(before, after, portfolio)
    assert {one.subject for one in found.features} == {"profit", "leverage", "industry"}
    assert {one.subject for one in found.graph} == {"supply", "ownership", "all relations"}
    assert len({(one.subject, one.statistic) for one in (*found.features, *found.graph)}) == len(
        (*found.features, *found.graph)
    )


def test_a_value_beyond_the_earlier_quarters_raises_an_alarm_that_says_what_and_how_far(portfolio):
    earlier = published(portfolio, *[(1.0 + 0.01 * (k % 2),) for k in range(8)])
    found = monitored_quarter(portfolio, Q1.shifted(8), measures(2.0), earlier, NOTHING)
    (alarm,) = found.alarms
    assert (alarm.kind, alarm.subject, alarm.statistic, alarm.value) == ("feature", "profit", "a", 2.0)
    assert alarm.limit < 2.0
    assert alarm.sentence.startswith("profit: a is 2, above the limit of")
    assert found.baseline == tuple(one.quarter for one in earlier)
    assert not monitored_quarter(portfolio, Q1.shifted(8), measures(1.0), earlier, NOTHING).alarms


def test_a_subject_raises_one_alarm_of_its_worst_statistic_and_names_the_others(portfolio):
    earlier = published(portfolio, *[(1.0, 1.0, 1.0)] * 8)
    found = monitored_quarter(portfolio, Q1.shifted(8), measures(1.5, 2.0, 1.0), earlier, NOTHING)
    (alarm,) = found.alarms
    assert alarm.statistic == "b"
    assert alarm.sentence.endswith("So are: a.")
    assert found.alarms_of("feature") == (alarm,)
    assert found.alarms_of("graph") == ()


def test_an_undefined_quarter_is_left_out_of_the_baseline(portfolio):
    earlier = published(portfolio, *[(None,) if k == 3 else (1.0,) for k in range(7)])
    assert monitored_quarter(portfolio, Q1.shifted(7), measures(2.0), earlier, NOTHING).alarms
    earlier = published(portfolio, *[(None,) if k == 3 else (1.0,) for k in range(6)])
    assert not monitored_quarter(portfolio, Q1.shifted(6), measures(2.0), earlier, NOTHING).alarms


def test_without_enough_earlier_quarters_the_fixed_limits_ring(quarters, portfolio):
    values = quarters[0].features.copy()
    values[:, quarters[0].feature_names.index("profit")] += 50
    moved = dataclasses.replace(quarters[0], features=values)
    before, after = (ComparedGraph.of(graph, portfolio.graph) for graph in (quarters[0], moved))
    fixed = feature_drift(quarters[0], moved, portfolio), graph_drift(quarters[0], moved, portfolio.gates)
    found = monitored_quarter(portfolio, Q2, quarter_measures(before, after, portfolio), (), fixed)
    (alarm,) = found.alarms
    assert (alarm.kind, alarm.subject, alarm.limit) == ("feature", "profit", portfolio.gates.feature_drift_limit)
    assert alarm.sentence.endswith(f"the fixed limit of {alarm.limit:.4g}.")


def test_one_drifted_feature_does_not_ring_where_the_gate_allows_more(quarters, world):
    lenient = world.portfolio(gates={"drifted_feature_share": 0.5})
    values = quarters[0].features.copy()
    values[:, quarters[0].feature_names.index("profit")] += 50
    moved = dataclasses.replace(quarters[0], features=values)
    fixed = feature_drift(quarters[0], moved, lenient), Drift(expected_quarter=Q1)
    assert not monitored_quarter(lenient, Q2, measures(1.0), (), fixed).alarms


def test_with_enough_earlier_quarters_the_fixed_limits_are_silent(quarters, portfolio):
    values = quarters[0].features.copy() + 50
    fixed = feature_drift(quarters[0], dataclasses.replace(quarters[0], features=values), portfolio), NOTHING[1]
    assert fixed[0].drifted_share > 0
    earlier = published(portfolio, *[(1.0,)] * 8)
    assert not monitored_quarter(portfolio, Q1.shifted(8), measures(1.0), earlier, fixed).alarms


def test_missing_values_of_a_feature_that_rises_are_told_apart_from_its_level(quarters, portfolio):
    values = quarters[1].features.copy()
    column = quarters[1].feature_names.index("profit")
    values[:10, column] = np.nan
    gaps = dataclasses.replace(quarters[1], features=values)
    before, after = (ComparedGraph.of(graph, portfolio.graph) for graph in (quarters[1], gaps))
    found = {(one.subject, one.statistic): one.value for one in quarter_measures(before, after, portfolio).features}
    assert found["profit", "firms whose value went missing"] == pytest.approx(10 / quarters[1].size)
    assert found["leverage", "firms whose value went missing"] == 0
