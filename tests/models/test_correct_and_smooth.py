"""Correct and smooth: one small graph by hand, and every setting acts."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.candidates import fitted_candidate
from models.correct_and_smooth import FittedCorrectAndSmooth
from models.label_inputs import KnownOutcomes
from models.label_propagation import shown_share
from schemas.candidates import CorrectAndSmoothSpec

BASE = {"kind": "logistic"}


def spec(**settings):
    return CorrectAndSmoothSpec(name="smooth", kind="correct_and_smooth", **({"base": BASE} | settings))


class Even:
    """A base that says .5 of everybody."""

    inputs = 0

    def probabilities(self, graph):
        return np.full((graph.size, 2), 0.5)


def judged(graph, by_firm, **settings):
    one = spec(iterations=1, **settings)
    known = KnownOutcomes(shown_share(one.folds), 2, by_firm)
    return FittedCorrectAndSmooth(one, Even(), known, {}).probabilities(graph)


@pytest.fixture
def pair(graphs):
    """A known firm and its one partner, whose step to each other is 1."""
    return graphs.graph_of(["a", "b"], {"supply": [("a", "b")]})


def test_an_error_spreads_to_the_partner(pair):
    # The error of a is (-.5, .5); one step of .4 brings (-.2, .2) to b.
    found = judged(pair, {"a": 1}, correction=0.4, smoothing=0, rescaled=False)
    np.testing.assert_allclose(found[1], [0.3, 0.7])


def test_a_rescaled_error_is_as_large_as_errors_are(pair):
    found = judged(pair, {"a": 1}, correction=0.4, smoothing=0)
    np.testing.assert_allclose(found[1], [0.0, 1.0], atol=1e-12)


def test_outcomes_are_smoothed_into_the_partner(pair):
    # .6 of (.5, .5) stays and .4 of (0, 1) arrives.
    found = judged(pair, {"a": 1}, correction=0, smoothing=0.4)
    np.testing.assert_allclose(found[1], [0.3, 0.7])


def test_the_known_firm_itself_hears_nothing_of_its_outcome(pair):
    for settings in ({"correction": 0.8, "smoothing": 0.8}, {"correction": 0.4, "smoothing": 0}):
        np.testing.assert_allclose(judged(pair, {"a": 1}, **settings)[0], [0.5, 0.5])


def test_without_partners_the_base_is_left_as_it_is(graphs):
    graph = graphs.graph_of(["a", "b"], {"supply": []})
    np.testing.assert_allclose(judged(graph, {"a": 1}), 0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"correction": 0.0},
        {"smoothing": 0.0},
        {"rescaled": False},
        {"iterations": 1},
        {"tolerance": 0.3},
        {"folds": 2},
        {"relations": {"supply": 1.0}},
        {"base": {"kind": "lightgbm", "rounds": 5, "least_rows_a_leaf": 5}},
        {"base": {"kind": "svm", "kernel": "linear"}},
        {"base": {"kind": "random_forest", "trees": 5}},
        {"base": {"kind": "logistic", "features": "neighbour"}},
    ],
)
def test_each_setting_acts(graphs, change):
    data = graphs.with_uneven_weights(graphs.learnable())
    one, other = (fitted_candidate(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-3


def test_it_finds_what_the_base_cannot_see(graphs):
    data = graphs.learnable(firms=600, groups=60)
    rng = np.random.default_rng(0)
    hidden = 2 * rng.normal(size=60)[np.arange(600) % 60]
    own = np.nan_to_num(data.graph.features[:, 0])
    truth = (own + hidden + 0.3 * rng.normal(size=600) > 0).astype(np.int64)
    keep = rng.random(600) < 0.7
    data = dataclasses.replace(data, truth=np.where(keep, truth, -1), development=keep, validation=np.zeros(600, bool))
    fitted = fitted_candidate(spec(), data)
    base, found = (some.probabilities(data.graph)[~keep, 1] for some in (fitted.base, fitted))
    assert roc_auc_score(truth[~keep], found) > roc_auc_score(truth[~keep], base) + 0.05
