"""Products of many rows are those of a linear map."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.gnn import products
from models.gnn.products import mapped, product


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("inputs", "outputs"), [(16, 16), (48, 32), (64, 3), (5, 64)])
def test_many_rows_give_what_a_linear_map_gives_and_its_gradients(inputs, outputs, bias):
    rows = products._MANY_ROWS + 7
    leaves = [drawn(rows, inputs), drawn(outputs, inputs, seed=1), *([drawn(outputs, seed=2)] if bias else [])]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    sent = drawn(rows, outputs, seed=3)
    found, expected = product(*leaves), functional.linear(*(leaf.double() for leaf in leaves))
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-5)
    gradients = torch.autograd.grad(found, leaves, sent)
    for one, other in zip(gradients, torch.autograd.grad(expected, leaves, sent.double()), strict=True):
        torch.testing.assert_close(one, other, atol=2e-2, rtol=1e-4)


def test_rows_of_other_layouts_are_understood():
    values, weight = drawn(16, products._MANY_ROWS).t(), drawn(16, 16, seed=1)
    torch.testing.assert_close(product(values, weight), functional.linear(values, weight), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_few_rows_and_other_precisions_are_the_linear_map_to_the_bit(dtype):
    for rows, kind in ((10, torch.float32), (products._MANY_ROWS, dtype)):
        values, linear = drawn(rows, 16).to(kind), nn.Linear(16, 16).to(kind)
        assert torch.equal(mapped(linear, values), linear(values))
