"""Edges from rows: equal to a slow reference, in whatever order the rows come."""

from collections import defaultdict

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import relation_edges
from models.edge_counts import EdgeCounts
from models.edge_policies import capped_edges
from models.merged_edges import merged_edges

SIZE = 7
positions = st.integers(-1, SIZE - 1)
weights = st.floats(-1e6, 1e6, allow_nan=False)
tables = st.lists(st.tuples(positions, positions, weights), max_size=60)
policies = st.sampled_from(["sum", "mean", "max"])


def merged(rows, *, size=SIZE, directed=True, repeated="sum"):
    source, target, weight = zip(*rows, strict=True) if rows else ((), (), ())
    return merged_edges(
        np.array(source, np.int32),
        np.array(target, np.int32),
        np.array(weight, np.float64),
        size=size,
        directed=directed,
        repeated=repeated,
    )


def edges_of(rows, **settings):
    return merged(rows, **settings)[0]


def slowly(rows, directed, repeated):
    """Return {(source, target): weight} and the counts, a row at a time."""
    merge = {"sum": sum, "mean": lambda all_: sum(all_) / len(all_), "max": max}[repeated]
    unknown = sum(1 for a, b, _ in rows if a < 0 or b < 0)
    loops = sum(1 for a, b, _ in rows if a == b >= 0)
    pairs = defaultdict(list)
    for a, b, weight in rows:
        if a >= 0 and b >= 0 and a != b:
            pairs[(a, b) if directed else (min(a, b), max(a, b))].append(weight)
    found = {}
    for (a, b), all_ in pairs.items():
        found[a, b] = merge(all_)
        if not directed:
            found[b, a] = found[a, b]
    return found, EdgeCounts(len(rows), unknown, loops, sum(len(all_) - 1 for all_ in pairs.values()))


def as_pairs(edges):
    sources = np.repeat(np.arange(len(edges.indptr) - 1), np.diff(edges.indptr))
    return dict(zip(zip(sources.tolist(), edges.indices.tolist(), strict=True), edges.weights.tolist(), strict=True))


def assert_same_bits(one, other):
    for name in ("indptr", "indices", "weights"):
        assert getattr(one, name).dtype == getattr(other, name).dtype
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@given(tables, st.booleans(), policies)
def test_edges_and_counts_are_those_of_a_slow_reference(rows, directed, repeated):
    found, found_counts = merged(rows, directed=directed, repeated=repeated)
    expected, counts = slowly(rows, directed, repeated)
    assert as_pairs(found) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert list(as_pairs(found)) == sorted(expected), "by source, then target"
    assert found_counts == counts
    assert (found.indptr.dtype, found.indices.dtype, found.weights.dtype) == (np.int64, np.int64, np.float64)


@given(tables, st.booleans(), policies, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_a_bit(rows, directed, repeated, random):
    before, counts = merged(rows, directed=directed, repeated=repeated)
    random.shuffle(rows)
    after, counts_after = merged(rows, directed=directed, repeated=repeated)
    assert_same_bits(before, after)
    assert counts == counts_after


@pytest.mark.parametrize("repeated", ["sum", "mean", "max"])
def test_many_rows_of_one_pair_add_up_to_the_same_bits(repeated):
    # Sizes of weights so different that the order of adding shows.
    rng = np.random.default_rng(4)
    rows = [(0, 1, weight) for weight in 10.0 ** rng.uniform(-8, 8, 300)] + [(1, 2, -0.0), (1, 2, 0.0)]
    before = edges_of(rows, repeated=repeated)
    for _ in range(5):
        assert_same_bits(before, edges_of([rows[at] for at in rng.permutation(len(rows))], repeated=repeated))


@given(tables)
def test_turning_the_rows_around_turns_the_edges_around(rows):
    turned = edges_of([(b, a, weight) for a, b, weight in rows])
    np.testing.assert_array_equal(turned.matrix().toarray(), edges_of(rows).matrix().toarray().T)


@given(tables, policies)
def test_an_undirected_relation_does_not_know_which_end_came_first(rows, repeated):
    turned = [(b, a, weight) if number % 2 else (a, b, weight) for number, (a, b, weight) in enumerate(rows)]
    one, other = (edges_of(each, directed=False, repeated=repeated) for each in (rows, turned))
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.indices.tobytes() == other.indices.tobytes()


@pytest.mark.parametrize("directed", [True, False])
def test_a_hub_with_a_hundred_times_the_mean_degree(directed):
    rng = np.random.default_rng(1)
    size = 2000
    others = [(a, b, 1.0) for a, b in rng.integers(1, size, (size, 2)).tolist() if a != b]
    hub = [(0, partner, 2.0) for partner in rng.choice(np.arange(1, size), 250, replace=False).tolist()]
    found = edges_of([*others, *hub], size=size, directed=directed)
    assert np.diff(found.indptr)[0] == 250
    assert np.diff(found.indptr).mean() * 100 < 250
    assert found.weights[:250].tolist() == [2.0] * 250
    drawn = nx.DiGraph() if directed else nx.Graph()
    drawn.add_edges_from((a, b) for a, b, _ in [*others, *hub])
    assert found.edges == drawn.number_of_edges()


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3])
def test_no_rows_are_no_edges(directed, size):
    found, counts = merged([], size=size, directed=directed)
    assert found.indptr.tolist() == [0] * (size + 1)
    assert (found.edges, counts) == (0, EdgeCounts())


@pytest.mark.parametrize("directed", [True, False])
def test_one_firm_has_no_edge_and_its_rows_are_counted(directed):
    found, counts = merged([(0, 0, 1.0), (0, -1, 1.0), (-1, -1, 1.0)], size=1, directed=directed)
    assert found.indptr.tolist() == [0, 0]
    assert counts == EdgeCounts(rows=3, unknown_firms=2, self_loops=1)


def test_a_relation_table_becomes_edges_by_the_ids_of_its_firms(graphs):
    rows = [("a", "b", 1.0), ("b", "a", 2.0), ("a", "b", 3.0), ("c", "c", 1.0), ("a", "stranger", 1.0)]
    firms = pl.Series(["a", "b", "c"])
    for directed, edges in ((True, {(0, 1): 4.0, (1, 0): 2.0}), (False, {(0, 1): 6.0, (1, 0): 6.0})):
        spec = graphs.relation(directed=directed, repeated="sum", self_loops="drop")
        assert as_pairs(relation_edges(graphs.edge_table(rows), firms, spec)) == edges


def test_a_cap_keeps_the_heaviest_pair():
    assert as_pairs(capped_edges(edges_of([(0, 1, 1.0), (0, 2, 3.0), (0, 2, 1.0)]), 1)[0]) == {(0, 2): 4.0}


def test_a_cap_on_no_edges_is_no_edges():
    assert capped_edges(edges_of([]), 2)[1] == 0
