"""Contributions: exact where the model is, leave-one-out elsewhere, and own items apart from the firms around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from models.calibrated import FittedCalibrated
from models.candidates import fitted_candidate
from models.contributions import HIGH, LOW, MISSING, Development, contributions
from models.ensemble import FittedEnsemble
from models.factors import Factor, factored_inputs
from models.graph_help import without_edges
from schemas.candidates import Group, SingleSpec
from schemas.portfolio import TargetSpec

BINARY = TargetSpec(kind="binary", classes=("good", "bad"), favourable=("good",), horizon_quarters=1, label="failure")
RATED = TargetSpec(
    kind="ordinal", classes=("A", "B", "C"), favourable=("A",), horizon_quarters=1, label="rating"
)  # fmt: skip
TREES = {"kind": "lightgbm", "rounds": 20, "patience": 20, "least_rows_a_leaf": 5}
NETWORK = {"kind": "graphsage", "hidden": 8, "epochs": 20, "patience": 20}


def fitted(data, **settings):
    spec = TypeAdapter(SingleSpec).validate_python({"name": "it", **settings})
    return fitted_candidate(spec, data)


def taken_apart(model, data, target=BINARY, firms=None):
    asked = np.arange(data.graph.size) if firms is None else np.array(firms)
    return contributions(model, data.graph, asked, Development(data.graph, data.development), target)


@pytest.mark.parametrize("kind", [{"kind": "logistic"}, TREES])
@pytest.mark.parametrize("features", ["own", "neighbour"])
def test_terms_and_one_base_add_up_to_the_log_odds(graphs, kind, features):
    data = graphs.learnable()
    model = fitted(data, **kind, features=features)
    found = taken_apart(model, data)
    bad = model.probabilities(data.graph)[:, 1]
    assert found.exact
    np.testing.assert_allclose(found.rest + found.values.sum(axis=1), np.log(bad / (1 - bad)), atol=1e-9)
    np.testing.assert_allclose(found.rest, found.rest[0], atol=1e-9)


@pytest.mark.parametrize("kind", [{"kind": "logistic"}, TREES, NETWORK])
def test_nobody_may_be_asked_about(graphs, kind):
    data = graphs.learnable()
    found = taken_apart(fitted(data, **kind), data, firms=np.zeros(0, dtype=np.int64))
    assert (found.factors, found.values.shape, found.levels.shape) == ((), (0, 0), (0, 0))
    assert found.exact == (kind is not NETWORK)


def test_what_is_favourable_turns_every_sign(graphs):
    data = graphs.learnable()
    model = fitted(data, kind="logistic")
    turned = BINARY.model_copy(update={"favourable": ("bad",)})
    np.testing.assert_allclose(taken_apart(model, data).values, -taken_apart(model, data, turned).values)


def test_values_are_of_the_firms_asked_about_in_their_order(graphs):
    data = graphs.learnable()
    model = fitted(data, **TREES)
    every, some = taken_apart(model, data), taken_apart(model, data, firms=[7, 3])
    np.testing.assert_allclose(some.values, every.values[[7, 3]])
    np.testing.assert_array_equal(some.levels, every.levels[[7, 3]])


def test_own_items_are_told_apart_from_those_of_partners_and_from_their_number(graphs):
    inputs = factored_inputs(graphs.learnable().graph, (Group.OWN, Group.NEIGHBOUR))
    assert Factor(network=False, feature="x0") in inputs.columns
    assert Factor(network=True, feature="x1", relation="supply", side="in") in inputs.columns
    assert Factor(network=True, relation="supply", side="out", aspect="number of partners") in inputs.columns
    assert sum(len(places) for places in inputs.columns.values()) == inputs.values.shape[1]


def test_levels_are_held_against_the_median_of_development(graphs):
    data = graphs.learnable()
    found = taken_apart(fitted(data, kind="logistic"), data)
    values = data.graph.features[:, 0]
    middle = np.nanmedian(values[data.development])
    levels = found.levels[:, found.factors.index(Factor(network=False, feature="x0"))]
    assert set(levels[values > middle]) == {HIGH}
    assert set(levels[values < middle]) == {LOW}
    assert set(levels[np.isnan(values)]) == {MISSING}


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("kind", [{"kind": "logistic"}, TREES])
def test_with_several_classes_terms_are_the_derivative_along_each_input(graphs, kind, ordered):
    data = graphs.learnable(classes=3, firms=240, missing=0.0)
    model = fitted(data, **kind, ordered=ordered)
    found = taken_apart(model, data, RATED)
    assert not found.exact
    ranks = np.argsort(np.argsort(found.values.sum(axis=1)))
    np.testing.assert_array_less(0.95, np.corrcoef(ranks, np.argsort(np.argsort(found.log_odds)))[0, 1])


def test_terms_of_three_classes_are_right_by_finite_differences(graphs):
    data = graphs.learnable(classes=3, missing=0.0)
    model = fitted(data, kind="logistic")
    found = taken_apart(model, data, RATED, firms=[5])
    step, total = 1e-6, 0.0
    for column in range(3):
        moved = data.graph.features.copy()
        moved[5, column] += step
        other = model.probabilities(replace(data.graph, features=moved))[5]
        here = model.probabilities(data.graph)[5]
        slope = (np.log(other[1:].sum() / other[0]) - np.log(here[1:].sum() / here[0])) / step
        scaled = data.graph.features[5, column] - model.scaling.mean[column]
        np.testing.assert_allclose(found.values[0, column], slope * scaled, rtol=1e-4, atol=1e-6)
        total += slope * scaled
    assert total != 0


def test_calibration_is_left_out(graphs):
    data = graphs.learnable()
    plain, calibrated = fitted(data, kind="logistic"), fitted(data, kind="logistic", calibration="platt")
    assert isinstance(calibrated, FittedCalibrated)
    np.testing.assert_allclose(taken_apart(calibrated, data).values, taken_apart(plain, data).values)


def test_an_ensemble_of_one_is_its_member(graphs):
    data = graphs.learnable()
    one = fitted(data, **TREES)
    found = taken_apart(FittedEnsemble({"one": one}, {"one": 1.0}, {}, {}), data)
    np.testing.assert_allclose(found.values, taken_apart(one, data).values, rtol=1e-6, atol=1e-9)


def test_an_ensemble_weighs_its_members_by_the_chain_rule(graphs):
    data = graphs.learnable()
    members, weights = (
        {"trees": fitted(data, **TREES), "line": fitted(data, kind="logistic")},
        {"trees": 0.3, "line": 0.7},
    )
    found = taken_apart(FittedEnsemble(members, weights, {}, {}), data)
    p = {name: one.probabilities(data.graph)[:, 1] for name, one in members.items()}
    whole = sum(weights[name] * p[name] for name in p)
    along = {name: weights[name] * p[name] * (1 - p[name]) / (whole * (1 - whole)) for name in p}
    expected = sum(along[name][:, None] * taken_apart(one, data).values for name, one in members.items())
    np.testing.assert_allclose(found.values, expected, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "random_forest", "trees": 10, "features": "neighbour"},
        NETWORK,
        NETWORK | {"label_inputs": 0.5},
        {"kind": "graph_kernel"},
        {"kind": "kriging"},
        {"kind": "label_propagation"},
        {"kind": "correct_and_smooth", "base": {"kind": "logistic", "features": "neighbour"}},
    ],
    ids=lambda settings: settings["kind"],
)
def test_leaving_out_an_item_that_is_typical_changes_nothing(graphs, settings):
    data = graphs.learnable(missing=0.0)
    typical = np.nanmedian(data.graph.features[data.development], axis=0)
    features = data.graph.features.copy()
    features[4, 0] = typical[0]
    model = fitted(data, **settings)
    asked = replace(data, graph=replace(data.graph, features=features))
    found = contributions(model, asked.graph, np.array([4]), Development(data.graph, data.development), BINARY)
    own = found.values[0, found.factors.index(Factor(network=False, feature="x0"))]
    assert abs(own) < 1e-5
    assert not found.exact
    assert any(factor.network for factor in found.factors)
    assert np.isfinite(found.values).all()


def test_rows_are_scored_in_as_many_calls_as_needed(graphs, monkeypatch):
    data = graphs.learnable()
    model = fitted(data, kind="random_forest", trees=10, features="neighbour")
    at_once = taken_apart(model, data)
    monkeypatch.setattr("models.contributions._ROWS_A_PASS", 1)
    np.testing.assert_allclose(taken_apart(model, data).values, at_once.values)


def test_a_firm_without_partners_has_nothing_from_the_network(graphs):
    data = graphs.learnable()
    model = fitted(data, **NETWORK)
    alone = replace(data, graph=without_edges(data.graph))
    found = contributions(model, alone.graph, np.arange(5), Development(data.graph, data.development), BINARY)
    network = [place for place, factor in enumerate(found.factors) if factor.network]
    np.testing.assert_allclose(found.values[:, network], 0, atol=1e-6)


def test_a_network_is_asked_without_each_relation(graphs):
    data = graphs.learnable()
    model = fitted(data, **NETWORK)
    found = taken_apart(model, data)

    def odds(p):
        return np.log(p[:, 1] / p[:, 0])

    with_it, without = (odds(model.probabilities(one)) for one in (data.graph, without_edges(data.graph)))
    by_relation = found.values[:, found.factors.index(Factor(network=True, relation="supply"))]
    np.testing.assert_allclose(by_relation, with_it - without, atol=1e-5)
    assert np.abs(by_relation).max() > 0.05


@pytest.mark.parametrize("target", [RATED])
def test_grades_are_added_to_their_classes(graphs, target):
    from models.fitted import Grades

    data = graphs.learnable(classes=6, missing=0.0)
    classes = np.where(data.truth >= 0, data.truth // 2, -1)
    graded = replace(data, truth=classes, classes=3, grades=Grades(data.truth, (0, 0, 1, 1, 2, 2)))
    model = fitted(graded, kind="logistic", grades=True)
    found = taken_apart(model, graded, target)
    assert np.corrcoef(found.values.sum(axis=1), found.log_odds)[0, 1] > 0.9
