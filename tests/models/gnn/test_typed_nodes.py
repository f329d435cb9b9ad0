"""Banks among the firms: nodes of another type have weights of their own."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.gnn.architectures import network
from models.gnn.blocks import Block
from models.gnn.network import Shape
from models.message_passing import Neighbourhood

SHAPE = Shape(3, 2, ("lent by", "lends to"), ("firm", "bank"))


@pytest.fixture
def block():
    # Four firms and two banks; banks have no features of their own and are told of by their firms.
    lending = np.zeros((6, 6))
    lending[[0, 1, 2, 2, 3], [4, 4, 4, 5, 5]] = 1
    both = sp.csr_array(lending + lending.T)
    sides = {"lent by": sp.csr_array(lending), "lends to": sp.csr_array(lending.T)}
    return Block(
        6,
        6,
        lambda: Neighbourhood(both),
        lambda: {name: Neighbourhood(side) for name, side in sides.items()},
        types=torch.tensor([0, 0, 0, 0, 1, 1]),
    )


@pytest.fixture
def values():
    drawn = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))
    drawn[4:] = 0
    return drawn


@pytest.mark.parametrize("kind", ["hgt", "gdan"])
def test_what_a_firm_says_reaches_another_through_their_bank(kind, block, values, described):
    torch.manual_seed(0)
    one = network(described(kind=kind), SHAPE).double().eval()
    moved = values.clone()
    moved[0] += 1.0
    changed = (one([block] * 2, values) - one([block] * 2, moved)).abs().amax(dim=1) > 1e-9
    assert changed.tolist() == [True, True, True, False, True, False]


@pytest.mark.parametrize("kind", ["hgt", "gdan"])
def test_a_gradient_reaches_the_weights_of_every_type(kind, block, values, described):
    torch.manual_seed(0)
    one = network(described(kind=kind), SHAPE).double()
    values[4:] = torch.eye(3)[:2]  # banks that are told apart are attended to differently
    (one([block] * 2, values) ** 2).sum().backward()
    by_type = [name for name, _ in one.named_parameters() if ".maps.1." in name]
    assert by_type
    for name, parameter in one.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", ["hgt", "gdan"])
def test_types_act(kind, block, values, described):
    torch.manual_seed(0)
    one = network(described(kind=kind), SHAPE).double().eval()
    alike = Block(6, 6, block.build_union, block.build_relations)
    assert (one([block] * 2, values) - one([alike] * 2, values)).abs().max() > 1e-6
