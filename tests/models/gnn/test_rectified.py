"""The activation is relu to the bit, in whatever memory."""

import pytest
import torch

from models import buffers
from models.gnn.rectified import rectified


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("least", [1, 2**40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_results_and_gradients_are_those_of_relu(dtype, least, turned, monkeypatch):
    monkeypatch.setattr(buffers, "_WORTH_HUGE_PAGES", least)
    values = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    values[0, :3] = torch.tensor([0.0, float("nan"), float("inf")])
    values = (values.t() if turned else values).requires_grad_()
    sent = torch.arange(36, dtype=dtype).reshape(6, 6)
    found, expected = rectified(values), torch.relu(values)
    assert torch.equal(found.nan_to_num(), expected.nan_to_num())
    assert found.isnan().sum() == 1
    (one,), (other,) = (torch.autograd.grad(result, values, sent) for result in (found, expected))
    assert torch.equal(one, other)
    assert (found.data_ptr() in buffers._held) == (least == 1 and dtype != torch.bfloat16)
