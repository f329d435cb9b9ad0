"""Logistic regression is scikit-learn's, kept as numbers."""

import dataclasses

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.logistic import fit_logistic
from schemas.candidates import LogisticSpec


def spec(**settings):
    return LogisticSpec(name="logistic", kind="logistic", **settings)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_probabilities_are_those_of_scikit_learn(graphs, classes):
    data = graphs.learnable(classes=classes, missing=0)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=2000))
    reference.fit(data.graph.features[data.development], data.truth[data.development])
    found = fit_logistic(spec(inverse_penalty=0.5), data).probabilities(data.graph)
    np.testing.assert_allclose(found, reference.predict_proba(data.graph.features), atol=1e-6)


def test_missing_values_get_the_median_and_a_flag(graphs):
    data = graphs.learnable(missing=0.2)
    rows = data.graph.features
    imputed = SimpleImputer(strategy="median", add_indicator=True).fit(rows[data.development])
    scaler = StandardScaler().fit(imputed.transform(rows[data.development])[:, :3])

    def inputs(rows):
        filled = imputed.transform(rows)
        return np.hstack([scaler.transform(filled[:, :3]), filled[:, 3:]])

    reference = LogisticRegression(C=0.1, max_iter=2000)
    reference.fit(inputs(rows[data.development]), data.truth[data.development])
    fitted = fit_logistic(spec(), data)
    np.testing.assert_allclose(fitted.probabilities(data.graph), reference.predict_proba(inputs(rows)), atol=1e-6)
    assert fitted.inputs == 6


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_that_development_never_saw_has_no_probability(graphs, absent):
    data = graphs.without_class(graphs.learnable(classes=3), absent)
    found = fit_logistic(spec(), data).probabilities(data.graph)
    assert found[:, absent].max() == 0
    np.testing.assert_allclose(found.sum(axis=1), 1)
    seen = [c for c in range(3) if c != absent]
    rows = data.development
    assert (
        found[rows & (data.truth == seen[1]), seen[1]].mean()
        > found[rows & (data.truth == seen[0]), seen[1]].mean() + 0.1
    )


def test_the_penalty_acts(graphs):
    data = graphs.learnable()
    sizes = [np.abs(fit_logistic(spec(inverse_penalty=c), data).weights).sum() for c in (0.001, 0.1, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_neighbour_features_act(graphs):
    data = graphs.learnable()
    own, both = (fit_logistic(spec(features=features), data) for features in ("own", "neighbour"))
    assert both.inputs > own.inputs
    assert np.abs(own.probabilities(data.graph) - both.probabilities(data.graph)).max() > 0.01


def test_outcomes_of_validation_are_not_looked_at(graphs):
    data = graphs.learnable()
    flipped = dataclasses.replace(data, truth=np.where(data.validation, 1 - data.truth, data.truth))
    np.testing.assert_array_equal(fit_logistic(spec(), data).weights, fit_logistic(spec(), flipped).weights)
