"""Numbers of a graph's shape, held against networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.communities import detected_communities
from models.corporate_graph import corporate_graph
from models.fingerprint import exact_root, part_digests
from models.graph_statistics import (
    SPECTRAL_HEAD,
    core_numbers,
    degree_tails,
    graph_statistics,
    local_clustering,
    node_statistics,
    spectral_head,
)
from schemas.results import Homophily
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


@given(random_graphs)
def test_the_spectral_head_is_that_of_the_dense_matrix(graphs, drawn):
    graph = graphs.graph_from_networkx(drawn)
    found = spectral_head(graph.union(), graph.firms)
    if not drawn.number_of_edges():
        assert found == ()
        return
    # Of several components of the same size, that of the first firm.
    members = max(nx.connected_components(drawn), key=lambda nodes: (len(nodes), -min(nodes)))
    looped = nx.to_numpy_array(drawn.subgraph(members)) + np.eye(len(members))
    root = np.diag(looped.sum(axis=1) ** -0.5)
    expected = np.sort(np.linalg.eigvalsh(root @ looped @ root))[::-1][:SPECTRAL_HEAD]
    assert found == pytest.approx(tuple(expected), abs=2e-6)
    assert found[0] == pytest.approx(1)


def test_the_structural_fingerprint_does_not_know_the_firms_by_name(graphs):
    drawn = nx.barabasi_albert_graph(400, 3, seed=1)
    renamed = nx.relabel_nodes(drawn, dict(zip(range(400), np.random.default_rng(0).permutation(400), strict=True)))
    first, second = (statistics(graphs.graph_from_networkx(one)) for one in (drawn, renamed))
    assert first.fingerprint != second.fingerprint
    assert first.structure.quantiles == second.structure.quantiles
    assert first.structure.spectral_head == pytest.approx(second.structure.spectral_head, abs=2e-6)
    assert len(first.structure.spectral_head) == SPECTRAL_HEAD


def test_nearly_separate_parts_show_at_the_head_of_the_spectrum(graphs):
    cliques = nx.disjoint_union_all([nx.complete_graph(12)] * 3)
    cliques.add_edges_from([(0, 12), (12, 24)])
    found = statistics(graphs.graph_from_networkx(cliques)).structure
    assert [value > 0.9 for value in found.spectral_head[:4]] == [True, True, True, False]
    assert found.community_sizes == dict.fromkeys(found.community_sizes, 12)


def test_the_fingerprint_carries_the_homophily_it_is_given(graphs):
    graph = graphs.graph_of(["a", "b"], {"supply": [("a", "b")]})
    row = Homophily(relation="supply", attribute="region", edges=1, value=None)
    communities = detected_communities(graph.firms, graph.union(), GraphSpec())
    assert graph_statistics(graph, communities, (row,)).structure.homophily == (row,)
    assert statistics(graph).structure.homophily == ()


def test_tails_are_those_of_all_relations_and_of_each_direction(graphs):
    graph = graphs.graph_of(
        list("abcd"), {"supply": [("a", "b"), ("a", "c")], "links": [("b", "c")]}, undirected=["links"]
    )
    found = {one.name: (one.values, one.shares) for one in degree_tails(graph)}
    assert found == {
        "all relations: partners": ((2,), (0.75,)),
        "links: partners": ((1,), (0.5,)),
        "supply: partners out": ((2,), (0.25,)),
        "supply: partners in": ((1,), (0.5,)),
    }
