"""The graph is the same however its rows come, and says plainly what it does not know."""

import datetime as dt

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import block_diagonal, corporate_graph, relation_edges
from models.fingerprint import exact_root, part_digests
from schemas.errors import NotEnoughData
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter

Q1, Q2, Q3 = (Quarter(2023, number) for number in (1, 2, 3))
LETTERS = pl.Series(list("uvwxyz"))
edges = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("uvwxyz"), st.integers(0, 9).map(float)).filter(
        lambda edge: edge[0] != edge[1]
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def first(world):
    return corporate_graph(world.admitted_tables(), world.portfolio(), Q1.end)


def value(graph, firm, feature):
    return graph.features[graph.firms.tolist().index(firm), graph.feature_names.index(feature)]


def test_firms_and_features_have_their_order(first):
    assert first.firms.tolist() == sorted(first.firms.tolist())
    assert first.size == 29
    industries = tuple(f"industry={name}" for name in ("timber", "steel", "trade", "energy"))
    assert first.feature_names == (*industries, "profit", "leverage")
    assert list(first.relations) == ["ownership", "supply"]


def test_features_are_what_was_filed(first):
    # b4 stands at position 11: assets 210, debt 50 + 3 * 4, profit 1.
    assert value(first, "b4", "leverage") == pytest.approx(62 / 210)
    assert value(first, "b4", "profit") == 1.0
    assert [value(first, "b4", f"industry={name}") for name in ("timber", "steel", "trade", "energy")] == [0, 1, 0, 0]


def test_a_firm_without_a_known_filing_has_missing_features_and_its_industry(first, world):
    assert np.isnan(value(first, world.LATE, "profit"))
    assert np.isnan(value(first, world.LATE, "leverage"))
    assert value(first, world.LATE, "industry=trade") == 1


def test_a_ratio_without_a_finite_value_is_missing(first, world):
    assert np.isnan(value(first, world.LONER, "leverage"))
    assert value(first, world.LONER, "profit") == 4.0
    assert not np.isinf(first.features).any()


def test_the_ownership_ring_is_a_cycle(first):
    ring = nx.from_scipy_sparse_array(first.relations["ownership"].matrix(), create_using=nx.DiGraph)
    names = dict(enumerate(first.firms.tolist()))
    cycle = [names[a] for a, _ in nx.find_cycle(ring)]
    assert sorted(cycle) == ["a1", "a2", "a3"]


def test_relations_of_firms_that_are_not_there_are_left_out(world):
    tables, portfolio = world.admitted_tables(), world.portfolio()
    counts = [corporate_graph(tables, portfolio, q.end).relations["supply"].edges for q in (Q1, Q2, Q3)]
    # c7 has three relations and comes in Q2; d6 has three and is gone in Q3.
    assert counts == [46, 49, 46]


@given(st.data())
def test_the_order_of_delivery_changes_nothing(world, data):
    tables = world.admitted_tables()
    expected = part_digests(corporate_graph(tables, world.portfolio(), Q2.end))
    for name, frame in tables.items():
        order = data.draw(st.permutations(range(frame.height)))
        tables[name] = frame[list(order)].rechunk()
    assert part_digests(corporate_graph(tables, world.portfolio(), Q2.end)) == expected


@given(edges, st.booleans(), st.sampled_from(["sum", "mean", "max"]), st.randoms(use_true_random=False))
def test_rows_of_one_pair_become_one_edge(graphs, rows, directed, policy, random):
    spec = graphs.relation(directed=directed, repeated=policy)
    expected = {}
    for source, target, weight in rows:
        key = (source, target) if directed else tuple(sorted((source, target)))
        expected.setdefault(key, []).append(weight)
    merge = {"sum": sum, "mean": lambda all_: sum(all_) / len(all_), "max": max}[policy]
    found = relation_edges(graphs.edge_table(rows), LETTERS, spec)
    assert found.edges == len(expected)
    dense = found.matrix().toarray()
    for (source, target), weights in expected.items():
        at = LETTERS.to_list().index(source), LETTERS.to_list().index(target)
        assert dense[at] == pytest.approx(merge(weights))
        assert dense[at[::-1]] == (pytest.approx(dense[at]) if not directed else dense[at[::-1]])
    random.shuffle(rows)
    again = relation_edges(graphs.edge_table(rows), LETTERS, spec)
    np.testing.assert_array_equal(found.indices, again.indices)
    np.testing.assert_array_equal(found.weights, again.weights)


def test_a_firm_related_to_itself_is_no_edge(graphs):
    assert relation_edges(graphs.edge_table([("u", "u", 3.0)]), LETTERS, graphs.relation(self_loops="drop")).edges == 0


def test_an_edge_without_weight_is_still_an_edge(graphs):
    graph = graphs.graph_of(["a", "b"], {"supply": [("a", "b", 0.0)]})
    assert graph.relations["supply"].edges == 1
    assert graph.union().toarray().tolist() == [[0, 1], [1, 0]]


@given(edges, st.integers(1, 3), st.booleans())
def test_a_cap_keeps_an_edge_if_both_ends_keep_it(graphs, rows, cap, directed):
    # A matrix does not tell an edge of weight 0 from none, so there is none here.
    table = graphs.edge_table([row for row in rows if row[2] > 0])
    full = relation_edges(table, LETTERS, graphs.relation(directed=directed)).matrix().toarray()
    kept = relation_edges(table, LETTERS, graphs.relation(directed=directed, cap=cap)).matrix().toarray()
    expected = np.zeros_like(full)
    for a, b in np.argwhere(full):
        out = sorted(np.flatnonzero(full[a]), key=lambda p, a=a: (-full[a, p], p))[:cap]
        into = sorted(np.flatnonzero(full[:, b]), key=lambda p, b=b: (-full[p, b], p))[:cap]
        if b in out and a in into:
            expected[a, b] = full[a, b]
    np.testing.assert_array_equal(kept, expected)
    if not directed:
        np.testing.assert_array_equal(kept, kept.T)


def test_a_capped_undirected_relation_stays_symmetric(graphs):
    # u is in v's shadow: u keeps v, v keeps w, w keeps x. Only w and x keep each other.
    rows = graphs.edge_table([("u", "v", 1.0), ("v", "w", 2.0), ("w", "x", 3.0)])
    found = relation_edges(rows, LETTERS, graphs.relation(directed=False, cap=1))
    expected = np.zeros((6, 6))
    expected[2, 3] = expected[3, 2] = 3.0
    np.testing.assert_array_equal(found.matrix().toarray(), expected)


@given(edges)
def test_an_undirected_relation_is_symmetric_and_counts_each_edge_once(graphs, rows):
    relation = relation_edges(graphs.edge_table(rows), LETTERS, graphs.relation(directed=False))
    dense = relation.matrix().toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert relation.edges == len({frozenset(row[:2]) for row in rows})
    assert all(
        np.all(np.diff(relation.indices[a:b]) > 0) for a, b in zip(relation.indptr, relation.indptr[1:], strict=False)
    )


def test_the_union_is_one_undirected_graph_without_weights(graphs):
    graph = graphs.graph_of(
        list("abcd"), {"supply": [("a", "b", 5.0), ("b", "a", 2.0)], "ownership": [("a", "b", 0.5), ("c", "a", 0.1)]}
    )
    assert graph.union().toarray().tolist() == [[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert graph.relations["supply"].weights.tolist() == [5.0, 2.0], "the union leaves the weights alone"


def test_renaming_firms_permutes_the_graph_and_nothing_else(graphs):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 2))
    rows = [("u", "v", 1.0), ("v", "w", 2.0), ("z", "u", 3.0), ("y", "w", 4.0)]
    one = graphs.graph_of(list("uvwxyz"), {"supply": rows}, values)
    order = [3, 0, 5, 1, 4, 2]
    other = graphs.graph_of(["uvwxyz"[i] for i in order], {"supply": rows[::-1]}, values[order])
    assert exact_root(part_digests(one)) == exact_root(part_digests(other))


def test_a_graph_without_firms_is_an_error_that_says_the_way_out(world):
    with pytest.raises(NotEnoughData) as error:
        corporate_graph(world.admitted_tables(), world.portfolio(), dt.date(2022, 11, 30))
    assert str(error.value) == (
        "The graph is empty: no firm is known at 2022-11-30.\n"
        "  expected: at least one admitted firm\n"
        "  found: 30 firms, all published later or gone by then\n"
        "  way out: check the columns `published_on` and `valid_until` of firms, or refresh another quarter"
    )


def test_a_graph_without_edges_is_an_error_unless_that_is_meant(world):
    tables = world.admitted_tables()
    tables |= {name: frame.clear() for name, frame in tables.items() if name.startswith("relations")}
    with pytest.raises(NotEnoughData) as error:
        corporate_graph(tables, world.portfolio(), Q1.end)
    assert str(error.value) == (
        "The graph is empty: no relation between known firms at 2023-03-31.\n"
        "  expected: at least one edge of ownership, supply\n"
        "  found: 29 firms and no edge\n"
        "  way out: deliver relations, or set `graph.allow_no_edges: true` if firms without relations are meant"
    )
    graph = corporate_graph(tables, world.portfolio(graph={"allow_no_edges": True}), Q1.end)
    assert graph.union().nnz == 0


def test_a_portfolio_without_relations_or_filings_still_has_its_firms(world):
    data = world.portfolio().model_dump(mode="json") | {"relations": [], "filings": None, "derived": []}
    graph = corporate_graph(world.admitted_tables(), PortfolioSpec.model_validate(data), Q1.end)
    assert graph.features.shape == (29, 4)
    assert graph.union().shape == (29, 29)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("debt / assets", 62 / 210),
        ("profit / (assets - 210)", np.nan),
        ("LN(profit - 1)", np.nan),
        ("LN(0 - assets)", np.nan),
        ("(assets - debt) / 2", 74.0),
    ],
)
def test_a_derived_feature_is_its_formula_or_missing(world, expression, expected):
    portfolio = world.portfolio(derived=[{"name": "made", "expression": expression}])
    graph = corporate_graph(world.admitted_tables(), portfolio, Q1.end)
    assert value(graph, "b4", "made") == pytest.approx(expected, nan_ok=True)


def test_graphs_side_by_side_have_no_edge_between_them(world):
    tables, portfolio = world.admitted_tables(), world.portfolio()
    parts = [corporate_graph(tables, portfolio, quarter.end) for quarter in (Q1, Q2, Q3)]
    whole = block_diagonal(parts)
    assert whole.size == sum(part.size for part in parts)
    assert whole.as_of == Q3.end
    assert whole.firms[[0, 29, 59]].tolist() == ["2023-03-31 a1", "2023-06-30 a1", "2023-09-30 a1"]
    block = np.repeat([0, 1, 2], [part.size for part in parts])
    for name, relation in whole.relations.items():
        dense = relation.matrix().toarray()
        assert not dense[block[:, None] != block[None, :]].any()
        for number, part in enumerate(parts):
            inside = dense[np.ix_(block == number, block == number)]
            np.testing.assert_array_equal(inside, part.relations[name].matrix().toarray())
    for number, part in enumerate(parts):
        np.testing.assert_array_equal(whole.features[block == number], part.features)


def test_one_graph_alone_stays_itself(first):
    assert block_diagonal([first]) is first
