"""Communities: named after their smallest firm, the same twice, and as modular as networkx says."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.communities import canonical_names, detected_communities, modularity
from models.corporate_graph import corporate_graph
from schemas.specs import GraphSpec
from schemas.terms import Quarter


def test_communities_that_one_can_draw_are_found(world):
    graph = corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 2).end)
    found = detected_communities(graph.firms, graph.union(), GraphSpec())
    drawn = np.array([firm[0] + "1" for firm in graph.firms.tolist()])
    assert found.names.tolist() == drawn.tolist()
    assert found.count == 5


def test_the_same_graph_gives_the_same_communities_twice(graphs):
    graph = graphs.graph_from_networkx(nx.gnp_random_graph(80, 0.06, seed=3))
    first = detected_communities(graph.firms, graph.union(), GraphSpec())
    # Other work on the shared generator in between must not matter.
    detected_communities(graph.firms, graph.union(), GraphSpec(community_seed=9))
    second = detected_communities(graph.firms, graph.union(), GraphSpec())
    assert first.names.tolist() == second.names.tolist()
    assert first.modularity == second.modularity


def test_names_are_those_of_the_smallest_firm_whatever_the_labels():
    firms = np.array(["a", "b", "c", "d", "e"])
    expected = ["a", "b", "a", "b", "e"]
    assert canonical_names(firms, np.array([7, 3, 7, 3, 0])).tolist() == expected
    assert canonical_names(firms, np.array([0, 1, 0, 1, 2])).tolist() == expected


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.permutations(range(5)))
def test_renumbering_communities_changes_no_name(labels, renumbering):
    firms = np.array([f"f{place:02d}" for place in range(len(labels))])
    other = np.array([renumbering[label] for label in labels])
    names = canonical_names(firms, np.array(labels))
    assert names.tolist() == canonical_names(firms, other).tolist()
    for name in set(names.tolist()):
        members = firms[names == name]
        assert min(members.tolist()) == name
        assert len(set(np.array(labels)[names == name].tolist())) == 1


@given(st.integers(2, 25), st.floats(0.05, 0.8), st.integers(0, 500), st.data())
def test_modularity_is_that_of_networkx(graphs, size, density, seed, data):
    drawn = nx.gnp_random_graph(size, density, seed=seed)
    if not drawn.number_of_edges():
        drawn.add_edge(0, 1)
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    groups = [set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    union = graphs.graph_from_networkx(drawn).union()
    assert modularity(union, labels) == pytest.approx(nx.community.modularity(drawn, groups), abs=1e-12)


def test_the_detected_partition_is_as_modular_as_it_says(graphs):
    drawn = nx.connected_caveman_graph(6, 5)
    graph = graphs.graph_from_networkx(drawn)
    found = detected_communities(graph.firms, graph.union(), GraphSpec())
    groups = [set(np.flatnonzero(found.names == name).tolist()) for name in np.unique(found.names)]
    assert found.modularity == pytest.approx(nx.community.modularity(drawn, groups))
    assert found.count == 6


def test_a_firm_without_relations_is_a_community_of_its_own(graphs):
    graph = graphs.graph_of(list("abcd"), {"supply": [("b", "c")]})
    assert detected_communities(graph.firms, graph.union(), GraphSpec()).names.tolist() == ["a", "b", "b", "d"]


def test_without_any_relation_every_firm_is_alone():
    firms = np.array(["a", "b"])
    found = detected_communities(firms, sp.csr_array((2, 2)), GraphSpec())
    assert (found.names.tolist(), found.modularity, found.count) == (["a", "b"], 0.0, 2)


def test_a_higher_resolution_gives_more_communities(graphs):
    graph = graphs.graph_from_networkx(nx.gnp_random_graph(80, 0.08, seed=1))
    counts = [
        detected_communities(graph.firms, graph.union(), GraphSpec(community_resolution=resolution)).count
        for resolution in (0.1, 1.0, 4.0)
    ]
    assert counts[0] < counts[1] < counts[2]
