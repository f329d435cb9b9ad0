"""Similar rows: block products against the plain definition."""

import numpy as np
import pytest
import scipy.sparse as sp

from models import similarity
from models.edges import edges_from_matrix
from models.similarity import above_cut_off, nearest_rows, unit_rows


@pytest.fixture
def vectors():
    return np.random.default_rng(3).normal(size=(57, 6))


def cosines(vectors):
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors @ vectors.T / np.outer(lengths, lengths)


@pytest.mark.parametrize("block", [1, 7, 57, 100])
def test_the_block_size_changes_nothing(vectors, block, monkeypatch):
    whole = above_cut_off(unit_rows(vectors), 0.3)
    monkeypatch.setattr(similarity, "_BLOCK", block)
    np.testing.assert_allclose(above_cut_off(unit_rows(vectors), 0.3).toarray(), whole.toarray(), atol=1e-6)


def test_a_cut_off_keeps_the_pairs_at_or_above_it(vectors):
    kept = above_cut_off(unit_rows(vectors), 0.4).toarray()
    expected = cosines(vectors)
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(kept > 0, expected >= 0.4)
    np.testing.assert_allclose(kept[kept > 0], expected[kept > 0], atol=1e-6)


def test_nearest_rows_are_the_most_similar_ones_and_symmetric(vectors):
    found = nearest_rows(unit_rows(vectors), 3).toarray()
    expected = cosines(vectors)
    np.fill_diagonal(expected, -np.inf)
    for row in range(len(vectors)):
        for column in np.argsort(-expected[row])[:3]:
            if expected[row, column] > 0:
                assert found[row, column] > 0
    np.testing.assert_array_equal(found, found.T)


def test_a_row_of_zeros_is_like_nothing():
    units = unit_rows(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    assert not np.isnan(units).any()
    assert nearest_rows(units, 2).toarray()[0].sum() == 0


def test_more_neighbours_than_rows_are_all_rows():
    units = unit_rows(np.array([[1.0, 0.1], [1.0, 0.0], [1.0, 0.2]]))
    assert nearest_rows(units, 99).nnz == 6


@pytest.mark.parametrize("block", [5, 19, 64])
def test_a_cut_off_finds_exactly_the_pairs_of_a_full_product(block, monkeypatch):
    # Whole numbers have exact products, so that the comparison with the cut-off has one answer.
    units = np.random.default_rng(8).integers(-2, 3, size=(60, 4)).astype(np.float32)
    monkeypatch.setattr(similarity, "_BLOCK", block)
    found = above_cut_off(units, 3.0)
    expected = units @ units.T
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(found.toarray(), np.where(expected >= 3, expected, 0))


def test_one_row_is_like_no_other():
    assert above_cut_off(unit_rows(np.array([[1.0, 2.0]])), 0.5).nnz == 0


def test_edges_of_a_matrix_leave_out_the_diagonal_and_zeros_and_leave_the_matrix_alone():
    matrix = sp.csr_array(([4.0, 1.0, 0.0, 2.0], [2, 0, 1, 0], [0, 3, 4, 4]), shape=(3, 3))
    edges = edges_from_matrix(matrix, directed=True)
    assert (edges.indptr.tolist(), edges.indices.tolist(), edges.weights.tolist()) == ([0, 1, 2, 2], [2, 0], [4.0, 2.0])
    assert matrix.indices.tolist() == [2, 0, 1, 0]
