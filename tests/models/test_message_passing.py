"""The primitives: three engines that agree, held against plain arrays."""

import importlib.util
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import engine as choice
from models import message_passing
from models.csr import Csr
from models.engine import ENGINES
from models.message_passing import DGL, LOOPS, PLAIN, Neighbourhood, own_and_means, own_plus_means
from schemas.errors import SettingsError

OTHERS = [pytest.param(LOOPS, id="torch"), pytest.param(DGL, id="dgl", marks=pytest.mark.dgl)]


def adjacency(receivers, senders, density, seed):
    """Return who hears whom; some receivers hear nobody."""
    found = sp.random_array((receivers, senders), density=density, format="csr", rng=np.random.default_rng(seed))
    return Csr(found.indptr.astype(np.int64), found.indices.astype(np.int64), senders)


blocks = st.builds(
    lambda receivers, more, density, seed: adjacency(receivers, receivers + more, density, seed),
    st.integers(1, 12),
    st.integers(0, 8),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.integers(0, 99),
)


def drawn(*shape, seed):
    return torch.from_numpy(np.random.default_rng([seed, *shape]).normal(size=shape))


def asked(csr, width, heads, seed):
    """Return every primitive with arguments that fit."""
    s, r, m = csr.columns, csr.rows, csr.edges
    values, by_head = drawn(s, width, seed=seed), drawn(s, heads, width, seed=seed)
    edge, edge_heads = drawn(m, seed=seed), drawn(m, heads, seed=seed)
    return {
        "at_senders": (by_head,),
        "at_receivers": (drawn(r, width, seed=seed),),
        "edge_sum": (edge_heads,),
        "sum": (values,),
        "mean": (values,),
        "maximum": (values,),
        "weighted_sum": (values, edge),
        "weighted_sum by head": (by_head, edge_heads),
        "edge_softmax": (edge_heads,),
        "attended": (edge_heads, by_head),
        "additive_attention": (drawn(r, heads, seed=seed), drawn(s, heads, seed=seed + 1), by_head, 0.2),
        "dimension_attention": (drawn(s, width, seed=seed + 1), values),
        "dimension_attention far apart": (500 * drawn(s, width, seed=seed + 1), values),
    }


PRIMITIVES = list(asked(adjacency(1, 1, 0, 0), 1, 1, 0))


def both_ways(engine, primitive, csr, args, dtype=torch.float64):
    """Return the result and the gradients of a weighted sum of it."""
    leaves = [one.to(dtype).requires_grad_() if isinstance(one, torch.Tensor) else one for one in args]
    result = getattr(engine, primitive.split(" ")[0])(csr, *leaves)
    weights = drawn(*result.shape, seed=7).to(dtype)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    gradients = torch.autograd.grad((result * weights).sum(), tensors, allow_unused=True)
    found = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(tensors, gradients, strict=True)]
    return [result.detach(), *found]


@pytest.mark.parametrize("primitive", PRIMITIVES)
@pytest.mark.parametrize("engine", OTHERS)
@given(csr=blocks, width=st.integers(1, 20), heads=st.integers(1, 3), seed=st.integers(0, 99))
def test_engines_agree_forward_and_backward(engine, primitive, csr, width, heads, seed):
    args = asked(csr, width, heads, seed)[primitive]
    for found, expected in zip(
        both_ways(engine, primitive, csr, args), both_ways(PLAIN, primitive, csr, args), strict=True
    ):
        assert found.dtype == expected.dtype == torch.float64
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("primitive", PRIMITIVES)
@pytest.mark.parametrize("engine", OTHERS)
def test_engines_agree_in_single_precision(engine, primitive):
    csr = adjacency(50, 70, 0.1, 0)
    args = asked(csr, 16, 4, 0)[primitive]
    args = [one.float() if isinstance(one, torch.Tensor) else one for one in args]
    plain = both_ways(PLAIN, primitive, csr, args, torch.float64)
    for found, expected in zip(both_ways(engine, primitive, csr, args, torch.float32), plain, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_gradients_are_those_of_finite_differences(primitive):
    csr = adjacency(5, 7, 0.4, 1)
    args = asked(csr, 3, 2, 0)[primitive]
    if primitive.endswith("far apart"):
        # Scores of thousands have differences of nothing; a column that is merely wide takes the same loop.
        args = (args[0] / 500 + torch.tensor([0.0, 400, 0, 0, 0, 0, 0])[:, None], args[1])
    leaves = [one.double().requires_grad_() if isinstance(one, torch.Tensor) else one for one in args]
    assert torch.autograd.gradcheck(
        lambda *given: getattr(LOOPS, primitive.split(" ")[0])(csr, *given), leaves, atol=1e-6
    )


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_the_number_of_threads_changes_no_bit(primitive):
    csr = adjacency(3000, 4000, 0.005, 0)
    args = asked(csr, 16, 2, 0)[primitive]
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(both_ways(LOOPS, primitive, csr, args, torch.float32))
    finally:
        torch.set_num_threads(before)
    for one, two, five in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, five)


def test_loops_may_run_in_several_threads_of_the_program():
    csr = adjacency(3000, 4000, 0.005, 0)
    values = drawn(4000, 64, seed=0)
    alone, found = LOOPS.sum(csr, values), {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: LOOPS.sum(csr, values)})) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[k], alone) for k in range(4))


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_rows_of_other_layouts_are_understood(primitive):
    csr = adjacency(6, 8, 0.4, 1)
    args = asked(csr, 4, 4, 0)[primitive]
    turned = [
        one.transpose(-1, -2).contiguous().transpose(-1, -2) if isinstance(one, torch.Tensor) and one.ndim > 1 else one
        for one in args
    ]
    for found, expected in zip(
        both_ways(LOOPS, primitive, csr, turned), both_ways(LOOPS, primitive, csr, args), strict=True
    ):
        torch.testing.assert_close(found, expected)


def sides_of(receivers, more, count, seed):
    return [adjacency(receivers, receivers + more, 0.1 * (1 + side), seed + side) for side in range(count)]


@pytest.mark.parametrize("primitive", ["own_and_means", "own_plus_means"])
@pytest.mark.parametrize("engine", OTHERS)
@given(
    receivers=st.integers(1, 12),
    more=st.integers(0, 8),
    count=st.integers(1, 3),
    width=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_engines_agree_on_several_sides_at_once(engine, primitive, receivers, more, count, width, seed):
    csrs = sides_of(receivers, more, count, seed)
    columns = width if primitive == "own_and_means" else (1 + count) * width
    args = (drawn(receivers + more, columns, seed=seed),)
    for found, expected in zip(
        both_ways(engine, primitive, csrs, args), both_ways(PLAIN, primitive, csrs, args), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("primitive", ["own_and_means", "own_plus_means"])
def test_the_number_of_threads_changes_no_bit_of_several_sides(primitive):
    csrs, values = sides_of(900, 100, 2, 0), drawn(1000, 48, seed=0)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(both_ways(LOOPS, primitive, csrs, (values,), torch.float32))
    finally:
        torch.set_num_threads(before)
    for one, two, five in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, five)


@pytest.mark.parametrize("weighted", [False, True])
def test_several_sides_at_once_are_each_side_by_itself(weighted):
    sides = [
        Neighbourhood.of(csr, importance=drawn(csr.edges, seed=side).exp() if weighted else None)
        for side, csr in enumerate(sides_of(7, 3, 2, 0))
    ]
    values = drawn(10, 6, seed=0)
    first, second, third = values.split(2, dim=1)
    torch.testing.assert_close(own_plus_means(sides, values), first[:7] + sides[0].mean(second) + sides[1].mean(third))
    torch.testing.assert_close(
        own_and_means(sides, values), torch.cat([values[:7], sides[0].mean(values), sides[1].mean(values)], dim=1)
    )


def test_precisions_that_the_loops_do_not_take_go_the_plain_way():
    csr = adjacency(6, 8, 0.4, 1)
    values = drawn(8, 4, seed=0).bfloat16()
    assert torch.equal(LOOPS.sum(csr, values), PLAIN.sum(csr, values))
    counts = torch.arange(8)[:, None]
    assert LOOPS.sum(csr, counts).dtype == torch.int64


def test_scores_that_differ_by_hundreds_leave_every_receiver_its_own_softmax():
    # Receiver 0 hears senders 0 and 1, whose scores are far below that of sender 2, whom only receiver 1 hears.
    csr = Csr(np.array([0, 2, 3]), np.array([0, 1, 2]), 3)
    scores = torch.tensor([[-900.0], [-900.0], [900.0]])
    found = LOOPS.dimension_attention(csr, scores, torch.tensor([[1.0], [3.0], [5.0]]))
    assert found.tolist() == [[2.0], [5.0]]


def test_an_infinite_or_missing_score_spoils_only_its_own_receivers():
    csr = Csr(np.array([0, 1, 2]), np.array([0, 1]), 2)
    found = LOOPS.dimension_attention(csr, torch.tensor([[float("nan")], [1.0]]), torch.tensor([[1.0], [3.0]]))
    assert found[0, 0].isnan()
    assert found[1, 0] == 3.0


def test_the_first_of_equals_gets_the_gradient_of_the_maximum():
    csr = Csr(np.array([0, 2]), np.array([1, 0]), 2)
    values = torch.ones(2, 1, requires_grad=True)
    LOOPS.maximum(csr, values).sum().backward()
    assert values.grad.tolist() == [[0.0], [1.0]]


def test_weights_are_put_in_the_order_of_the_way_back_once_and_anew_when_they_change():
    csr = Csr(np.array([0, 2, 3]), np.array([0, 1, 0]), 2)
    weights, values = torch.tensor([2.0, 3.0, 5.0]), torch.ones(2, 1, requires_grad=True)
    turned = csr.turned

    def gradient():
        return torch.autograd.grad(LOOPS.weighted_sum(csr, values, weights).sum(), values)[0].squeeze(1).tolist()

    assert gradient() == [7.0, 3.0]
    kept = turned.reordered(weights)
    assert kept.tolist() == [2.0, 5.0, 3.0]
    assert gradient() == [7.0, 3.0]
    assert turned.reordered(weights) is kept
    weights[2] = 6
    assert gradient() == [8.0, 3.0]
    assert turned.reordered(weights) is not kept
    assert turned.reordered(weights.clone()).tolist() == [2.0, 6.0, 3.0]


def test_two_edges_between_the_same_firms_count_twice():
    csr = Csr(np.array([0, 2]), np.array([0, 0]), 1)
    values = torch.tensor([[3.0]], requires_grad=True)
    LOOPS.maximum(csr, values).sum().backward()
    assert values.grad.tolist() == [[1.0]]
    assert LOOPS.sum(csr, values).tolist() == [[6.0]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_is_the_firm_that_hears(engine, monkeypatch):
    if engine == "dgl":
        pytest.importorskip("dgl")
    monkeypatch.setenv("CREDITNET_ENGINE", engine)
    receivers = sp.csr_array(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]]))
    neighbourhood = Neighbourhood(receivers)
    values = torch.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    assert neighbourhood.mean(values).tolist() == [[3.0], [0.0], [0.0]]
    assert neighbourhood.sum(values).tolist() == [[6.0], [0.0], [0.0]]
    neighbourhood.mean(values).sum().backward()
    assert values.grad.tolist() == [[0.0], [0.5], [0.5]]
    assert neighbourhood.weights.tolist() == [1.0, 1.0]
    assert neighbourhood.receiver_degrees.tolist() == neighbourhood.sender_degrees.tolist() == [2, 0, 0]


@pytest.mark.dgl
def test_dgl_sums_large_graphs_where_it_is_the_engine(monkeypatch):
    called = []
    monkeypatch.setattr(message_passing, "_WORTH_TELLING_DGL", 2)
    monkeypatch.setattr(DGL, "sum", lambda csr, values: called.append(csr.edges) or LOOPS.sum(csr, values))
    receivers = sp.csr_array(np.array([[0, 1], [1, 0]]))
    for engine in ENGINES:
        monkeypatch.setenv("CREDITNET_ENGINE", engine)
        assert Neighbourhood(receivers).sum(torch.ones(2, 1)).tolist() == [[1.0], [1.0]]
    assert called == [2]
    monkeypatch.setenv("CREDITNET_ENGINE", "dgl")
    Neighbourhood(sp.csr_array(np.array([[0, 1], [0, 0]]))).sum(torch.ones(2, 1))
    assert called == [2], "a small graph is not worth telling DGL of"


def test_an_unknown_engine_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setenv("CREDITNET_ENGINE", "pyg")
    with pytest.raises(SettingsError) as refused:
        Neighbourhood(sp.csr_array((1, 1)))
    assert "CREDITNET_ENGINE=pyg" in str(refused.value)
    assert "dgl or torch" in refused.value.expected


def test_dgl_is_refused_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(choice, "_dgl_is_installed", lambda: False)
    monkeypatch.setenv("CREDITNET_ENGINE", "dgl")
    with pytest.raises(SettingsError) as refused:
        choice.engine_name()
    assert "torch" in refused.value.way_out
    monkeypatch.delenv("CREDITNET_ENGINE")
    assert choice.engine_name() == "torch"


@pytest.mark.skipif(importlib.util.find_spec("dgl") is not None, reason="dgl is installed")
def test_without_dgl_the_engine_is_torch(monkeypatch):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("dgl")
    monkeypatch.delenv("CREDITNET_ENGINE", raising=False)
    assert choice.engine_name() == "torch"


def test_the_torch_engine_never_imports_dgl():
    code = (
        "import sys, numpy as np, scipy.sparse as sp, torch\n"
        "from models.message_passing import Neighbourhood\n"
        "import models.message_passing as door\n"
        "door._WORTH_TELLING_DGL = 0\n"
        "assert Neighbourhood(sp.csr_array(np.eye(2))).sum(torch.ones(2, 1)).tolist() == [[1.0], [1.0]]\n"
        "assert 'dgl' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CREDITNET_ENGINE": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
