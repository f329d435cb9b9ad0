"""Centralities, triangles, cores and path lengths: networkx's numbers, hand-computed cases, degenerate graphs."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models import centrality, spectrum
from models.betweenness import betweenness
from models.centrality import eigenvector_centrality, katz, largest_component, pagerank
from models.cohesion import core_numbers, local_clustering, triangles
from models.upstream import upstream_lengths

STAR, PATH, TRIANGLE, RING = nx.star_graph(4), nx.path_graph(5), nx.complete_graph(3), nx.cycle_graph(6)


def ids(size):
    return np.array([f"f{place:04d}" for place in range(size)], dtype=np.str_)


def adjacency(drawn):
    return sp.csr_array(nx.to_scipy_sparse_array(drawn, nodelist=sorted(drawn), dtype=float, weight="weight"))


def in_order(values):
    return [values[node] for node in sorted(values)]


@st.composite
def graphs_of(draw, *, directed):
    drawn = nx.gnp_random_graph(
        draw(st.integers(1, 25)), draw(st.floats(0, 0.5)), seed=draw(st.integers(0, 999)), directed=directed
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    for _, _, edge in drawn.edges(data=True):
        edge["weight"] = float(rng.pareto(1.5) + 0.01)
    return drawn


undirected, directed = graphs_of(directed=False), graphs_of(directed=True)


def pattern(drawn):
    return sp.csr_array(nx.to_scipy_sparse_array(drawn, nodelist=sorted(drawn), dtype=float, weight=None))


@given(undirected)
def test_triangles_clustering_and_cores_are_those_of_networkx(drawn):
    assert triangles(pattern(drawn)).tolist() == in_order(nx.triangles(drawn))
    np.testing.assert_allclose(local_clustering(pattern(drawn)), in_order(nx.clustering(drawn)))
    assert core_numbers(pattern(drawn)).tolist() == in_order(nx.core_number(drawn))


def test_a_graph_with_hubs_has_the_cores_and_triangles_of_networkx():
    drawn = nx.barabasi_albert_graph(3000, 6, seed=2)
    assert triangles(pattern(drawn)).tolist() == in_order(nx.triangles(drawn))
    assert core_numbers(pattern(drawn)).tolist() == in_order(nx.core_number(drawn))
    messy = nx.gnm_random_graph(3000, 9000, seed=3)
    assert core_numbers(pattern(messy)).tolist() == in_order(nx.core_number(messy))


@given(undirected)
def test_betweenness_is_that_of_networkx(drawn):
    found = betweenness(pattern(drawn), ids(len(drawn)))
    np.testing.assert_allclose(found, in_order(nx.betweenness_centrality(drawn)), atol=1e-12)


@given(directed)
def test_pagerank_is_that_of_networkx(drawn):
    found = pagerank(adjacency(drawn))
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, in_order(nx.pagerank(drawn, tol=1e-14, max_iter=1000)), atol=1e-10)


@given(directed)
def test_katz_solves_its_equation_and_is_that_of_networkx(drawn):
    matrix = pattern(drawn)
    found = katz(matrix)
    if not matrix.nnz:
        assert found.tolist() == [1.0] * len(drawn)
        return
    dense = matrix.toarray()
    alpha = 0.85 / np.linalg.eigvalsh((dense + dense.T) / 2).max()
    assert alpha * np.abs(np.linalg.eigvals(dense)).max() < 0.8501
    np.testing.assert_allclose(found, np.linalg.solve(np.eye(len(drawn)) - alpha * dense.T, np.ones(len(drawn))))
    expected = nx.katz_centrality_numpy(drawn, alpha=alpha, normalized=False, weight=None)
    np.testing.assert_allclose(found, in_order(expected), rtol=1e-8)


@given(undirected)
def test_eigenvector_centrality_is_the_leading_vector_of_the_largest_component(drawn):
    found = eigenvector_centrality(pattern(drawn))
    members = largest_component(pattern(drawn))
    assert len(members) == max(map(len, nx.connected_components(drawn)))
    assert (np.delete(found, members) == 0).all()
    if len(members) < 2:
        assert (found == 0).all()
        return
    inside = pattern(drawn).toarray()[np.ix_(members, members)]
    assert np.linalg.norm(found) == pytest.approx(1)
    assert found[members].min() > 0
    np.testing.assert_allclose(inside @ found[members], np.linalg.eigvalsh(inside)[-1] * found[members], atol=1e-9)


def test_a_large_component_goes_through_lanczos():
    drawn = nx.barabasi_albert_graph(800, 3, seed=1)
    expected = in_order(nx.eigenvector_centrality_numpy(drawn))
    np.testing.assert_allclose(eigenvector_centrality(pattern(drawn)), np.abs(expected), atol=1e-9)


def test_where_lanczos_does_not_converge_power_iteration_and_row_sums_stand_in(monkeypatch):
    monkeypatch.setattr(spectrum, "DENSE", 1)
    monkeypatch.setattr(spectrum, "RESTARTS", 1)
    path = pattern(nx.path_graph(4000))
    found = eigenvector_centrality(path)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert found.min() > 0
    # The largest row sum is 2, hence alpha = .425: in the middle x = 1 / (1 - 2 alpha).
    assert katz(path)[2000] == pytest.approx(1 / 0.15)


def test_star_path_triangle_and_ring_by_hand():
    assert local_clustering(pattern(TRIANGLE)).tolist() == [1, 1, 1]
    assert local_clustering(pattern(STAR)).tolist() == [0] * 5
    assert core_numbers(pattern(STAR)).tolist() == [1] * 5
    assert core_numbers(pattern(RING)).tolist() == [2] * 6
    assert betweenness(pattern(STAR), ids(5)).tolist() == [1, 0, 0, 0, 0]
    # On a path of five the inner firms lie between 3, 4 and 3 of the 6 pairs of others.
    np.testing.assert_allclose(betweenness(pattern(PATH), ids(5)), [0, 3 / 6, 4 / 6, 3 / 6, 0])
    np.testing.assert_allclose(eigenvector_centrality(pattern(STAR)), np.array([2, 1, 1, 1, 1]) / np.sqrt(8))
    np.testing.assert_allclose(eigenvector_centrality(pattern(RING)), np.full(6, 1 / np.sqrt(6)))
    # On a ring alpha = .85 / 2 and x = 1 + .85 x.
    np.testing.assert_allclose(katz(pattern(RING)), np.full(6, 1 / 0.15))
    # a -> b: (A + A') / 2 has the eigenvalue 1/2, so alpha is 1.7; a has 1, b has 1 + 1.7.
    np.testing.assert_allclose(katz(pattern(nx.DiGraph([(0, 1)]))), [1, 2.7])
    # PageRank of a -> b: b has (1 + .85) times what a has, since both share what b is stuck with.
    np.testing.assert_allclose(pagerank(pattern(nx.DiGraph([(0, 1)]))), [1 / 2.85, 1.85 / 2.85])


def test_sampled_betweenness_is_near_the_exact_one_and_belongs_to_the_ids():
    drawn = nx.barabasi_albert_graph(600, 3, seed=4)
    exact = betweenness(pattern(drawn), ids(600))
    sampled = betweenness(pattern(drawn), ids(600), exact_firms=100, pivots=300)
    assert 0 < np.abs(sampled - exact).max() < 0.02
    assert np.corrcoef(sampled, exact)[0, 1] > 0.98
    order = np.random.default_rng(0).permutation(600)
    permuted = sp.csr_array(pattern(drawn)[order][:, order])
    found = betweenness(permuted, ids(600)[order], exact_firms=100, pivots=300)
    np.testing.assert_allclose(found, sampled[order], atol=1e-12)


@given(directed)
def test_the_longest_path_is_that_of_the_condensation_of_networkx(drawn):
    condensed = nx.condensation(drawn)
    longest, mean = upstream_lengths(adjacency(drawn))
    for component in nx.topological_sort(condensed):
        before = [condensed.nodes[p]["longest"] for p in condensed.predecessors(component)]
        condensed.nodes[component]["longest"] = 1 + max(before, default=-1)
    member = condensed.graph["mapping"]
    assert longest.tolist() == [condensed.nodes[member[node]]["longest"] for node in sorted(drawn)]
    assert ((mean <= longest + 1e-12) & (mean >= np.minimum(longest, 1) - 1e-12)).all()


@given(directed)
def test_the_mean_path_is_the_expected_length_of_a_walk_to_the_sources(drawn):
    matrix = adjacency(drawn).toarray()
    _, place = sp.csgraph.connected_components(matrix, directed=True, connection="strong")
    flows = np.zeros((place.max() + 1, place.max() + 1))
    np.add.at(flows, (place[:, None], place[None, :]), matrix)
    np.fill_diagonal(flows, 0)
    received = flows.sum(axis=0)
    back = np.divide(flows, received, out=np.zeros_like(flows), where=received > 0).T
    expected = np.linalg.solve(np.eye(len(back)) - back, (received > 0).astype(float))
    np.testing.assert_allclose(upstream_lengths(adjacency(drawn))[1], expected[place], atol=1e-10)


def test_upstream_lengths_by_hand():
    # a -> b -> c and a -> c: c is 2 at the longest; half its weight from a (1 step), half from b (2 steps).
    longest, mean = upstream_lengths(pattern(nx.DiGraph([(0, 1), (1, 2), (0, 2)])))
    assert (longest.tolist(), mean.tolist()) == ([0, 1, 2], [0, 1, 1.5])
    # A ring that nobody supplies is a source; firm 3 is one step from it, firm 4 alone.
    ring = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 3)])
    ring.add_node(4)
    longest, mean = upstream_lengths(pattern(ring))
    assert (longest.tolist(), mean.tolist()) == ([0, 0, 0, 1, 0], [0, 0, 0, 1, 0])


def test_suppliers_without_weight_count_alike_and_long_chains_are_followed():
    matrix = sp.csr_array((np.zeros(3), ([0, 1, 0], [1, 2, 2])), shape=(3, 3))
    assert upstream_lengths(matrix)[1].tolist() == [0, 1, 1.5]
    chain = sp.csr_array((np.ones(2999), (np.arange(2999), np.arange(1, 3000))), shape=(3000, 3000))
    longest, mean = upstream_lengths(chain)
    assert longest.tolist() == list(range(3000))
    np.testing.assert_allclose(mean, np.arange(3000))


@pytest.mark.parametrize("size", [0, 1, 2])
def test_without_edges_every_value_is_the_documented_one(size):
    empty = sp.csr_array((size, size))
    assert pagerank(empty).tolist() == [1 / max(size, 1)] * size
    assert katz(empty).tolist() == [1.0] * size
    longest, mean = upstream_lengths(empty)
    zeros = [eigenvector_centrality(empty), betweenness(empty, ids(size)), local_clustering(empty)]
    for values in (*zeros, core_numbers(empty), longest, mean):
        assert values.tolist() == [0] * size


def test_damping_and_share_act():
    edge = pattern(nx.DiGraph([(0, 1)]))
    assert pagerank(edge, damping=0.0).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(katz(edge, share=0.5), [1, 2.0])
    assert centrality.KATZ_SHARE < 1
