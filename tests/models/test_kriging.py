"""Kriging: the posterior by hand, what firms without an outcome tell, and every setting acts."""

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import ndtr
from sklearn.metrics.pairwise import cosine_similarity

from models.kriging import covariance, fit_kriging, normal_scores, places, variances
from schemas.candidates import KrigingSpec
from schemas.portfolio import PortfolioSpec


def spec(**settings):
    return KrigingSpec(name="kriging", kind="kriging", **settings)


def with_categories(data):
    """Return the data with a category of three values beside the features."""
    kinds = np.eye(3)[np.arange(data.graph.size) % 3]
    graph = dataclasses.replace(
        data.graph,
        features=np.concatenate([data.graph.features, kinds], axis=1),
        feature_names=(*data.graph.feature_names, "trade=a", "trade=b", "trade=c"),
    )
    return dataclasses.replace(data, graph=graph)


def test_normal_scores_of_two_equal_classes_are_the_means_of_both_halves():
    scores, cuts = normal_scores(np.array([5, 5]))
    np.testing.assert_allclose(scores, [-np.sqrt(2 / np.pi), np.sqrt(2 / np.pi)])
    np.testing.assert_allclose(cuts, [0], atol=1e-12)


def test_normal_scores_ascend_have_mean_zero_and_give_an_absent_class_no_range():
    counts = np.array([3, 0, 10, 7])
    scores, cuts = normal_scores(counts)
    assert counts @ scores == pytest.approx(0)
    assert (np.diff(scores[counts > 0]) > 0).all()
    assert cuts[0] == cuts[1]


def test_the_covariance_is_what_the_formula_says(graphs):
    data = with_categories(graphs.learnable(firms=40))
    one = spec(similarity={1: 0.5, 2: 0.25}, category_weight=0.3, feature_weight=0.7)
    fitted = fit_kriging(one, data)
    found = places(data.graph, one, fitted.scaling, tuple(sorted(data.graph.firms.tolist())))
    cosines = cosine_similarity(data.graph.union().toarray() + np.eye(40))
    same = np.equal.outer(np.arange(40) % 3, np.arange(40) % 3)
    inputs = found.inputs @ found.inputs.T / found.inputs.shape[1]
    expected = 0.5 * cosines + 0.25 * cosines**2 + 0.3 * cosines * same + 0.7 * inputs
    np.testing.assert_allclose(covariance(one, found, found), expected, atol=1e-12)
    np.testing.assert_allclose(variances(one, found), np.diag(expected))
    assert fitted.inputs == 3, "a category is no input beside its own term"


def exact(fitted, data, one):
    """Return mean of all firms' scores and errors of development's, each left out, without landmarks."""
    everyone = places(data.graph, one, fitted.scaling, fitted.names)
    rows = np.flatnonzero(data.development)
    total = covariance(one, everyone, everyone)
    seen, noise, at = [fitted.scores], [np.full(len(rows), one.noise)], [rows]
    if one.own == "observed":
        seen.append((everyone.inputs @ fitted.weights[:-1] + fitted.weights[-1]) / fitted.share)
        noise.append(np.full(data.graph.size, (1 - fitted.share) / fitted.share))
        at.append(np.arange(data.graph.size))
    seen, noise, at = (np.concatenate(part) for part in (seen, noise, at))

    def mean(kept):
        joint = total[np.ix_(at[kept], at[kept])] + np.diag(noise[kept])
        return total[:, at[kept]] @ np.linalg.solve(joint, seen[kept])

    everything = np.arange(len(seen))
    errors = [seen[i] - mean(np.delete(everything, i))[rows[i]] for i in range(len(rows))]
    return mean(everything), np.array(errors)


@pytest.mark.parametrize("own", ["kernel", "observed"])
def test_with_every_firm_a_landmark_the_posterior_is_exact(graphs, own):
    data = graphs.learnable(firms=60)
    one = spec(own=own, noise=0.3)
    fitted = fit_kriging(one, data)
    mean, errors = exact(fitted, data, one)
    assert fitted.deviation == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
    beyond = ndtr((mean - fitted.cuts[0]) / fitted.deviation)
    found = fitted.probabilities(data.graph)[:, 1]
    # Firms that are no landmark are seen through those that are.
    known = np.ones(60, dtype=bool) if own == "observed" else data.development
    np.testing.assert_allclose(found[known], beyond[known], atol=1e-4)


def test_inputs_of_firms_without_an_outcome_tell_of_firms_like_them_if_observed(graphs):
    data = graphs.learnable()
    asked = np.flatnonzero(data.truth < 0)[0]
    like = data.graph.union()[[asked]].indices
    values = data.graph.features.copy()
    values[like] = np.nan_to_num(values[like]) + 2.0
    moved = dataclasses.replace(data, graph=dataclasses.replace(data.graph, features=values))
    for own, told in (("kernel", False), ("observed", True)):
        fitted = fit_kriging(spec(own=own), data)
        change = fitted.probabilities(moved.graph)[asked] - fitted.probabilities(data.graph)[asked]
        assert (np.abs(change).max() > 1e-4) == told


@pytest.mark.parametrize(
    "change",
    [
        {"own": "observed"},
        {"similarity": {2: 1.0}},
        {"category_weight": 0.0},
        {"feature_weight": 0.1},
        {"noise": 1.0},
        {"landmarks": 10},
        {"features": "neighbour"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_acts(graphs, change):
    data = with_categories(graphs.learnable())
    one, other = (fit_kriging(some, data).probabilities(data.graph) for some in (spec(), spec(**change)))
    assert np.abs(one - other).max() > 1e-3


def test_it_learns_in_order_and_says_how_far_off_it_is(graphs):
    data = graphs.learnable(classes=4, firms=240)
    fitted = fit_kriging(spec(), data)
    found = fitted.probabilities(data.graph)
    held = data.validation
    assert np.corrcoef(found[held] @ np.arange(4), data.truth[held])[0, 1] > 0.5
    assert fitted.notes["landmarks"] == data.development.sum()
    assert 0 < fitted.notes["explained by own inputs"] < 1
    assert fitted.notes["deviation left out"] < 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"own": "observed", "feature_weight": 0.5}, "shapes the covariance of `own: kernel`"),
        ({"similarity": {}}, "at least 1 item"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        spec(**settings)


def test_a_portfolio_file_can_name_it(world):
    described = world.portfolio().model_dump(mode="json")
    kriging = {"name": "kriging", "kind": "kriging", "own": "observed", "similarity": {"1": 0.2, "4": 0.5}}
    read = PortfolioSpec.model_validate(described | {"candidates": [kriging]})
    assert read.candidates[0] == spec(own="observed", similarity={1: 0.2, 4: 0.5})
    assert PortfolioSpec.model_validate_json(read.model_dump_json()) == read
