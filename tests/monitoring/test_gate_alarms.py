"""Alarms follow the gates: more than a share of the features, or any statistic of the graph."""

import dataclasses

import pytest

from models.corporate_graph import corporate_graph
from monitoring.gate_alarms import gate_monitoring
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)


@pytest.fixture(scope="module")
def portfolio(world):
    return world.portfolio()


@pytest.fixture(scope="module")
def first(world, portfolio):
    return corporate_graph(world.admitted_tables(), portfolio, Q1.end)


def with_share(portfolio, share):
    return portfolio.model_copy(update={"gates": portfolio.gates.model_copy(update={"drifted_feature_share": share})})


def test_a_quarter_like_the_one_before_alarms_nothing(first, portfolio):
    found = gate_monitoring(first, first, portfolio)
    assert (found.alarms, found.expected_quarter) == ((), Q1)
    assert {reading.kind for reading in found.readings} == {"feature", "graph"}


def test_a_feature_alarms_once_more_than_the_allowed_share_drifted(first, portfolio):
    values = first.features.copy()
    values[:, first.feature_names.index("profit")] += 1000
    shifted = dataclasses.replace(first, features=values)
    [alarm] = gate_monitoring(first, shifted, with_share(portfolio, 0.1)).alarms
    assert (alarm.kind, alarm.subject, alarm.statistic) == ("feature", "profit", "wasserstein")
    assert alarm.value > alarm.limit
    assert alarm.sentence.startswith("The feature profit moved by ")
    assert gate_monitoring(first, shifted, with_share(portfolio, 0.5)).alarms == ()


def test_another_shape_of_the_graph_alarms_by_itself(first, portfolio, graphs):
    firms = first.firms.tolist()
    star = graphs.graph_of(firms, {"supply": [(firms[0], other) for other in firms[1:]]}, as_of=Q1.end)
    starred = dataclasses.replace(first, relations=star.relations)
    alarms = gate_monitoring(first, starred, portfolio).alarms
    assert {alarm.kind for alarm in alarms} == {"graph"}
