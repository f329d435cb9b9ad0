"""Firms are told apart by what the portfolio declares, or by thirds of their scores."""

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from models.segments import firm_segments


@pytest.fixture(scope="module")
def graph(world):
    return corporate_graph(world.admitted_tables(), world.portfolio(), world.QUARTERS[0].end)


def test_thirds_of_the_scores_are_equally_large_and_equal_scores_stay_together(world, graph):
    found, names, name = firm_segments(graph, world.portfolio(), {}, np.arange(graph.size))
    values, counts = np.unique(found, return_counts=True)
    assert (names[0], name) == ("lowest third of scores", "thirds of the scores")
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
        "lowest third of scores": 10,
        "middle third of scores": 9,
        "highest third of scores": 10,
    }
    assert set(firm_segments(graph, world.portfolio(), {}, np.zeros(graph.size))[0]) == {"middle third of scores"}


def test_a_feature_that_is_a_category_tells_firms_apart(world, graph):
    portfolio = world.portfolio(stability={"segment": "industry"})
    found, names, name = firm_segments(graph, portfolio, {}, np.zeros(graph.size))
    assert (names, name) == (("timber", "steel", "trade", "energy", "not known"), "industry")
    assert (
        dict(zip(graph.firms.tolist(), found.tolist(), strict=True)).items() >= {"a1": "timber", "z1": "trade"}.items()
    )


def test_a_protected_attribute_tells_firms_apart_and_a_missing_one_is_named(world, graph):
    portfolio = world.portfolio(stability={"segment": "region"})
    values = ["urban"] * (graph.size - 1) + [None]
    found, names, name = firm_segments(graph, portfolio, {"region": values}, np.zeros(graph.size))
    assert (names, name) == (("urban", "rural", "not known"), "region")
    assert found[0] == "urban"
    assert found[-1] == "not known"


def test_a_segment_that_is_no_category_is_refused_and_told_what_there_is(world):
    with pytest.raises(ValueError, match=r"leverage is no category .* there are region, industry"):
        world.portfolio(stability={"segment": "leverage"})
