"""Ensembles: the weights with the least log loss, and nothing outside the simplex."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from models.candidates import fitted_candidate
from models.ensemble import FittedEnsemble, combined, ensemble_content, validation_weights
from schemas.candidates import EnsembleSpec, LogisticSpec


def members(seed, count=2, rows=300):
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < 0.4).astype(np.int64)
    odds = [rng.normal(scale=0.7, size=rows) + (2 * truth - 1) * rng.uniform(0, 1.5) for _ in range(count)]
    return truth, [np.stack([1 / (1 + np.exp(o)), 1 / (1 + np.exp(-o))], axis=1) for o in odds]


@given(st.integers(0, 1000), st.integers(2, 5))
def test_weights_are_shares_and_no_member_alone_is_better(seed, count):
    truth, found = members(seed, count)
    weights = validation_weights(found, truth)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    least = min(log_loss(truth, one) for one in [*found, combined(found, np.full(count, 1 / count))])
    assert log_loss(truth, combined(found, weights)) <= least + 1e-4


@given(st.integers(0, 1000))
def test_weights_of_two_are_where_a_line_search_ends(seed):
    truth, found = members(seed)
    best = minimize_scalar(
        lambda w: log_loss(truth, combined(found, [w, 1 - w])), bounds=(0, 1), method="bounded", options={"xatol": 1e-6}
    )
    assert log_loss(truth, combined(found, validation_weights(found, truth))) <= best.fun + 1e-5


def test_a_member_that_knows_nothing_counts_for_nothing():
    truth, (good, _) = members(3)
    wrong = np.where(good > 0.5, 0.02, 0.98)
    np.testing.assert_array_equal(validation_weights([good, wrong], truth), [1, 0])


def test_combined_is_the_weighted_mean():
    one, other = np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])
    np.testing.assert_allclose(combined([one, other], [0.25, 0.75]), [[0.5, 0.5]])


def test_an_ensemble_scores_with_its_members(graphs):
    data = graphs.learnable()
    specs = [
        LogisticSpec(name=name, kind="logistic", features=groups) for name, groups in (("a", "own"), ("b", "neighbour"))
    ]
    fitted = {one.name: fitted_candidate(one, data) for one in specs}
    content = ensemble_content({"a": 0.3, "b": 0.7}, {"a": "hash a", "b": "hash b"})
    found = FittedEnsemble.from_content(content, fitted)
    single = [fitted[name].probabilities(data.graph) for name in "ab"]
    np.testing.assert_allclose(found.probabilities(data.graph), 0.3 * single[0] + 0.7 * single[1])
    assert found.inputs == 2
    assert found.content() == content


def test_the_content_hash_is_that_of_weights_and_members():
    spec = EnsembleSpec(name="both", kind="ensemble", members=("a", "b"))
    base = ensemble_content({"a": 0.5, "b": 0.5}, {"a": "1", "b": "2"}).content_hash(spec)
    assert ensemble_content({"a": 0.4, "b": 0.6}, {"a": "1", "b": "2"}).content_hash(spec) != base
    assert ensemble_content({"a": 0.5, "b": 0.5}, {"a": "1", "b": "3"}).content_hash(spec) != base
