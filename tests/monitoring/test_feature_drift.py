"""Features of two quarters: a category is one column again, and a named column is the one that moved."""

import dataclasses

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from monitoring.feature_drift import feature_columns, feature_drift
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)


@pytest.fixture(scope="module")
def portfolio(world):
    return world.portfolio()


@pytest.fixture(scope="module")
def quarters(world, portfolio):
    return [corporate_graph(world.admitted_tables(), portfolio, quarter.end) for quarter in (Q1, Q2)]


def moved(graph, feature, change):
    values = graph.features.copy()
    column = graph.feature_names.index(feature)
    values[:, column] = change(values[:, column])
    return dataclasses.replace(graph, features=values)


def test_one_hot_columns_become_one_category_again(quarters, portfolio, world):
    columns = feature_columns(quarters[0], portfolio)
    assert list(columns.numbers) == ["profit", "leverage"]
    codes, labels = columns.categories["industry"]
    assert labels == ("timber", "steel", "trade", "energy")
    found = [labels[code] for code in codes.tolist()]
    assert found == [world.INDUSTRIES[firm[0]] for firm in quarters[0].firms.tolist()]


def test_an_unknown_category_is_missing_not_the_first_one(quarters, portfolio):
    values = quarters[0].features.copy()
    values[0, :4] = np.nan
    values[1, :4] = 0
    codes, _ = feature_columns(dataclasses.replace(quarters[0], features=values), portfolio).categories["industry"]
    assert codes[:3].tolist() == [-1, -1, 0]


def test_a_quarter_does_not_drift_against_itself(quarters, portfolio):
    found = feature_drift(quarters[0], quarters[0], portfolio)
    assert found.expected_quarter == Q1
    assert [drift.column for drift in found.columns] == ["profit", "leverage", "industry"]
    assert found.drifted_share == 0
    assert [drift.value for drift in found.columns] == pytest.approx([0, 0, 0], abs=1e-9)


@pytest.mark.parametrize("feature", ["profit", "leverage"])
def test_the_feature_that_moved_is_the_one_that_drifted(quarters, portfolio, feature):
    found = feature_drift(quarters[0], moved(quarters[0], feature, lambda values: values * 3 + 5), portfolio)
    assert [drift.column for drift in found.columns if drift.drifted] == [feature]
    assert found.drifted_share == pytest.approx(1 / 3)


def test_an_industry_that_grew_is_one_drifted_column(quarters, portfolio):
    values = quarters[0].features.copy()
    values[:20, :4] = [0, 0, 0, 1]
    found = feature_drift(quarters[0], dataclasses.replace(quarters[0], features=values), portfolio)
    assert [drift.column for drift in found.columns if drift.drifted] == ["industry"]


def test_the_portfolios_limit_decides(quarters, world):
    other = moved(quarters[0], "profit", lambda values: values * 3 + 5)
    lenient = world.portfolio(gates={"feature_drift_limit": 100})
    assert feature_drift(quarters[0], other, lenient).drifted_share == 0
    assert {drift.limit for drift in feature_drift(quarters[0], other, lenient).columns} == {100}
