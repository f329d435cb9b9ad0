"""What every architecture keeps to, whatever it computes."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.candidates import fitted_candidate, restored_candidate
from models.fitted import FittingData, ModelContent
from models.gnn.blocks import side_names, whole_graph
from models.gnn.network import Shape
from schemas.specs import TrainingSpec


def permuted(graphs, graph, order):
    """Return the graph with firm number k renamed so that it comes at the place `order` gives it."""
    names = np.array([f"p{place:03d}" for place in np.argsort(order)])
    relations = {}
    for name, relation in graph.relations.items():
        edges = relation.matrix().tocoo()
        relations[name] = [
            (str(a), str(b), float(weight))
            for a, b, weight in zip(names[edges.row], names[edges.col], edges.data, strict=True)
        ]
    return graphs.graph_of(names.tolist(), relations, graph.features)


def small_world_data(graph, world):
    """Return the first quarter for fitting: energy and the loner are held out, a third of the others validates."""
    defaulted = np.isin(graph.firms, list(world.DEFAULTS["2023Q1"]))
    seen = np.array([firm[0] in "abc" for firm in graph.firms])
    validation = seen & (np.arange(graph.size) % 3 == 0)
    return FittingData(
        graph=graph,
        truth=np.where(seen, defaulted, -1).astype(np.int64),
        development=seen & ~validation,
        validation=validation,
        communities=np.array([firm[0] for firm in graph.firms]),
        classes=2,
        training=TrainingSpec(threads=1),
    )


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_row_of_outputs_a_firm(spec, first, drawn, inputs, scored, outputs):
    for layers in (1, 2):
        settings = spec.model_copy(update={"layers": layers})
        found = scored(drawn(settings, first, outputs=outputs), first, inputs(first.size), layers)
        assert found.shape == (first.size, outputs)
        assert np.isfinite(found).all()


def test_permuting_firms_permutes_the_outputs(spec, first, graphs, drawn, inputs, scored):
    order = np.random.default_rng(1).permutation(first.size)
    other = permuted(graphs, first, order)
    one, values = drawn(spec, first), inputs(first.size)
    assert side_names(other) == side_names(first)
    np.testing.assert_allclose(scored(one, other, values[order]), scored(one, first, values)[order], atol=1e-9)


def test_an_isolated_firm_is_scored_by_itself(spec, first, world, drawn, inputs, scored):
    loner = first.firms.tolist().index(world.LONER)
    one, values = drawn(spec, first), inputs(first.size)
    found = scored(one, first, values)[loner]
    others = inputs(first.size, seed=1)
    others[loner] = values[loner]
    np.testing.assert_allclose(scored(one, first, others)[loner], found, atol=1e-12)
    if spec.kind == "gdan" and not spec.own_term:
        return  # the paper's equations: what a firm says of itself goes nowhere
    others[loner] += 1.0
    assert np.abs(scored(one, first, others)[loner] - found).max() > 1e-4


def test_a_firm_hears_its_partners_and_theirs_but_no_further(spec, graphs, drawn, inputs, scored):
    chain = graphs.graph_of(list("abcdz"), {"ownership": [("a", "b")], "supply": [("b", "c"), ("c", "d")]})
    one, values = drawn(spec, chain), inputs(5)
    moved = values.clone()
    moved[3] += 2.0
    changed = np.abs(scored(one, chain, values) - scored(one, chain, moved)).max(axis=1) > 1e-9
    assert not changed[[0, 4]].any()
    assert changed[1], "two layers reach two steps"
    assert changed[2] == (spec.kind != "gdan" or spec.own_term), "without an own term, only even steps come home"


def test_a_gradient_reaches_every_parameter(spec, first, drawn, inputs):
    one = drawn(spec, first)
    outputs = one([whole_graph(first)] * spec.layers, inputs(first.size))
    functional.cross_entropy(outputs, torch.arange(first.size) % 3).backward()
    for name, parameter in one.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_dropout_acts_in_training_only(spec, first, drawn, inputs):
    one, values = drawn(spec.model_copy(update={"dropout": 0.5}), first), inputs(first.size)
    blocks = [whole_graph(first)] * spec.layers
    assert not torch.equal(one(blocks, values), one(blocks, values))
    one.eval()
    assert torch.equal(one(blocks, values), one(blocks, values))


def test_a_sample_of_all_partners_gives_what_the_whole_graph_gives(spec, first, drawn, inputs, scored, sampled):
    one, values = drawn(spec, first), inputs(first.size)
    whole = scored(one, first, values)
    firms = [first.firms.tolist().index(firm) for firm in ("c3", "z1", "a8", "b1")]
    blocks, senders = sampled(first, firms, spec.layers)
    with torch.no_grad():
        np.testing.assert_allclose(one(blocks, values[senders]).numpy(), whole[firms], atol=1e-9)


def test_a_batch_of_one_firm_can_be_learnt_from(spec, first, drawn, inputs, sampled):
    one, values = drawn(spec, first), inputs(first.size)
    blocks, senders = sampled(first, [first.firms.tolist().index("z1")], spec.layers)
    outputs = one(blocks, values[senders])
    assert torch.isfinite(outputs).all()
    assert outputs.shape == (1, 3)


def test_scoring_again_after_others_were_scored_changes_nothing(spec, first, drawn, inputs, scored):
    one, values = drawn(spec, first), inputs(first.size)
    block = whole_graph(first)
    one.eval()
    with torch.no_grad():
        before = one([block] * 2, values)
        assert not torch.allclose(one([block] * 2, values + 1), before)
        assert torch.equal(one([block] * 2, values), before)


def test_unseen_firms_are_scored_and_the_model_comes_back_from_its_files(spec, first, second, world):
    data = small_world_data(first, world)
    assert world.BORN_LATER not in first.firms
    fitted = fitted_candidate(spec, data)
    found = fitted.probabilities(second)
    assert found.shape == (second.size, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    assert np.isfinite(found).all()
    content = ModelContent.from_files(fitted.content().files())
    restored = restored_candidate(spec, content, "")
    np.testing.assert_array_equal(restored.probabilities(second), found)
    assert restored.content().content_hash(spec) == fitted.content().content_hash(spec)


@pytest.mark.parametrize(
    "batches",
    [
        {"kind": "neighbours", "size": 7, "fanout": 2},
        {"kind": "clusters", "parts": 4, "together": 2},
        {"kind": "saint", "roots": 6, "length": 2, "trials": 3},
    ],
    ids=lambda batches: batches["kind"],
)
def test_it_learns_from_samples_and_scores_the_whole(spec, batches, first, second, world, described):
    data = small_world_data(first, world)
    settings = described(**{name: getattr(spec, name) for name in type(spec).model_fields} | {"batches": batches})
    found = fitted_candidate(settings, data).probabilities(second)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    assert np.ptp(found[:, 1]) > 1e-3


def test_fitting_twice_is_the_same_to_the_bit(spec, first, world):
    data = small_world_data(first, world)
    one, other = (fitted_candidate(spec, data).content().content_hash(spec) for _ in range(2))
    assert one == other
    moved = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    assert fitted_candidate(spec, moved).content().content_hash(spec) != one


def test_a_shape_comes_back_from_its_text():
    shape = Shape(3, 2, ("supply out", "supply in"), ("firm", "bank"))
    assert Shape.from_text(shape.text()) == shape
