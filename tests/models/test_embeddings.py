"""Embeddings: what they find, that they belong to ids, and that nothing degenerate breaks them."""

import dataclasses
import itertools

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.embeddings import embedding
from models.firm_streams import firm_keys, uniforms
from models.laplacians import renormalised_adjacency
from models.random_walks import meetings, positive_pmi, walks
from models.spectrum import leading_eigenpairs, with_fixed_signs
from schemas.structure import EmbeddingSpec, FastRPSpec, Node2VecSpec, SpectralSpec

SPECS = [
    SpectralSpec(dimensions=6),
    SpectralSpec(dimensions=6, unit_rows=True, regularisation=1.0, without_first=True),
    Node2VecSpec(dimensions=6, walks=4, length=10),
    Node2VecSpec(dimensions=6, walks=4, length=10, p=0.25, q=4),
    FastRPSpec(dimensions=24),
]
each_spec = pytest.mark.parametrize("spec", SPECS, ids=["spectral", "regularised", "deepwalk", "node2vec", "fastrp"])


def shuffled(graph, order):
    # Rows in another order, which `corporate_graph` itself never builds.
    place = np.argsort(order)
    relations = {}
    for name, relation in graph.relations.items():
        matrix = sp.csr_array(relation.matrix()[order][:, order])
        matrix.sort_indices()
        relations[name] = dataclasses.replace(
            relation,
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int64),
            weights=matrix.data,
        )
    assert (graph.firms[order][place] == graph.firms).all()
    return dataclasses.replace(graph, firms=graph.firms[order], relations=relations, features=graph.features[order])


def communities(seed=0):
    return nx.stochastic_block_model([30, 30, 30], [[0.3, 0.02, 0.02], [0.02, 0.3, 0.02], [0.02, 0.02, 0.3]], seed=seed)


@each_spec
def test_the_same_graph_and_spec_give_the_same_coordinates(graphs, spec):
    graph = graphs.graph_from_networkx(communities())
    np.testing.assert_array_equal(embedding(graph, spec), embedding(graph, spec))


@each_spec
@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_permuting_firms_permutes_the_coordinates(graphs, spec, seed):
    graph = graphs.graph_from_networkx(nx.gnp_random_graph(30, 0.12, seed=seed))
    order = np.random.default_rng(seed).permutation(graph.size)
    np.testing.assert_allclose(embedding(shuffled(graph, order), spec), embedding(graph, spec)[order], atol=1e-8)


@each_spec
def test_firms_of_a_community_lie_nearer_each_other(graphs, spec):
    coordinates = embedding(graphs.graph_from_networkx(communities()), spec)
    group = np.repeat(np.arange(3), 30)
    unit = coordinates / np.linalg.norm(coordinates, axis=1, keepdims=True)
    if spec.kind == "spectral":
        unit = coordinates[:, 1:3] / np.linalg.norm(coordinates[:, 1:3], axis=1, keepdims=True)
    alike = unit @ unit.T
    same = group[:, None] == group[None, :]
    assert alike[same].mean() > alike[~same].mean() + 0.3


@each_spec
def test_a_firm_that_joins_alone_changes_nobody(graphs, spec):
    edges = [(f"f{a:03d}", f"f{b:03d}") for a, b in communities().edges]
    firms = [f"f{place:03d}" for place in range(90)]
    before = embedding(graphs.graph_of(firms, {"s": edges}, undirected=["s"]), spec)
    joined = graphs.graph_of(["a new one", *firms], {"s": edges}, undirected=["s"])
    after = embedding(joined, spec)
    assert (after[0] == 0).all()
    np.testing.assert_allclose(after[1:], before, atol=1e-8)


@each_spec
@pytest.mark.parametrize(
    ("firms", "edges"),
    [(["a"], []), (["a", "b"], []), (list("abc"), [("a", "b")]), (list("abc"), [("a", "b"), ("b", "c"), ("c", "a")])],
    ids=["one firm", "no edges", "one edge and one alone", "a ring"],
)
def test_graphs_with_next_to_nothing_are_finite_and_zero_where_nothing_is(graphs, spec, firms, edges):
    graph = graphs.graph_of(firms, {"supply": edges})
    found = embedding(graph, spec)
    assert found.shape == (len(firms), spec.dimensions)
    assert np.isfinite(found).all()
    assert (found[np.diff(graph.union().indptr) == 0] == 0).all()


@pytest.mark.parametrize("spec", SPECS[2:], ids=["deepwalk", "node2vec", "fastrp"])
def test_another_seed_gives_other_coordinates(graphs, spec):
    graph = graphs.graph_from_networkx(communities())
    assert np.abs(embedding(graph, spec) - embedding(graph, spec.model_copy(update={"seed": 1}))).max() > 0.01


def test_spectral_coordinates_are_eigenvectors_and_the_first_is_the_root_of_degree(graphs):
    drawn = nx.connected_watts_strogatz_graph(60, 4, 0.3, seed=5)
    graph = graphs.graph_from_networkx(drawn)
    found = embedding(graph, SpectralSpec(dimensions=5))
    matrix = renormalised_adjacency(graph.union()).toarray()
    values = np.linalg.eigvalsh(matrix)[::-1][:5]
    np.testing.assert_allclose(matrix @ found, found * values, atol=1e-10)
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-10)
    first = np.sqrt(np.array([degree + 1 for _, degree in sorted(drawn.degree)]))
    np.testing.assert_allclose(found[:, 0], first / np.linalg.norm(first))


def test_spectral_options_act(graphs):
    graph = graphs.graph_from_networkx(communities())
    plain = embedding(graph, SpectralSpec(dimensions=4))
    unit = embedding(graph, SpectralSpec(dimensions=4, unit_rows=True))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)
    np.testing.assert_allclose(unit, plain / np.linalg.norm(plain, axis=1, keepdims=True))
    later = embedding(graph, SpectralSpec(dimensions=3, without_first=True))
    np.testing.assert_allclose(later, plain[:, 1:], atol=1e-10)
    regular = embedding(graph, SpectralSpec(dimensions=4, regularisation=0.5))
    looped = graph.union().toarray() + np.eye(graph.size)
    degrees = looped.sum(axis=1) + 0.5 * (looped.sum(axis=1) - 1).mean()
    matrix = looped / np.sqrt(np.outer(degrees, degrees))
    values = np.linalg.eigvalsh(matrix)[::-1][:4]
    np.testing.assert_allclose(matrix @ regular, regular * values, atol=1e-9)
    assert np.abs(regular - plain).max() > 0.01


def test_spectral_coordinates_do_not_depend_on_what_firms_are_called(graphs):
    drawn = nx.connected_watts_strogatz_graph(60, 4, 0.3, seed=5)
    order = np.random.default_rng(1).permutation(60)
    found = embedding(graphs.graph_from_networkx(drawn), SpectralSpec(dimensions=5))
    renamed = nx.relabel_nodes(drawn, dict(enumerate(order.tolist())))
    other = embedding(graphs.graph_from_networkx(renamed), SpectralSpec(dimensions=5))
    np.testing.assert_allclose(other[order], found, atol=1e-8)


def test_lanczos_finds_what_the_dense_solver_finds(monkeypatch):
    matrix = renormalised_adjacency(sp.csr_array(nx.to_scipy_sparse_array(communities(), dtype=float)))
    start = uniforms(firm_keys(np.array([f"f{k}" for k in range(90)]), 0), np.array(0, dtype=np.uint64)) - 0.5
    dense = leading_eigenpairs(matrix, 4, start)
    monkeypatch.setattr("models.spectrum.DENSE", 1)
    values, vectors = leading_eigenpairs(matrix, 4, start)
    np.testing.assert_allclose(values, dense[0], atol=1e-10)
    np.testing.assert_allclose(with_fixed_signs(vectors), with_fixed_signs(dense[1]), atol=1e-8)


def test_signs_are_fixed_whichever_vector_the_solver_returns():
    rng = np.random.default_rng(0)
    vectors = np.column_stack([rng.normal(size=(6, 3)), [1, -1, 0, 0, 1, -1]])
    np.testing.assert_array_equal(with_fixed_signs(-vectors), with_fixed_signs(vectors))
    assert with_fixed_signs(-vectors)[0, 3] == 1
    assert with_fixed_signs(np.empty((0, 2))).shape == (0, 2)


def test_walks_follow_edges_start_at_home_and_stay_where_nothing_leads_away():
    drawn = nx.gnp_random_graph(40, 0.05, seed=2)
    union = sp.csr_array(nx.to_scipy_sparse_array(drawn, dtype=float))
    keys = firm_keys(np.array([f"f{place}" for place in range(40)]), 0)
    visited = walks(union, keys, number=0, length=15, return_weight=4.0, outward_weight=0.25)
    assert visited[:, 0].tolist() == list(range(40))
    for walk in visited.tolist():
        for here, there in itertools.pairwise(walk):
            assert drawn.has_edge(here, there) or (here == there and drawn.degree(here) == 0)


def test_p_and_q_have_the_probabilities_of_the_paper():
    # From 0 a walk goes to 1; there it may return to 0, go to 2 (a partner of 0) or on to 3.
    size = 30_000
    part = np.array([[0, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]], dtype=float)
    union = sp.csr_array(sp.block_diag([sp.coo_array(part)] * (size // 4)))
    keys = firm_keys(np.array([str(place) for place in range(size)]), 0)
    visited = walks(union, keys, number=0, length=3, return_weight=2.0, outward_weight=0.5)
    chosen = visited[(visited[:, 0] % 4 == 0) & (visited[:, 1] % 4 == 1)]
    shares = np.bincount(chosen[:, 2] % 4, minlength=4) / len(chosen)
    np.testing.assert_allclose(shares, np.array([2, 0, 1, 0.5]) / 3.5, atol=0.03)


def test_meetings_and_their_information_by_hand():
    visited = np.array([[0, 1, 2]])
    visited = np.vstack([visited, [1, 1, 1], [2, 2, 2]])
    assert meetings(visited, 1).toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert meetings(visited, 5).toarray().tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    # 4 meetings, 1 of 0 and 2 of 1: log(1 * 4 / (1 * 2)) = log 2.
    found = positive_pmi(meetings(visited, 1)).toarray()
    np.testing.assert_allclose(found, np.log(2) * np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))


def test_the_projection_keeps_inner_products_on_average():
    # One firm with 20,000 draws: mean 0, variance 1, two thirds are 0.
    chance = uniforms(firm_keys(np.array(["a"]), 0)[:, None], np.arange(20_000, dtype=np.uint64)[None, :])
    drawn = np.sqrt(3) * ((chance < 1 / 6).astype(float) - (chance >= 5 / 6))
    assert abs(drawn.mean()) < 0.03
    assert drawn.var() == pytest.approx(1, abs=0.04)


def test_the_stream_of_a_firm_is_its_own():
    keys = firm_keys(np.array(["a", "b", "c"]), 0)
    assert len(set(keys.tolist())) == 3
    assert firm_keys(np.array(["b"]), 0)[0] == keys[1]
    assert firm_keys(np.array(["b"]), 1)[0] != keys[1]
    draws = uniforms(keys[:, None], np.arange(10_000, dtype=np.uint64)[None, :])
    assert 0 <= draws.min() < draws.max() < 1
    np.testing.assert_allclose(np.histogram(draws, 10, (0, 1))[0] / draws.size, 0.1, atol=0.01)
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.05


def test_fastrp_options_act(graphs):
    graph = graphs.graph_from_networkx(communities())
    plain = embedding(graph, FastRPSpec(power_weights=(1.0,), degree_exponent=0))
    assert np.abs(plain - embedding(graph, FastRPSpec(power_weights=(1.0,), degree_exponent=-1))).max() > 0.01
    np.testing.assert_allclose(embedding(graph, FastRPSpec(power_weights=(2.0,), degree_exponent=0)), 2 * plain)
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1)


def test_a_spec_is_read_by_its_kind_and_refuses_what_makes_no_sense():
    adapter = TypeAdapter(EmbeddingSpec)
    assert adapter.validate_python({"kind": "fastrp", "dimensions": 8}) == FastRPSpec(dimensions=8)
    for wrong in ({"kind": "fastrp", "p": 1}, {"kind": "node2vec", "p": 0}, {"kind": "spectral", "dimensions": 0}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
