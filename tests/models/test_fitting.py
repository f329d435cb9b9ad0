"""GraphSAGE and its training: reproducible, blind to the order of firms, and every setting acts."""

import dataclasses

import numpy as np
import pytest
import torch

from models.discrimination import scores
from models.fitting import fit_gnn
from models.gnn.graphsage import GraphSage
from schemas.candidates import GraphSageSpec
from schemas.specs import TrainingSpec


def spec(**settings):
    return GraphSageSpec(name="sage", kind="graphsage", **({"hidden": 8, "epochs": 10} | settings))


def weights(fitted):
    return {name: tensor.numpy().copy() for name, tensor in fitted.networks[0].state_dict().items()}


def distance(one, other):
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def initial(data, settings):
    torch.manual_seed(data.training.seed)
    shape = fit_gnn(settings, data).shape
    torch.manual_seed(data.training.seed)
    return {name: t.numpy().copy() for name, t in GraphSage(shape, settings).state_dict().items()}


def test_the_same_twice_is_the_same_to_the_bit(graphs):
    one, other = (fit_gnn(spec(), graphs.learnable()) for _ in range(2))
    assert distance(weights(one), weights(other)) == 0
    assert one.notes == other.notes


def test_permuting_firms_permutes_the_probabilities(graphs):
    data = graphs.learnable(missing=0)
    fitted = fit_gnn(spec(), data)
    order = np.random.default_rng(0).permutation(data.graph.size)
    new = [f"p{place:03d}" for place in np.argsort(order)]
    union = data.graph.union().tocoo()
    edges = [(new[a], new[b]) for a, b in zip(union.row, union.col, strict=True) if a < b]
    permuted = graphs.graph_of(new, {"supply": edges}, data.graph.features)
    np.testing.assert_allclose(fitted.probabilities(permuted), fitted.probabilities(data.graph)[order], atol=1e-6)


def test_an_isolated_firm_is_scored_from_its_own_features(graphs):
    fitted = fit_gnn(spec(), graphs.learnable())
    values = np.array([[2.0, 1.0, 0.0], [-2.0, -1.0, 0.0]])
    alone = fitted.probabilities(graphs.graph_of(["a", "b"], {"supply": []}, values))
    single = fitted.probabilities(graphs.graph_of(["a"], {"supply": []}, values[:1]))
    np.testing.assert_allclose(alone[0], single[0], atol=1e-7)
    assert np.isfinite(alone).all()
    assert alone[0, 1] != alone[1, 1]


def test_neighbours_matter_and_only_within_reach(graphs):
    fitted = fit_gnn(spec(layers=2), graphs.learnable())
    chain = [("a", "b"), ("b", "c"), ("c", "d")]
    values = np.zeros((4, 3))
    moved = values.copy()
    moved[3] = 3.0
    one, other = (
        fitted.probabilities(graphs.graph_of(list("abcd"), {"supply": chain}, some))[:, 1] for some in (values, moved)
    )
    changed = np.abs(one - other) > 1e-9
    assert changed.tolist() == [False, True, True, True], "two layers reach two steps"


def test_scoring_is_without_chance(graphs):
    data = graphs.learnable()
    fitted = fit_gnn(spec(dropout=0.9), data)
    fitted.networks[0].train()  # whoever had the network before may have left it so
    np.testing.assert_array_equal(fitted.probabilities(data.graph), fitted.probabilities(data.graph))


def test_hidden_and_layers_shape_the_network(graphs):
    data = graphs.learnable()
    found = weights(fit_gnn(spec(hidden=5, layers=3, epochs=1), data))
    shapes = {name: tensor.shape for name, tensor in found.items() if name.endswith("own.weight")}
    inputs = 6  # three features, each with a flag for missing values
    assert shapes == {
        "layers.0.layer.own.weight": (5, inputs),
        "layers.1.layer.own.weight": (5, 5),
        "layers.2.layer.own.weight": (2, 5),
    }


def test_the_learning_rate_bounds_the_first_step(graphs):
    data = graphs.learnable()
    settings = spec(epochs=1, learning_rate=1e-4, weight_decay=0)
    moved = distance(weights(fit_gnn(settings, data)), initial(data, settings))
    assert 0 < moved <= 1e-4 * 1.01, "Adam's first step is the learning rate at most"
    settings = spec(epochs=1, learning_rate=1e-2, weight_decay=0)
    assert distance(weights(fit_gnn(settings, data)), initial(data, settings)) == pytest.approx(1e-2, rel=0.05)


def test_weight_decay_shrinks_the_weights(graphs):
    data = graphs.learnable()
    free, decayed = (fit_gnn(spec(weight_decay=decay, epochs=60, patience=60, dropout=0), data) for decay in (0.0, 1.0))
    norms = [sum(float((w**2).sum()) for w in weights(fitted).values()) for fitted in (free, decayed)]
    assert norms[1] < norms[0]
    spread = [float(np.ptp(fitted.probabilities(data.graph)[:, 1])) for fitted in (free, decayed)]
    assert spread[1] < spread[0]


@pytest.mark.parametrize(
    "change", [{"dropout": 0.0}, {"epochs": 3}, {"layers": 1}, {"hidden": 4}, {"log_inputs": True}]
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable()
    base = {"dropout": 0.5, "learning_rate": 0.003}
    one, other = (fit_gnn(spec(**(base | settings)), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-4


def test_patience_stops_and_the_best_epoch_is_kept(graphs):
    data = graphs.learnable(firms=60, groups=6)
    settings = {"learning_rate": 0.1, "dropout": 0.0, "weight_decay": 0.0}
    long = fit_gnn(spec(epochs=150, patience=150, **settings), data)
    best = long.notes["best epoch"]
    assert best < 150, "the data is small enough to be learnt by heart"
    again = fit_gnn(spec(epochs=best, patience=150, **settings), data)
    assert distance(weights(long), weights(again)) == 0
    impatient = fit_gnn(spec(epochs=150, patience=1, **settings), data)
    assert impatient.notes["best epoch"] <= best
    assert impatient.notes["validation loss"] >= long.notes["validation loss"]
    rows = data.validation
    predicted = long.probabilities(data.graph)[rows, data.truth[rows]]
    assert -np.log(predicted).mean() == pytest.approx(long.notes["validation loss"], rel=1e-4)


def test_the_epoch_of_the_highest_auc_is_kept_where_it_is_asked_for(graphs):
    # Learnt by heart, a network grows overconfident long before its ranking suffers.
    data = graphs.learnable(firms=60, groups=6)
    settings = {"learning_rate": 0.1, "dropout": 0.0, "weight_decay": 0.0, "epochs": 60, "patience": 60}
    by_loss, by_auc = (fit_gnn(spec(kept_epoch=kept, **settings), data) for kept in ("loss", "auc"))
    assert by_loss.notes["best epoch"] != by_auc.notes["best epoch"]
    ranked = [
        float(scores(data.truth[data.validation], one.probabilities(data.graph)[data.validation])["auc"][0])
        for one in (by_loss, by_auc)
    ]
    assert ranked[0] < ranked[1] == pytest.approx(by_auc.notes["validation auc"], abs=1e-6)
    again = fit_gnn(spec(kept_epoch="auc", **{**settings, "epochs": by_auc.notes["best epoch"]}), data)
    assert distance(weights(by_auc), weights(again)) == 0


def test_patience_of_one_stops_early(graphs):
    # With a rate this high the loss jumps up at once; a patient run finds a better epoch later.
    data = graphs.learnable(firms=60, groups=6)
    settings = {"learning_rate": 0.5, "dropout": 0.5, "epochs": 80}
    impatient, patient = (fit_gnn(spec(patience=patience, **settings), data).notes for patience in (1, 80))
    assert impatient["best epoch"] < patient["best epoch"]
    assert impatient["validation loss"] > patient["validation loss"]


def test_the_seed_acts(graphs):
    data = graphs.learnable()
    other = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    assert distance(weights(fit_gnn(spec(), data)), weights(fit_gnn(spec(), other))) > 1e-3


def test_it_learns_from_neighbours_what_own_features_do_not_tell(graphs):
    rng = np.random.default_rng(0)
    firms = [f"f{number:03d}" for number in range(200)]
    sign = rng.choice([-1.0, 1.0], size=100)
    # Firm 2k reports nothing of its own risk; its partner 2k + 1 does.
    values = np.zeros((200, 1))
    values[1::2, 0] = sign
    edges = [(firms[2 * k], firms[2 * k + 1]) for k in range(100)]
    data = graphs.learnable(firms=200)
    truth = np.repeat((sign > 0).astype(np.int64), 2)
    place = np.arange(200)
    data = dataclasses.replace(
        data,
        graph=graphs.graph_of(firms, {"supply": edges}, values),
        truth=truth,
        development=place < 120,
        validation=place >= 120,
    )
    fitted = fit_gnn(spec(epochs=60, learning_rate=0.05, dropout=0), data)
    found = fitted.probabilities(data.graph)[:, 1] > 0.5
    silent = (place % 2 == 0) & (place >= 120)
    assert (found[silent] == truth[silent]).all()
