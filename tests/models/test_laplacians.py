"""Laplacians: networkx's numbers, hand-computed cases and the spectra that theory promises."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.laplacians import (
    combinatorial_laplacian,
    normalised_laplacian,
    random_walk_laplacian,
    renormalised_adjacency,
    transition_matrix,
)

ALL = [combinatorial_laplacian, normalised_laplacian, random_walk_laplacian, renormalised_adjacency, transition_matrix]


@st.composite
def weighted_graphs(draw):
    drawn = nx.gnp_random_graph(draw(st.integers(1, 15)), draw(st.floats(0, 0.7)), seed=draw(st.integers(0, 500)))
    rng = np.random.default_rng(draw(st.integers(0, 500)))
    for _, _, edge in drawn.edges(data=True):
        edge["weight"] = float(rng.uniform(0.1, 5))
    return drawn, sp.csr_array(nx.to_scipy_sparse_array(drawn, nodelist=sorted(drawn), dtype=float))


@given(weighted_graphs())
def test_two_laplacians_are_those_of_networkx(pair):
    drawn, adjacency = pair
    nodes = sorted(drawn)
    found = combinatorial_laplacian(adjacency).toarray()
    np.testing.assert_allclose(found, nx.laplacian_matrix(drawn, nodes).toarray(), atol=1e-12)
    found = normalised_laplacian(adjacency).toarray()
    np.testing.assert_allclose(found, nx.normalized_laplacian_matrix(drawn, nodes).toarray(), atol=1e-12)


@given(weighted_graphs())
def test_spectra_lie_where_theory_puts_them(pair):
    drawn, adjacency = pair
    flat = np.linalg.eigvalsh(combinatorial_laplacian(adjacency).toarray())
    assert (np.abs(flat) < 1e-9).sum() == nx.number_connected_components(drawn)
    normalised = np.linalg.eigvalsh(normalised_laplacian(adjacency).toarray())
    assert normalised.min() > -1e-9
    assert normalised.max() < 2 + 1e-9
    walk = np.sort(np.linalg.eigvals(random_walk_laplacian(adjacency).toarray()).real)
    np.testing.assert_allclose(walk, normalised, atol=1e-6)
    renormalised = np.linalg.eigvalsh(renormalised_adjacency(adjacency).toarray())
    assert renormalised.min() > -1
    assert renormalised.max() == pytest.approx(1)


def test_a_path_of_three_by_hand():
    path = sp.csr_array(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float))
    half, sixth = np.sqrt(0.5), 1 / np.sqrt(6)
    assert combinatorial_laplacian(path).toarray().tolist() == [[1, -1, 0], [-1, 2, -1], [0, -1, 1]]
    np.testing.assert_allclose(normalised_laplacian(path).toarray(), [[1, -half, 0], [-half, 1, -half], [0, -half, 1]])
    np.testing.assert_allclose(random_walk_laplacian(path).toarray(), [[1, -1, 0], [-0.5, 1, -0.5], [0, -1, 1]])
    expected = [[1 / 2, sixth, 0], [sixth, 1 / 3, sixth], [0, sixth, 1 / 2]]
    np.testing.assert_allclose(renormalised_adjacency(path).toarray(), expected)


def test_a_firm_without_partners_has_rows_of_zeros_and_a_loop_of_its_own():
    alone = sp.csr_array((1, 1))
    for matrix in (combinatorial_laplacian, normalised_laplacian, random_walk_laplacian, transition_matrix):
        assert matrix(alone).toarray().tolist() == [[0]]
    assert renormalised_adjacency(alone).toarray().tolist() == [[1]]


@pytest.mark.parametrize("matrix", ALL)
@given(pair=weighted_graphs(), seed=st.integers(0, 100))
def test_permuting_firms_permutes_rows_and_columns(matrix, pair, seed):
    _, adjacency = pair
    order = np.random.default_rng(seed).permutation(adjacency.shape[0])
    permuted = sp.csr_array(adjacency[order][:, order])
    np.testing.assert_allclose(matrix(permuted).toarray(), matrix(adjacency).toarray()[order][:, order], atol=1e-12)
