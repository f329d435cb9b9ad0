"""The mean over neighbours, held against plain arrays."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.message_passing import Neighbourhood


def plain_mean(receivers, values):
    hears = receivers.toarray() != 0
    return np.array([values[row].mean(axis=0) if row.any() else np.zeros(values.shape[1]) for row in hears])


@given(st.integers(1, 20), st.floats(0, 0.5), st.integers(0, 99), st.booleans())
def test_the_mean_is_that_of_plain_arrays(size, density, seed, directed):
    drawn = nx.gnp_random_graph(size, density, seed=seed, directed=directed)
    receivers = sp.csr_array(nx.to_scipy_sparse_array(drawn))
    values = np.random.default_rng(seed).normal(size=(size, 3))
    found = Neighbourhood(receivers).mean(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(found, plain_mean(receivers, values), atol=1e-12)


def test_a_row_is_the_firm_that_hears():
    receivers = sp.csr_array(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]]))
    found = Neighbourhood(receivers).mean(torch.tensor([[1.0], [2.0], [4.0]]))
    assert found.tolist() == [[3.0], [0.0], [0.0]]


def test_a_firm_that_hears_nobody_gets_zero_and_no_gradient_trouble():
    values = torch.ones(2, 1, requires_grad=True)
    Neighbourhood(sp.csr_array((2, 2))).mean(values).sum().backward()
    assert values.grad is None or values.grad.tolist() == [[0.0], [0.0]]


def test_gradients_flow_to_the_neighbours():
    receivers = sp.csr_array(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]]))
    values = torch.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    Neighbourhood(receivers).mean(values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0.0], [0.5], [0.5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_mean_keeps_the_kind_of_number_and_can_be_taken_again(dtype):
    neighbourhood = Neighbourhood(sp.csr_array(np.array([[0, 1], [1, 0]])))
    values = torch.tensor([[1.0], [2.0]], dtype=dtype)
    first, second = neighbourhood.mean(values), neighbourhood.mean(values)
    assert first.dtype == dtype
    assert first.tolist() == second.tolist() == [[2.0], [1.0]]
