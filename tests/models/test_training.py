"""The training loop: label inputs without own answers, ensembles, and a kill that leaves no trace."""

import dataclasses

import numpy as np
import pytest

from models.fitting import FittedGnn, fit_gnn
from models.label_inputs import KnownOutcomes
from models.message_passing import LOOPS
from schemas.candidates import GcnSpec, GraphSageSpec
from schemas.specs import TrainingSpec


def spec(**settings):
    return GraphSageSpec(name="sage", kind="graphsage", **({"hidden": 8, "epochs": 12} | settings))


def weights(fitted):
    return {f"{n}.{k}": t.numpy() for n, one in enumerate(fitted.networks) for k, t in one.state_dict().items()}


def same(one, other):
    return all(np.array_equal(weights(one)[name], weights(other)[name]) for name in weights(one))


class Killed(BaseException):
    pass


class Shelf:
    """Keeps in memory and dies at the given save."""

    def __init__(self, dies_at=None):
        self.kept, self.saves, self.dies_at = {}, 0, dies_at

    def due(self):
        return True

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, data):
        self.kept[name] = data
        self.saves += 1
        if self.saves == self.dies_at:
            raise Killed


@pytest.mark.parametrize("settings", [{}, {"label_inputs": 0.5, "dropout": 0.5}, {"members": 2}])
def test_a_killed_training_goes_on_and_ends_at_the_same_bits(graphs, settings):
    data = graphs.learnable()
    whole = fit_gnn(spec(**settings), data)
    shelf = Shelf(dies_at=5)
    with pytest.raises(Killed):
        fit_gnn(spec(**settings), dataclasses.replace(data, keeper=shelf))
    shelf.dies_at = None
    again = fit_gnn(spec(**settings), dataclasses.replace(data, keeper=shelf))
    assert same(whole, again)
    assert whole.notes == again.notes
    assert shelf.saves == 12 * len(whole.networks), "the epochs before the kill were not repeated"


@pytest.mark.parametrize(("dropout", "often"), [(0.0, 1), (0.2, 12 + 1)])
@pytest.mark.parametrize("kind", ["gcn", "graphsage"])
def test_sums_over_inputs_are_computed_anew_only_where_dropout_changes_them(graphs, monkeypatch, kind, dropout, often):
    asked = []
    for primitive in ("weighted_sum", "own_and_means"):
        plain = getattr(LOOPS, primitive)

        def counted(csr, values, *more, plain=plain):
            asked.append(tuple(values.shape))
            return plain(csr, values, *more)

        monkeypatch.setattr(LOOPS, primitive, counted)
    data, spec_of = graphs.learnable(), {"gcn": GcnSpec, "graphsage": GraphSageSpec}[kind]
    fitted = fit_gnn(spec_of(name="net", kind=kind, hidden=11, epochs=12, patience=12, dropout=dropout), data)
    assert asked.count((data.graph.size, fitted.inputs)) == often, "once a step with dropout, once for all validations"


def test_progress_tells_epoch_and_losses(graphs):
    told = []

    class Beholder:
        def due(self):
            return True

        def show(self, progress):
            told.append(progress)

    fitted = fit_gnn(spec(), dataclasses.replace(graphs.learnable(), watcher=Beholder()))
    assert [step.epoch for step in told] == list(range(1, 13))
    assert min(step.validation_loss for step in told) == fitted.notes["validation loss"]
    assert {step.begun_at for step in told} == {0}
    assert all(0 <= step.validation_auc <= 1 for step in told)


def test_an_ensemble_is_the_mean_of_its_members_and_begins_with_the_single_network(graphs):
    data = graphs.learnable()
    one, three = fit_gnn(spec(), data), fit_gnn(spec(members=3), data)
    single = [dataclasses.replace(three, networks=(member,)).probabilities(data.graph) for member in three.networks]
    np.testing.assert_allclose(three.probabilities(data.graph), np.mean(single, axis=0), atol=1e-12)
    np.testing.assert_array_equal(single[0], one.probabilities(data.graph))
    assert np.abs(single[1] - single[2]).max() > 1e-4


def test_no_firm_is_shown_its_own_outcome(graphs):
    data = graphs.learnable(missing=0)
    fitted = fit_gnn(spec(label_inputs=0.5, epochs=40, learning_rate=0.05, layers=1, dropout=0), data)
    before = fitted.probabilities(data.graph)
    folds = np.argmax(list(fitted.known.hidden_folds(data.graph.firms, fitted.known.columns(data.graph.firms))), axis=0)
    adjacency = data.graph.union().toarray() > 0
    elsewhere = (adjacency & (folds[:, None] != folds)).any(axis=1)
    firm = int(np.flatnonzero(data.development & elsewhere)[0])
    name = str(data.graph.firms[firm])
    flipped = {**fitted.known.by_firm, name: 1 - fitted.known.by_firm[name]}
    changed = dataclasses.replace(fitted, known=KnownOutcomes(fitted.known.share, 2, flipped)).probabilities(data.graph)
    moved = np.abs(changed - before).max(axis=1) > 1e-9
    partners = adjacency[firm]
    assert not moved[firm]
    assert moved[partners].any()
    assert not moved[~partners].any(), "one layer reaches one step"


def test_label_inputs_carry_what_the_features_do_not(graphs):
    # Outcomes run in rings whose features are noise: only the partners' outcomes tell.
    rng = np.random.default_rng(1)
    data = graphs.learnable(firms=240, groups=24, missing=0)
    truth = (np.arange(240) % 24 % 2).astype(np.int64)
    place = np.arange(240) // 24
    data = dataclasses.replace(
        data,
        graph=dataclasses.replace(data.graph, features=rng.normal(size=(240, 3))),
        truth=truth,
        development=place < 6,
        validation=place >= 6,
    )
    settings = {"epochs": 60, "learning_rate": 0.05, "patience": 60, "weight_decay": 0.0}
    blind, told = (fit_gnn(spec(label_inputs=share, **settings), data).notes["validation loss"] for share in (0, 0.7))
    assert told < blind - 0.1


def test_an_outcome_is_known_in_a_later_quarter_by_the_newest_vintage(graphs):
    data = graphs.learnable(firms=24, groups=4)
    names = np.array([f"{day} {name}" for day in ("2022-12-31", "2023-03-31") for name in data.graph.firms[:12]])
    data = dataclasses.replace(
        data,
        graph=dataclasses.replace(data.graph, firms=names),
        truth=np.array([0] * 12 + [1] * 12),
        development=np.ones(24, dtype=bool),
        validation=np.zeros(24, dtype=bool),
    )
    known = KnownOutcomes.of(data, 0.5)
    bare = str(names[0]).split(" ")[1]
    found = known.columns(np.array([bare, f"2022-12-31 {bare}", f"2030-03-31 {bare}", "stranger"]))
    assert found.tolist() == [[0, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.3])
def test_each_firm_is_asked_about_once_and_hidden_then(graphs, share):
    data = graphs.learnable()
    known = KnownOutcomes.of(data, share)
    columns = known.columns(data.graph.firms)
    folds = list(known.hidden_folds(data.graph.firms, columns))
    assert np.sum(folds, axis=0).tolist() == [1] * data.graph.size
    assert len(folds) == {0.5: 2, 0.8: 5, 0.3: 2}[share]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"label_inputs": 0.5},
        {"members": 2},
        {"loss": "focal"},
        {"ordered": True},
        {"ordered": True, "loss": "balanced", "label_inputs": 0.4},
    ],
)
def test_what_is_kept_gives_the_same_probabilities(graphs, settings):
    data = graphs.learnable(classes=3)
    fitted = fit_gnn(spec(**settings), data)
    content = type(fitted.content()).from_files(fitted.content().files())
    again = FittedGnn.from_content(fitted.spec, content)
    expected = fitted.probabilities(data.graph)
    np.testing.assert_array_equal(again.probabilities(data.graph), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    assert again.content().content_hash(fitted.spec) == fitted.content().content_hash(fitted.spec)


@pytest.mark.parametrize("change", [{"loss": "balanced"}, {"loss": "focal"}, {"label_inputs": 0.5}, {"ordered": True}])
def test_each_setting_acts(graphs, change):
    data = graphs.learnable(classes=3)
    one, other = (fit_gnn(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-3


def test_the_exponent_of_the_focal_loss_acts(graphs):
    data = graphs.learnable()
    one, other = (
        fit_gnn(spec(loss="focal", focal_gamma=gamma), data).probabilities(data.graph) for gamma in (0.5, 4.0)
    )
    assert np.abs(one - other).max() > 1e-3


def test_ordered_outputs_learn_an_order(graphs):
    data = graphs.learnable(classes=4, firms=240, groups=24)
    fitted = fit_gnn(spec(ordered=True, epochs=80, learning_rate=0.03, patience=80), data)
    expected_class = fitted.probabilities(data.graph) @ np.arange(4)
    rows = data.validation
    assert np.corrcoef(expected_class[rows], data.truth[rows])[0, 1] > 0.7


def test_two_threads_give_the_same_bits_as_two_threads(graphs):
    data = dataclasses.replace(graphs.learnable(), training=TrainingSpec(threads=2))
    assert same(fit_gnn(spec(), data), fit_gnn(spec(), data))
