"""Every kind of candidate: the same twice, the same after being kept, and another with other settings."""

import dataclasses

import numpy as np
import pytest

from models.candidates import fitted_candidate, restored_candidate
from models.fitted import ModelContent
from schemas.candidates import GraphSageSpec, LightGBMSpec, LogisticSpec

LOGISTIC = LogisticSpec(name="logistic", kind="logistic", features="neighbour")
TREES = LightGBMSpec(name="trees", kind="lightgbm", rounds=20, least_rows_a_leaf=5)
SAGE = GraphSageSpec(name="sage", kind="graphsage", hidden=8, epochs=8)
CASES = [
    pytest.param(LOGISTIC, {"inverse_penalty": 0.5}, id="logistic"),
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
