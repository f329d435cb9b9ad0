"""Policies on edges: what stays of opposite edges, what a cap cuts, and that all of it is counted."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import counted_relation
from models.edge_counts import EdgeCounts
from schemas.relation_kinds import RelationSpec

LETTERS = pl.Series(list("uvwxyz"))
ROWS = [("u", "v", 5.0), ("v", "u", 3.0), ("v", "w", 2.0), ("w", "v", 2.0), ("x", "y", 1.0)]
edges = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("uvwxyz"), st.integers(0, 4).map(float)), max_size=25
)


def built(graphs, rows, **settings):
    return counted_relation(graphs.edge_table(rows), LETTERS, graphs.relation(**settings))


def weights(relation):
    sources = np.repeat(np.arange(6), np.diff(relation.edges.indptr))
    return {
        (LETTERS[int(a)], LETTERS[int(b)]): float(w)
        for a, b, w in zip(sources, relation.edges.indices, relation.edges.weights, strict=True)
    }


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("keep", {("u", "v"): 5, ("v", "u"): 3, ("v", "w"): 2, ("w", "v"): 2, ("x", "y"): 1}),
        ("sum", {("u", "v"): 8, ("v", "w"): 4, ("x", "y"): 1}),
        ("larger", {("u", "v"): 5, ("v", "w"): 2, ("x", "y"): 1}),
        ("net", {("u", "v"): 2, ("x", "y"): 1}),
    ],
)
def test_opposite_edges_become_what_the_policy_says(graphs, policy, expected):
    found = built(graphs, ROWS, reciprocal=policy)
    assert weights(found) == expected
    assert found.notes.counts.reciprocal_pairs == 2


@given(edges, st.sampled_from(["sum", "larger", "net"]))
def test_no_pair_is_left_in_both_directions(graphs, rows, policy):
    kept = built(graphs, rows, repeated="sum", self_loops="drop")
    settled = weights(built(graphs, rows, repeated="sum", self_loops="drop", reciprocal=policy))
    before = weights(kept)
    pairs = {frozenset(pair) for pair in before if pair[::-1] in before}
    assert kept.notes.counts.reciprocal_pairs == len(pairs)
    assert not any(pair[::-1] in settled for pair in settled)
    for pair, weight in before.items():
        if pair[::-1] not in before:
            assert settled[pair] == weight
    if policy == "sum":
        assert sum(settled.values()) == sum(before.values())


def test_an_undirected_relation_has_no_opposite_edges(graphs):
    assert built(graphs, ROWS, directed=False, repeated="sum").notes.counts.reciprocal_pairs == 0
    with pytest.raises(ValueError, match="`reciprocal: net` is for directed relations"):
        graphs.relation(directed=False, reciprocal="net")


def test_opposite_edges_are_settled_before_a_cap_chooses(graphs):
    rows = [("u", "v", 5.0), ("v", "u", 4.0), ("u", "w", 3.0)]
    assert weights(built(graphs, rows, cap=1)) == {("u", "v"): 5.0, ("v", "u"): 4.0}
    assert weights(built(graphs, rows, cap=1, reciprocal="net")) == {("u", "w"): 3.0}


def test_every_row_and_edge_that_is_left_out_is_counted(graphs):
    rows = [
        ("u", "v", 1.0),
        ("u", "v", 2.0),
        ("u", "w", 5.0),
        ("u", "u", 1.0),
        ("zz", "u", 1.0),
        ("u", "zz", 1.0),
        ("v", "u", 1.0),
    ]
    found = built(graphs, rows, repeated="sum", self_loops="drop", cap=1)
    assert found.notes.counts == EdgeCounts(
        rows=7, unknown_firms=2, self_loops=1, repeated_rows=1, reciprocal_pairs=1, cut_by_cap=1
    )
    assert weights(found) == {("u", "w"): 5.0, ("v", "u"): 1.0}


@given(edges, st.booleans(), st.integers(1, 3))
def test_rows_and_edges_add_up(graphs, rows, directed, cap):
    found = built(graphs, rows, repeated="max", self_loops="drop", directed=directed, cap=cap)
    counts = found.notes.counts
    made = counts.rows - counts.unknown_firms - counts.self_loops - counts.repeated_rows
    assert made == found.edges.edges + counts.cut_by_cap


def test_a_hub_with_a_hundred_times_the_mean_degree_is_cut_to_its_heaviest_partners(graphs):
    firms = pl.Series([f"f{number:04d}" for number in range(1000)])
    ring = [(firms[i], firms[(i + 1) % 1000], 1.0) for i in range(1000)]
    hub = [(firms[0], firms[i], float(i)) for i in range(2, 999)]
    table = graphs.edge_table([*ring, *hub])
    whole = counted_relation(table, firms, graphs.relation())
    assert np.diff(whole.edges.indptr).max() > 100 * np.diff(whole.edges.indptr).mean()
    capped = counted_relation(table, firms, graphs.relation(cap=10))
    assert np.diff(capped.edges.indptr).max() == 10
    assert capped.notes.counts.cut_by_cap == 998 - 10
    heaviest = firms.gather(capped.edges.indices[: capped.edges.indptr[1]]).to_list()
    assert heaviest == [f"f{number:04d}" for number in range(989, 999)]


def test_shares_add_up_only_where_adding_means_something():
    plain = {"name": "own", "file": "x", "source": "a", "target": "b", "shares_at_most": 1.0}
    RelationSpec.model_validate(plain | {"weight": "w"})
    for wrong in ({}, {"weight": "w", "directed": False}, {"weight": "w", "repeated": "max"}):
        with pytest.raises(ValueError, match="`shares_at_most` is for a directed relation with a `weight`"):
            RelationSpec.model_validate(plain | wrong)
