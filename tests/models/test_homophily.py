"""Homophily held against networkx and counted by hand."""

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.categories import KNOWN_OUTCOME, UNKNOWN, Category, categories, known_outcome
from models.corporate_graph import corporate_graph
from models.homophily import assortativity, homophily, mixing_matrix
from schemas.terms import Quarter


def coloured(codes, values=3):
    return Category("colour", tuple("abc"[:values]), np.array(codes, dtype=np.int64))


@st.composite
def coloured_graphs(draw):
    drawn = nx.gnp_random_graph(
        draw(st.integers(2, 20)),
        draw(st.floats(0.1, 0.7)),
        seed=draw(st.integers(0, 500)),
        directed=draw(st.booleans()),
    )
    codes = draw(st.lists(st.integers(0, 2), min_size=len(drawn), max_size=len(drawn)))
    return drawn, codes


@given(coloured_graphs())
def test_assortativity_is_that_of_networkx(graphs, found):
    drawn, codes = found
    names = [f"f{node:03d}" for node in drawn]
    edges = [(names[a], names[b]) for a, b in drawn.edges]
    graph = graphs.graph_of(names, {"supply": edges}, undirected=[] if drawn.is_directed() else ["supply"])
    (row,) = homophily([(graph, [coloured(codes)])])
    nx.set_node_attributes(drawn, dict(enumerate(codes)), "colour")
    assert row.edges == drawn.number_of_edges()
    used = {codes[end] for edge in drawn.edges for end in edge}
    if len(used) < 2:
        assert row.value is None
    else:
        assert row.value == pytest.approx(nx.attribute_assortativity_coefficient(drawn, "colour"), abs=1e-12)


def test_firms_that_only_trade_with_their_like_are_at_one(graphs):
    graph = graphs.graph_of(list("abcd"), {"supply": [("a", "b"), ("c", "d")]}, undirected=["supply"])
    (alike,) = homophily([(graph, [coloured([0, 0, 1, 1])])])
    (unlike,) = homophily([(graph, [coloured([0, 1, 0, 1])])])
    assert (alike.value, unlike.value) == (1.0, -1.0)
    assert (alike.relation, alike.attribute, alike.edges) == ("supply", "colour", 2)


def test_an_edge_to_a_firm_whose_value_is_not_known_is_left_out(graphs):
    graph = graphs.graph_of(list("abc"), {"supply": [("a", "b"), ("b", "c")]})
    assert mixing_matrix(graph.relations["supply"], np.array([0, 1, UNKNOWN]), 2).tolist() == [[0, 1], [0, 0]]
    (row,) = homophily([(graph, [coloured([0, UNKNOWN, 1])])])
    assert (row.edges, row.value) == (0, None)


def test_the_edges_of_several_vintages_are_counted_together(graphs):
    first = graphs.graph_of(list("ab"), {"supply": [("a", "b")]})
    second = graphs.graph_of(list("abc"), {"supply": [("a", "c"), ("b", "c")]})
    (both,) = homophily([(first, [coloured([0, 0])]), (second, [coloured([0, 1, 1])])])
    assert both.edges == 3
    assert both.value == pytest.approx(assortativity(np.array([[1, 1], [0, 1]])))


def test_categories_of_the_small_world_are_read_back_from_its_features(world):
    portfolio, tables = world.portfolio(), world.admitted_tables()
    graph = corporate_graph(tables, portfolio, Quarter(2023, 2).end)
    found = {one.name: one for one in categories(graph, tables["firms"].unique("firm_id"), portfolio)}
    declared = [c.name for c in portfolio.protected_columns] + [
        c.name for c in portfolio.feature_columns if c.kind == "category"
    ]
    assert list(found) == declared
    delivered = tables["firms"].unique("firm_id")
    for name, one in found.items():
        told = dict(delivered.select("firm_id", name).iter_rows())
        assert [one.values[code] for code in one.codes] == [told[firm] for firm in graph.firms.tolist()]


def test_a_firm_without_an_outcome_or_attribute_is_unknown(world, graphs):
    portfolio = world.portfolio()
    graph = graphs.graph_of(list("abc"), {})
    outcomes = pl.DataFrame({"firm_id": ["c", "a"], "outcome": [1, 0]})
    found = known_outcome(graph, outcomes, portfolio.target)
    assert (found.name, found.values) == (KNOWN_OUTCOME, portfolio.target.classes)
    assert found.codes.tolist() == [0, UNKNOWN, 1]
