"""Numbers of a graph's shape, held against networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.communities import detected_communities
from models.corporate_graph import corporate_graph
from models.fingerprint import exact_root, part_digests
from models.graph_statistics import core_numbers, graph_statistics, local_clustering, node_statistics
from schemas.specs import GraphSpec
from schemas.terms import Quarter

random_graphs = st.builds(
    lambda n, p, seed: nx.gnp_random_graph(n, p, seed=seed),
    st.integers(1, 25),
    st.floats(0, 0.6),
    st.integers(0, 1000),
)


def statistics(graph):
    return graph_statistics(graph, detected_communities(graph.firms, graph.union(), GraphSpec()))


@given(random_graphs)
def test_clustering_and_cores_are_those_of_networkx(graphs, drawn):
    union = graphs.graph_from_networkx(drawn).union()
    np.testing.assert_allclose(local_clustering(union), [nx.clustering(drawn)[node] for node in sorted(drawn)])
    assert core_numbers(union).tolist() == [nx.core_number(drawn)[node] for node in sorted(drawn)]


@given(random_graphs)
def test_counts_are_those_of_networkx(graphs, drawn):
    found = statistics(graphs.graph_from_networkx(drawn))
    assert found.firms == drawn.number_of_nodes()
    assert found.edges == drawn.number_of_edges()
    assert found.components == nx.number_connected_components(drawn)
    assert found.largest_component == max(map(len, nx.connected_components(drawn)))
    assert found.clustering == pytest.approx(nx.average_clustering(drawn))
    assert found.largest_core == max(nx.core_number(drawn).values())
    degrees = [degree for _, degree in drawn.degree]
    assert found.degree_quantiles["median"] == np.median(degrees)
    assert found.degree_quantiles["minimum"] == min(degrees)
    assert found.degree_quantiles["maximum"] == max(degrees)
    (relation,) = found.relations
    assert relation.isolated_firms == nx.number_of_isolates(drawn)
    assert relation.mean_degree == pytest.approx(np.mean(degrees))
    assert relation.largest_degree == max(degrees)
    assert relation.weight_total == pytest.approx(drawn.number_of_edges())


def test_the_small_world_in_numbers(world):
    graph = corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 2).end)
    found = statistics(graph)
    assert (found.firms, found.edges, found.features) == (30, 55, 6)
    assert (found.components, found.largest_component) == (2, 29)
    assert str(found.quarter) == "2023Q2"
    assert found.fingerprint == exact_root(part_digests(graph))
    ownership, supply = found.relations
    assert (ownership.relation, ownership.edges, ownership.weight_total) == ("ownership", 6, pytest.approx(3.41))
    assert (ownership.isolated_firms, ownership.largest_degree) == (22, 2)
    assert supply.mean_degree == pytest.approx(2 * 49 / 30)


def test_degrees_by_direction_counted_by_hand(graphs):
    graph = graphs.graph_of(
        list("abcd"), {"supply": [("a", "b"), ("a", "c")], "links": [("b", "c")]}, undirected=["links"]
    )
    found = node_statistics(graph)
    assert {name: values.tolist() for name, values in found.items()} == {
        "links: partners": [0, 1, 1, 0],
        "supply: partners out": [2, 0, 0, 0],
        "supply: partners in": [0, 1, 1, 0],
        "clustering": [1, 1, 1, 0],
        "core number": [2, 2, 2, 0],
    }


def test_a_graph_without_edges_has_numbers_too(graphs):
    found = statistics(graphs.graph_of(["a", "b"], {"supply": []}))
    assert (found.edges, found.components, found.clustering, found.largest_core) == (0, 2, 0.0, 0)
    assert (found.communities, found.modularity) == (2, 0.0)
