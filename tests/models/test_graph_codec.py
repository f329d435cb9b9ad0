"""A graph as bytes and back is the same graph; equal graphs have equal bytes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import corporate_graph
from models.fingerprint import part_digests
from models.graph_codec import graph_bytes, graph_from_bytes
from schemas.terms import Quarter


def assert_same(one, other):
    assert one.as_of == other.as_of
    assert one.firms.tolist() == other.firms.tolist()
    assert one.feature_names == other.feature_names
    assert list(one.relations) == list(other.relations)
    np.testing.assert_array_equal(one.features, other.features)
    for name, relation in one.relations.items():
        for part in ("indptr", "indices", "weights"):
            np.testing.assert_array_equal(getattr(relation, part), getattr(other.relations[name], part))
            assert getattr(relation, part).dtype == getattr(other.relations[name], part).dtype
        assert relation.directed == other.relations[name].directed
    assert part_digests(one) == part_digests(other)


@pytest.fixture(scope="module")
def graph(world):
    return corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 2).end)


def test_the_small_world_comes_back_the_same(graph):
    assert_same(graph, graph_from_bytes(graph_bytes(graph)))


def test_equal_graphs_have_equal_bytes_however_they_are_stored(graph):
    again = graph_from_bytes(graph_bytes(graph))
    shuffled = dataclasses.replace(
        again, features=np.asfortranarray(again.features), relations=dict(reversed(again.relations.items()))
    )
    assert graph_bytes(again) == graph_bytes(graph)
    assert graph_bytes(shuffled) == graph_bytes(graph)


def test_a_change_changes_the_bytes(graph):
    assert graph_bytes(dataclasses.replace(graph, feature_names=graph.feature_names[::-1])) != graph_bytes(graph)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, unique=True
    )
)
def test_any_firm_id_comes_back(graphs, firms):
    graph = graphs.graph_of(sorted(firms), {"supply": []})
    assert graph_from_bytes(graph_bytes(graph)).firms.tolist() == sorted(firms)


def test_graphs_without_edges_or_relations_come_back(graphs):
    for empty in (graphs.graph_of(["a", "b"], {"supply": []}, undirected=["supply"]), graphs.graph_of(["a"], {})):
        assert_same(empty, graph_from_bytes(graph_bytes(empty)))
