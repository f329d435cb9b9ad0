"""Structural features: hand-counted columns, permutation and renaming, graphs with nothing in them."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import corporate_graph
from models.structure import ALL, herfindahl, neighbour_extremes, structural_features
from schemas.structure import Statistic
from schemas.terms import Quarter

ENDS = {"supply": ("suppliers", "buyers")}


def columns(graph, *statistics):
    values, names = structural_features(graph, statistics or ALL, ENDS)
    assert values.shape == (graph.size, len(names))
    return {name: values[:, place].tolist() for place, name in enumerate(names)}


def random_graph(graphs, seed, *, names=None):
    # The same graph whatever its firms are called.
    rng = np.random.default_rng(seed)
    names = names or [f"f{place:02d}" for place in range(24)]
    pairs = {name: sorted({tuple(rng.choice(20, 2, replace=False).tolist()) for _ in range(30)}) for name in "st"}
    pairs["t"] = sorted({(min(pair), max(pair)) for pair in pairs["t"]})
    edges = {
        relation: [(names[a], names[b], float(rng.pareto(1.5) + 0.1)) for a, b in found]
        for relation, found in pairs.items()
    }
    features = rng.normal(size=(24, 2))
    features[rng.random(features.shape) < 0.2] = np.nan
    return graphs.graph_of(names, edges, features, undirected=["t"])


def test_degrees_weights_and_concentration_by_hand(graphs):
    edges = [("a", "b", 1.0), ("a", "c", 3.0), ("b", "c", 1.0)]
    found = columns(
        graphs.graph_of(list("abcd"), {"supply": edges}), Statistic.DEGREE, Statistic.STRENGTH, Statistic.HERFINDAHL
    )
    assert found["supply: number of buyers"] == [2, 1, 0, 0]
    assert found["supply: number of suppliers"] == [0, 1, 2, 0]
    assert found["supply: weight of buyers"] == [4, 1, 0, 0]
    assert found["supply: weight of suppliers"] == [0, 1, 4, 0]
    nan = np.nan
    np.testing.assert_allclose(found["supply: herfindahl of buyers"], [1 / 16 + 9 / 16, 1, nan, nan])
    np.testing.assert_allclose(found["supply: herfindahl of suppliers"], [nan, 1, 9 / 16 + 1 / 16, nan])


def test_least_and_largest_among_partners_by_hand(graphs):
    features = np.array([[1.0], [np.nan], [5.0], [-2.0]])
    graph = graphs.graph_of(list("abcd"), {"supply": [("a", "b"), ("a", "c"), ("a", "d"), ("c", "b")]}, features)
    found = columns(graph, Statistic.EXTREMES)
    nan = np.nan
    np.testing.assert_equal(found["supply: least x0 of buyers"], [-2, nan, nan, nan])
    np.testing.assert_equal(found["supply: largest x0 of buyers"], [5, nan, nan, nan])
    np.testing.assert_equal(found["supply: least x0 of suppliers"], [nan, 1, 1, 1])
    np.testing.assert_equal(found["supply: largest x0 of suppliers"], [nan, 5, 1, 1])


def test_an_undirected_relation_has_partners_and_no_upstream(graphs):
    graph = graphs.graph_of(list("ab"), {"links": [("a", "b", 2.0)]}, undirected=["links"])
    assert columns(graph) == {
        "links: number of partners": [1, 1],
        "links: weight of partners": [2, 2],
        "links: herfindahl of partners": [1, 1],
        "links: least x0 of partners": [0, 0],
        "links: largest x0 of partners": [0, 0],
        "links: pagerank times firms": [pytest.approx(1)] * 2,
        "links: katz": [pytest.approx(1 / 0.15)] * 2,
        "eigenvector centrality": [pytest.approx(np.sqrt(0.5))] * 2,
        "betweenness": [0, 0],
        "clustering": [0, 0],
        "core number": [1, 1],
    }


def test_each_statistic_gives_its_columns_and_all_give_all(graphs):
    graph = random_graph(graphs, 0)
    _, everything = structural_features(graph)
    parts = [set(structural_features(graph, [statistic])[1]) for statistic in Statistic]
    assert all(parts)
    assert sum(map(len, parts)) == len(everything) == len(set(everything))
    assert set.union(*parts) == set(everything)
    assert "s: number of targets" in everything


@given(st.integers(0, 10_000))
def test_renaming_firms_permutes_the_rows(graphs, seed):
    graph = random_graph(graphs, seed)
    order = np.random.default_rng(seed + 1).permutation(24)
    renamed = random_graph(graphs, seed, names=[f"f{place:02d}" for place in order])
    values, names = structural_features(graph)
    permuted, others = structural_features(renamed)
    assert names == others
    # Of two largest components eigenvector centrality takes the one with the first firm.
    union = graph.union()
    sizes = np.bincount(sp.csgraph.connected_components(union, directed=False)[1])
    kept = [
        names.index(name) for name in names if name != "eigenvector centrality" or (sizes == sizes.max()).sum() == 1
    ]
    np.testing.assert_allclose(permuted[order][:, kept], values[:, kept], atol=1e-8)


def test_features_change_nothing_but_their_own_extremes(graphs):
    first, second = random_graph(graphs, 3), random_graph(graphs, 3)
    second.features[:] += 1
    names = structural_features(first)[1]
    structure = [place for place, name in enumerate(names) if " x" not in name]
    found = [structural_features(graph)[0][:, structure] for graph in (first, second)]
    np.testing.assert_array_equal(*found)


@given(st.lists(st.floats(0.001, 1e200), min_size=1, max_size=12))
def test_concentration_lies_between_equal_shares_and_one(weights):
    row = sp.csr_array(np.array([weights]))
    (found,) = herfindahl(row)
    assert 1 / len(weights) - 1e-12 <= found <= 1 + 1e-12


def test_negative_weights_count_as_nothing(graphs):
    found = columns(graphs.graph_of(list("abc"), {"supply": [("a", "b", -5.0), ("a", "c", 2.0), ("b", "c", -1.0)]}))
    assert found["supply: weight of buyers"] == [2, 0, 0]
    np.testing.assert_equal(found["supply: herfindahl of buyers"], [1, np.nan, np.nan])
    assert np.isfinite(found["supply: pagerank times firms"]).all()
    assert np.isfinite(found["supply: mean upstream path"]).all()


@pytest.mark.parametrize(
    ("firms", "edges"),
    [
        (["a"], []),
        (["a", "b"], []),
        (["a", "b"], [("a", "b")]),
        (list("abc"), [("a", "b"), ("b", "c"), ("c", "a")]),
        (list("abcd"), [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]),
    ],
    ids=["one firm", "no edges", "one edge", "a directed ring", "two rings"],
)
def test_graphs_with_next_to_nothing_have_finite_columns(graphs, firms, edges):
    found = columns(graphs.graph_of(firms, {"supply": edges}))
    for name, values in found.items():
        assert np.isfinite(values).all() or " of " in name, name
    if not edges:
        assert found["supply: katz"] == [1.0] * len(firms)
        assert found["supply: pagerank times firms"] == [pytest.approx(1.0)] * len(firms)
        assert np.isnan(found["supply: herfindahl of buyers"]).all()
        assert found["core number"] == found["eigenvector centrality"] == found["clustering"] == [0] * len(firms)


def test_a_graph_without_relations_or_statistics_has_no_columns_to_speak_of(graphs):
    graph = graphs.graph_of(list("ab"), {})
    assert list(columns(graph)) == ["eigenvector centrality", "betweenness", "clustering", "core number"]
    values, names = structural_features(graph, [])
    assert (values.shape, names) == ((2, 0), ())


def test_the_small_world_is_read_as_drawn(world):
    graph = corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 2).end)
    found = columns(graph)
    drawn = nx.from_scipy_sparse_array(graph.union())
    assert found["core number"] == [nx.core_number(drawn)[node] for node in sorted(drawn)]
    assert max(found["supply: longest upstream path"]) >= 1
    assert np.sum(found["supply: number of buyers"]) == graph.relations["supply"].edges


def test_without_partners_there_are_no_extremes():
    least, largest = neighbour_extremes(sp.csr_array((2, 2)), np.ones((2, 3)))
    assert np.isnan(least).all()
    assert np.isnan(largest).all()


def test_links_to_other_nodes_are_counted_by_hand(world):
    tables = world.admitted_tables() | world.admitted_partners()
    graph = corporate_graph(tables, world.portfolio_with_partners(), Quarter(2023, 1).end)
    found = columns(graph, Statistic.DEGREE, Statistic.STRENGTH, Statistic.HERFINDAHL)
    rows = {str(firm): place for place, firm in enumerate(graph.firms)}
    assert [found["board: number of person partners"][rows[firm]] for firm in ("a1", "b1", "c1")] == [2, 1, 0]
    assert [found["owners: weight of person partners"][rows[firm]] for firm in ("a1", "c1")] == [0, 1]
    assert found["owners: herfindahl of person partners"][rows["c1"]] == 0.25**2 + 0.75**2
    assert found["loans: weight of bank partners"][rows["a1"]] == 900
    assert not [name for name in columns(graph, Statistic.EXTREMES) if "person" in name or "bank" in name]
