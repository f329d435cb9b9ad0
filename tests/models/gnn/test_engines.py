"""Both engines give the same, forward and backward, on every architecture."""

import pytest
import torch
from torch.nn import functional

from models import message_passing
from models.gnn.blocks import whole_graph
from models.message_passing import PLAIN

#: every primitive, so that DGL computes what it can and not only what it is fastest at
PRIMITIVES = frozenset(name for name in dir(PLAIN) if not name.startswith("_"))


@pytest.fixture
def both_ways(monkeypatch, first, drawn, inputs):
    """Return a function of engine and settings: outputs, gradient of the inputs, gradients of the parameters."""

    def compute(engine, spec):
        monkeypatch.setenv("CREDITNET_ENGINE", engine)
        if engine == "dgl":
            monkeypatch.setattr(message_passing, "DGL_IS_FASTEST", PRIMITIVES)
            monkeypatch.setattr(message_passing, "_WORTH_TELLING_DGL", 0)
        one, values = drawn(spec, first).float(), inputs(first.size).float().requires_grad_()
        outputs = one([whole_graph(first)] * spec.layers, values)
        functional.cross_entropy(outputs, torch.arange(first.size) % 3).backward()
        return {"outputs": outputs, "inputs": values.grad} | {n: p.grad for n, p in one.named_parameters()}

    return compute


@pytest.mark.dgl
def test_the_engines_agree_forward_and_backward(spec, both_ways):
    by_torch, by_dgl = (both_ways(engine, spec) for engine in ("torch", "dgl"))
    assert by_torch.keys() == by_dgl.keys()
    for name, found in by_torch.items():
        torch.testing.assert_close(
            by_dgl[name], found, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.dgl
def test_the_engine_asked_for_is_the_one_that_computes(both_ways, described, monkeypatch):
    class Called(Exception):
        """DGL was asked to compute."""

    def refuse(*_):
        raise Called

    monkeypatch.setattr(message_passing.DGL, "_called", refuse)
    both_ways("torch", described(kind="gcn"))
    with pytest.raises(Called):
        both_ways("dgl", described(kind="gcn"))
