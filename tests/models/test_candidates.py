"""Every kind of candidate: the same twice, the same after being kept, and another with other settings."""

import dataclasses

import numpy as np
import pytest

from models.candidates import fitted_candidate, restored_candidate
from models.fitted import ModelContent
from schemas.candidates import (
    CorrectAndSmoothSpec,
    GraphKernelSpec,
    GraphSageSpec,
    KrigingSpec,
    LabelPropagationSpec,
    LightGBMSpec,
    LogisticSpec,
    RandomForestSpec,
    SvmSpec,
)

LOGISTIC = LogisticSpec(name="logistic", kind="logistic", features="neighbour")
TREES = LightGBMSpec(name="trees", kind="lightgbm", rounds=20, least_rows_a_leaf=5)
SAGE = GraphSageSpec(name="sage", kind="graphsage", hidden=8, epochs=8)
SVM = SvmSpec(name="svm", kind="svm", landmarks=20, features="neighbour")
PLANE = SvmSpec(name="plane", kind="svm", kernel="linear")
FOREST = RandomForestSpec(name="forest", kind="random_forest", trees=10)
SPREAD = LabelPropagationSpec(name="spread", kind="label_propagation")
SMOOTH = CorrectAndSmoothSpec(
    name="smooth", kind="correct_and_smooth", base={"kind": "lightgbm", "rounds": 10, "least_rows_a_leaf": 5}
)
KERNEL = GraphKernelSpec(name="kernel", kind="graph_kernel", landmarks=30)
KRIGING = KrigingSpec(name="kriging", kind="kriging", landmarks=30, features="neighbour")
COKRIGING = KrigingSpec(name="cokriging", kind="kriging", own="observed")
CASES = [
    pytest.param(SVM, {"gamma": 0.5}, id="svm"),
    pytest.param(PLANE, {"inverse_penalty": 0.01}, id="svm-linear"),
    pytest.param(FOREST, {"leaves": 4}, id="random_forest"),
    pytest.param(SPREAD, {"alpha": 0.5}, id="label_propagation"),
    pytest.param(SMOOTH, {"smoothing": 0.1}, id="correct_and_smooth"),
    pytest.param(KERNEL, {"power": 1}, id="graph_kernel"),
    pytest.param(KRIGING, {"noise": 0.5}, id="kriging"),
    pytest.param(COKRIGING, {"noise": 0.5}, id="kriging-observed"),
    pytest.param(LOGISTIC, {"inverse_penalty": 0.5}, id="logistic"),
    pytest.param(LOGISTIC, {"log_inputs": True}, id="logistic-log"),
    pytest.param(SVM, {"log_inputs": True}, id="svm-log"),
    pytest.param(KERNEL, {"log_inputs": True}, id="graph_kernel-log"),
    pytest.param(TREES, {"learning_rate": 0.2}, id="lightgbm"),
    pytest.param(SAGE, {"dropout": 0.1}, id="graphsage"),
]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("spec", "_change"), CASES)
def test_a_restored_candidate_gives_the_same_probabilities_and_hash(graphs, spec, _change, classes):
    data = graphs.learnable(classes=classes)
    fitted = fitted_candidate(spec, data)
    content = fitted.content()
    again = restored_candidate(spec, ModelContent.from_files(content.files()), "")
    np.testing.assert_array_equal(fitted.probabilities(data.graph), again.probabilities(data.graph))
    assert again.inputs == fitted.inputs
    assert again.content().content_hash(spec) == content.content_hash(spec)


@pytest.mark.parametrize(("spec", "_change"), CASES)
def test_the_same_twice_has_the_same_hash(graphs, spec, _change):
    one, other = (fitted_candidate(spec, graphs.learnable()).content() for _ in range(2))
    assert one.content_hash(spec) == other.content_hash(spec)
    assert one.files().keys() == other.files().keys()


@pytest.mark.parametrize(("spec", "change"), CASES)
def test_another_setting_or_other_data_has_another_hash(graphs, spec, change):
    base = fitted_candidate(spec, graphs.learnable()).content().content_hash(spec)
    changed = spec.model_copy(update=change)
    assert fitted_candidate(changed, graphs.learnable()).content().content_hash(changed) != base
    assert fitted_candidate(spec, graphs.learnable(seed=1)).content().content_hash(spec) != base


@pytest.mark.parametrize(("spec", "_change"), CASES)
def test_probabilities_are_complete_even_for_firms_never_seen(graphs, spec, _change):
    fitted = fitted_candidate(spec, graphs.learnable())
    unseen = graphs.graph_of(
        ["new1", "new2", "alone"],
        {"supply": [("new1", "new2", 2.0)]},
        np.array([[0.5, np.nan, 1.0], [np.nan, np.nan, np.nan], [9.0, -9.0, 1e9]]),
    )
    found = fitted.probabilities(unseen)
    assert found.shape == (3, 2)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize(("spec", "_change"), CASES)
def test_rows_outside_fitting_do_not_matter(graphs, spec, _change):
    data = graphs.learnable()
    outside = ~(data.development | data.validation)
    values = data.graph.features.copy()
    values[outside] += 1.0  # their community is related to no other
    other = dataclasses.replace(data, graph=dataclasses.replace(data.graph, features=values))
    one, two = (fitted_candidate(spec, some).probabilities(some.graph)[~outside] for some in (data, other))
    # Aggregates are centred on all rows, which moves last digits only.
    np.testing.assert_allclose(one, two, atol=1e-9 if spec is not SAGE else 0)


ORDERED = [LOGISTIC, TREES, SVM, PLANE, FOREST, SPREAD, SMOOTH, KERNEL, KRIGING]


@pytest.mark.parametrize("spec", ORDERED, ids=lambda spec: spec.name)
def test_ordered_classes_change_the_model_and_its_probabilities_sum_to_one(graphs, spec):
    data = graphs.learnable(classes=4, firms=240)
    ordered = spec.model_copy(update={"ordered": True})
    plain, fitted = (fitted_candidate(one, data) for one in (spec, ordered))
    found = fitted.probabilities(data.graph)
    assert found.shape == (240, 4)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found - plain.probabilities(data.graph)).max() > 1e-3
    content = fitted.content()
    again = restored_candidate(ordered, ModelContent.from_files(content.files()), "")
    np.testing.assert_array_equal(again.probabilities(data.graph), found)
    assert again.content().content_hash(ordered) == content.content_hash(ordered)
    assert again.inputs == fitted.inputs
    assert fitted.notes["steps"] == 3


@pytest.mark.parametrize("spec", [TREES, SVM, FOREST, SPREAD, SMOOTH, KERNEL, KRIGING], ids=lambda spec: spec.name)
def test_a_class_that_development_never_saw_is_unlikely_but_has_its_column(graphs, spec):
    data = graphs.without_class(graphs.learnable(classes=3), 1)
    found = fitted_candidate(spec, data).probabilities(data.graph)
    assert found.shape == (120, 3)
    assert found[:, 1].max() < 0.05


@pytest.mark.parametrize("spec", [SPREAD, SMOOTH], ids=lambda spec: spec.name)
def test_no_development_firm_sees_its_own_outcome(graphs, spec):
    # A base that looks at next to nothing leaves the known outcomes as the only way to one's own.
    if isinstance(spec, CorrectAndSmoothSpec):
        spec = CorrectAndSmoothSpec(
            name="smooth",
            kind="correct_and_smooth",
            base={"kind": "logistic", "inverse_penalty": 1e-12},
            rescaled=False,
        )
    data = graphs.learnable()
    truth = data.truth.copy()
    asked = np.flatnonzero(data.development)[0]
    truth[asked] = 1 - truth[asked]
    one, other = (
        fitted_candidate(spec, dataclasses.replace(data, truth=some)).probabilities(data.graph)
        for some in (data.truth, truth)
    )
    change = np.abs(one - other).max(axis=1)
    partners = data.graph.union()[[asked]].indices
    # Class shares of development move by one firm of eighty, and with them everything by a little.
    assert change[asked] < 0.01
    assert change[partners].max() > 0.05
