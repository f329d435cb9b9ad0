"""Shifts of scores taken apart: parts sum to the shift, and each cause moves its own part alone."""

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pytest
from pydantic import TypeAdapter

from models.candidates import fitted_candidate
from models.ensemble import FittedEnsemble
from models.mixed_graph import heard_apart, unlike, with_own_of
from models.score_shift import EarlierModel
from models.scoring import unfavourable_probability
from schemas.candidates import CandidateSpec
from schemas.portfolio import TargetSpec

TARGET = TargetSpec(kind="binary", classes=("0", "1"), favourable=("0",), horizon_quarters=1, label="default")
KINDS = (
    {"kind": "logistic"},
    {"kind": "logistic", "calibration": "platt"},
    {"kind": "logistic", "features": ["own", "neighbour"]},
    {"kind": "lightgbm", "features": "neighbour", "rounds": 20, "least_rows_a_leaf": 3},
    {"kind": "label_propagation"},
    {"kind": "graph_kernel", "feature_weight": 1.0},
    {"kind": "kriging"},
    {"kind": "graphsage", "epochs": 5, "hidden": 8},
    {"kind": "rgcn", "epochs": 5, "hidden": 8},
    {"kind": "gcn", "epochs": 5, "hidden": 8, "label_inputs": 0.5},
)


#: what rounding may make of the probabilities of a network, which counts in single precision
SINGLE = 1e-6


def spec_of(settings):
    return TypeAdapter(CandidateSpec).validate_python({"name": "one", **settings})


@pytest.fixture(scope="module")
def data(graphs):
    return graphs.learnable(firms=60, groups=6)


@pytest.fixture(scope="module")
def after(data, graphs):
    """The quarter after: one firm gone, one new, every number moved and every relation dealt anew."""
    graph, rng = data.graph, np.random.default_rng(3)
    firms = [*graph.firms[1:].tolist(), "g000"]
    ends = rng.permutation(len(firms))
    edges = [(firms[a], firms[b], 2.0) for a, b in itertools.pairwise(ends)]
    values = np.concatenate([graph.features[1:], np.zeros((1, 3))]) + rng.normal(size=(len(firms), 3))
    return graphs.graph_of(firms, {"supply": edges}, values, as_of=dt.date(2023, 6, 30))


@pytest.fixture(scope="module")
def earlier_of(data):
    """Return a function that asks a kind of model about the data's graph and another; each kind is fitted once."""
    fitted = {}

    def ask(settings, after, **changes):
        if str(settings) not in fitted:
            fitted[str(settings)] = fitted_candidate(spec_of(settings), data)
        return EarlierModel(fitted[str(settings)], data.graph, after, TARGET, **changes)

    return ask


def shared(model, graph, places):
    return unfavourable_probability(model.probabilities(graph), TARGET)[places]


def taken_apart(earlier, shift=0.01):
    rows, places = earlier.in_both
    before = shared(earlier.model, earlier.before, rows)
    now = shared(earlier.model, earlier.after, places) + shift
    return before, now, earlier.parts(before, now)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_parts_sum_to_the_shift(settings, earlier_of, after):
    before, now, parts = taken_apart(earlier_of(settings, after))
    np.testing.assert_allclose(parts.own + parts.neighbourhood + parts.model, now - before, atol=1e-12)
    np.testing.assert_allclose(parts.model, 0.01, atol=1e-12)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_own_features_alone_leave_the_neighbourhood_nothing(settings, data, earlier_of):
    """Only one firm's features change: its own part is the whole of its shift but for what partners echo."""
    graph = data.graph
    values = graph.features.copy()
    values[7] = np.where(graph.features[7] > 0, -3.0, 3.0)
    changed = dataclasses.replace(graph, features=values)
    parts = taken_apart(earlier_of(settings, changed), shift=0.0)[2]
    np.testing.assert_allclose(np.delete(parts.own, 7), 0, atol=SINGLE)
    assert (abs(parts.own[7]) > 10 * SINGLE) == (settings["kind"] != "label_propagation")
    if settings["kind"] not in ("graphsage", "rgcn", "gcn"):
        assert parts.neighbourhood[7] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_relations_alone_leave_own_features_nothing(settings, data, after, earlier_of):
    """Nobody's features change and all edges do: the neighbourhood has all of the shift."""
    kept = dataclasses.replace(data.graph, relations=after.relations, as_of=after.as_of)
    parts = taken_apart(earlier_of(settings, kept), shift=0.0)[2]
    np.testing.assert_allclose(parts.own, 0, atol=SINGLE)
    hears = settings["kind"] != "logistic" or "features" in settings
    assert (np.abs(parts.neighbourhood).max() > 10 * SINGLE) == hears


def test_by_hand_the_orders_are_averaged(graphs):
    """Score x_own * sum of partners' x: for a, own 1 to 3 and its partner 2 to 5 make 2, 6, 5 and 15."""

    class Product:
        def probabilities(self, graph):
            heard = getattr(graph, "heard", graph)
            own, around = graph.features[:, 0], heard.union() @ heard.features[:, 0]
            return np.stack([1 - own * around, own * around], axis=1)

    pair = {"supply": [("a", "b")]}
    before = graphs.graph_of(["a", "b"], pair, np.array([[1.0], [2.0]]))
    after = graphs.graph_of(["a", "b"], pair, np.array([[3.0], [5.0]]))
    parts = EarlierModel(Product(), before, after, TARGET).parts(np.array([2.0, 2.0]), np.array([16.0, 16.0]))
    assert parts.own.tolist() == [7.0, 6.0]
    assert parts.neighbourhood.tolist() == [6.0, 7.0]
    assert parts.inputs.tolist() == [13.0, 13.0]
    assert parts.model.tolist() == [1.0, 1.0]


def test_an_ensemble_is_taken_apart_with_its_members(data, after):
    members = {name: fitted_candidate(spec_of({"kind": name, **more}), data) for name, more in (
        ("logistic", {}), ("graphsage", {"epochs": 3, "hidden": 8}))}  # fmt: skip
    both = FittedEnsemble(members, {"logistic": 0.25, "graphsage": 0.75}, {}, {})
    found = taken_apart(EarlierModel(both, data.graph, after, TARGET))[2]
    single = [taken_apart(EarlierModel(one, data.graph, after, TARGET))[2] for one in members.values()]
    np.testing.assert_allclose(found.own, 0.25 * single[0].own + 0.75 * single[1].own, atol=1e-9)


def test_without_telling_apart_the_inputs_are_one_part(earlier_of, after):
    together = taken_apart(earlier_of({"kind": "logistic"}, after, apart=False))[2]
    apart = taken_apart(earlier_of({"kind": "logistic"}, after))[2]
    assert together.own is None
    assert together.neighbourhood is None
    np.testing.assert_array_equal(together.inputs, apart.inputs)


def test_candidates_that_mix_what_firms_say_are_named():
    spreading = spec_of({"kind": "correct_and_smooth", "base": {"kind": "logistic"}})
    observed = spec_of({"kind": "kriging", "own": "observed"})
    plain = spec_of({"kind": "graphsage"})
    joint = spec_of({"kind": "ensemble", "members": ["one", "two"]})
    assert heard_apart(plain) == heard_apart(joint, (plain,)) == ""
    assert "spreads" in heard_apart(spreading)
    assert heard_apart(joint, (plain, observed)) == heard_apart(observed) != ""


def test_a_graph_of_other_columns_or_relations_cannot_be_scored(data, graphs):
    graph = data.graph
    assert unlike(graph, graph) == ""
    renamed = dataclasses.replace(graph, feature_names=("x0", "x1", "y"))
    undirected = dataclasses.replace(
        graph, relations={"supply": dataclasses.replace(graph.relations["supply"], directed=False)}
    )
    assert "features" in unlike(graph, renamed)
    assert "relations" in unlike(graph, undirected)
    assert "groups of inputs" in unlike(graph, dataclasses.replace(graph, computed=with_own_of(graph, graph).computed))
