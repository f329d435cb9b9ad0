"""Resampling of whole clusters: what it draws, what it covers and when it declines."""

import math

import numpy as np
import pytest

from models.bootstrap import (
    PairedAuc,
    auc_change,
    cluster_weights,
    paired_difference,
    rank_correlation,
    score_intervals,
    significantly_better,
)
from models.discrimination import METRICS, point_scores
from schemas.results import Interval


def world(seed, *, clusters=30, size=6, skill=1.0):
    """Firms of one community share part of their risk; more skill separates the classes better."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(clusters), size)
    truth = (rng.random(len(names)) < 0.4).astype(int)
    logit = skill * (2 * truth - 1) + rng.normal(size=clusters)[names] + rng.normal(size=len(names))
    positive = 1 / (1 + np.exp(-logit))
    return truth, np.stack([1 - positive, positive], axis=1), names


def test_whole_clusters_are_drawn_as_many_as_there_are():
    names = np.array(["b", "a", "c", "a", "b", "d"])
    weights = cluster_weights(names, draws=200, seed=1)
    assert weights.shape == (200, 6)
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights[:, 0], weights[:, 4])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 3])
    assert (weights[:, [0, 1, 2, 5]].sum(axis=1) == 4).all()
    # Each count is binomial(4, 1/4): mean 1, and 200 draws put it within 5 standard errors.
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=5 * math.sqrt(0.75 / 200))
    assert weights[:, 0].var() == pytest.approx(0.75, rel=0.4)


def test_weights_depend_on_seed_and_names_and_not_on_the_order_of_rows():
    names = np.array([30, 10, 20, 10, 40, 30])
    order = np.array([4, 2, 0, 5, 1, 3])
    weights = cluster_weights(names, draws=50, seed=7)
    np.testing.assert_array_equal(weights, cluster_weights(names, draws=50, seed=7))
    np.testing.assert_array_equal(weights[:, order], cluster_weights(names[order], draws=50, seed=7))
    np.testing.assert_array_equal(weights[:20], cluster_weights(names, draws=20, seed=7))
    assert (weights != cluster_weights(names, draws=50, seed=8)).any()


def test_permuting_rows_changes_no_interval():
    truth, probabilities, names = world(1)
    order = np.random.default_rng(1).permutation(len(truth))
    straight = score_intervals(truth, probabilities, names, threshold=0.5, draws=100, seed=3)
    permuted = score_intervals(truth[order], probabilities[order], names[order], threshold=0.5, draws=100, seed=3)
    assert tuple(straight) == METRICS
    for metric, interval in straight.items():
        assert permuted[metric].model_dump() == pytest.approx(interval.model_dump()), metric


def test_the_estimate_is_that_of_the_rows_and_lies_in_its_interval():
    truth, probabilities, names = world(2)
    found = score_intervals(truth, probabilities, names, threshold=0.3, seed=3)
    assert {metric: one.value for metric, one in found.items()} == point_scores(truth, probabilities, threshold=0.3)
    assert all(one.low < one.value < one.high for one in found.values())


def test_an_interval_holds_the_truth_nineteen_times_in_twenty_and_one_of_rows_does_not():
    # Each cluster has its own share of right predictions, Beta(3.5, 1.5): the true accuracy is 0.7.
    repeats, clusters, size = 200, 40, 8
    names = np.repeat(np.arange(clusters), size)
    covered = {"clusters": 0, "rows": 0}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        right = rng.random(len(names)) < rng.beta(3.5, 1.5, size=clusters)[names]
        truth = rng.integers(2, size=len(names))
        probabilities = np.eye(2)[np.where(right, truth, 1 - truth)]
        for kind, labels in (("clusters", names), ("rows", np.arange(len(names)))):
            found = score_intervals(truth, probabilities, labels, threshold=0.5, draws=200, seed=seed)["accuracy"]
            covered[kind] += found.low <= 0.7 <= found.high
    # The binomial standard error of 200 repeats is 0.015; 40 clusters cost a percentile interval about 0.02.
    assert 0.88 <= covered["clusters"] / repeats <= 0.99
    assert covered["rows"] / repeats < 0.85


def test_one_cluster_gives_an_estimate_without_an_interval():
    truth, probabilities, _ = world(4)
    for found in score_intervals(truth, probabilities, ["a"] * len(truth), threshold=0.5, draws=20, seed=1).values():
        assert found.value is not None
        assert found.low is found.high is None
    difference = paired_difference(truth, probabilities, probabilities, ["a"] * len(truth), seed=1)
    assert difference == Interval(value=0.0)


def test_one_class_gives_neither_an_auc_nor_its_interval():
    _, probabilities, names = world(5)
    truth = np.zeros(len(names), dtype=int)
    found = score_intervals(truth, probabilities, names, threshold=0.5, draws=50, seed=1)
    assert found["auc"] == Interval(value=None)
    assert found["accuracy"].low is not None
    assert paired_difference(truth, probabilities, probabilities, names, draws=50, seed=1) == Interval(value=None)


def test_undefined_replicates_are_dropped_until_they_are_the_majority():
    # Two clusters of one class each: about half of the resamples miss one, more or less by seed.
    truth, probabilities, names = [0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 1]
    formed = set()
    for seed in range(20):
        both_drawn = (cluster_weights(names, draws=25, seed=seed) > 0).all(axis=1).mean()
        auc = score_intervals(truth, probabilities, names, threshold=0.5, draws=25, seed=seed)["auc"]
        assert auc == (Interval(value=1.0, low=1.0, high=1.0) if both_drawn >= 0.5 else Interval(value=1.0))
        formed.add(auc.low is not None)
    assert formed == {True, False}


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_differs_from_itself_by_exactly_nothing(metric):
    truth, probabilities, names = world(7)
    difference = paired_difference(truth, probabilities, probabilities, names, metric=metric, draws=50, seed=1)
    assert difference == Interval(value=0.0, low=0.0, high=0.0)
    assert not significantly_better(difference)


def test_a_much_better_challenger_is_significantly_better_and_the_baseline_is_not():
    truth, probabilities, names = world(8, skill=2.0)
    noise = np.random.default_rng(8).random(len(truth))
    guess = np.stack([1 - noise, noise], axis=1)
    forward = paired_difference(truth, probabilities, guess, names, seed=1)
    backward = paired_difference(truth, guess, probabilities, names, seed=1)
    assert significantly_better(forward)
    assert not significantly_better(backward)
    assert (forward.value, forward.low, forward.high) == pytest.approx((-backward.value, -backward.high, -backward.low))


def test_models_compared_on_kept_resamples_differ_as_they_do_when_drawn_anew():
    truth, probabilities, names = world(6)
    _, guess, _ = world(7)
    paired = PairedAuc(truth, names, draws=50, seed=1)
    found = paired.of("model", probabilities).minus(paired.of("guess", guess))
    assert found == paired_difference(truth, probabilities, guess, names, draws=50, seed=1)


def test_a_share_of_a_gain_is_between_nothing_and_all_of_it():
    truth, best, names = world(6, skill=2.0)
    paired = PairedAuc(truth, names, draws=50, seed=1)
    whole, base = paired.of("whole", best), paired.of("base", world(7)[1])
    assert whole.share_of(whole, base) == Interval(value=1.0, low=1.0, high=1.0)
    assert base.share_of(whole, base) == Interval(value=0.0, low=0.0, high=0.0)
    assert whole.share_of(base, whole) == Interval(value=None), "nothing was gained that could be shared"


def test_ranks_agree_with_themselves_and_disagree_when_turned():
    _, probabilities, names = world(6)
    scores = probabilities[:, 1]
    same = rank_correlation(scores, scores**3, names, draws=50, seed=1)
    turned = rank_correlation(scores, -scores, names, draws=50, seed=1)
    assert [same.value, same.low, same.high] == pytest.approx([1, 1, 1])
    assert [turned.value, turned.low, turned.high] == pytest.approx([-1, -1, -1])
    assert rank_correlation(scores, np.ones_like(scores), names, draws=50, seed=1) == Interval(value=None)


def test_pairing_makes_the_interval_of_two_like_models_narrower_than_their_own():
    truth, probabilities, names = world(9)
    positive = np.clip(probabilities[:, 1] + np.random.default_rng(9).normal(0, 0.02, len(truth)), 0, 1)
    like = np.stack([1 - positive, positive], axis=1)
    own = score_intervals(truth, probabilities, names, threshold=0.5, seed=1)["auc"]
    difference = paired_difference(truth, like, probabilities, names, seed=1)
    assert difference.high - difference.low < (own.high - own.low) / 3


def test_each_model_can_have_its_own_threshold():
    truth, probabilities, names = world(10)
    found = paired_difference(
        truth, probabilities, probabilities, names, metric="recall", threshold=(0.2, 0.8), draws=50, seed=1
    )
    by_hand = [point_scores(truth, probabilities, threshold=cut)["recall"] for cut in (0.2, 0.8)]
    assert found.value == by_hand[0] - by_hand[1]
    assert significantly_better(found)


def test_auc_of_a_sample_has_not_changed_against_itself_since_its_communities_come_along():
    truth, probabilities, names = world(13)
    same = (truth, probabilities, names)
    found = auc_change(same, same, draws=50, seed=1)
    assert (found.change.value, found.change.low, found.change.high) == (0.0, 0.0, 0.0)
    assert found.current.value == found.initial.value == point_scores(truth, probabilities)["auc"]


def test_auc_that_is_lost_elsewhere_shows_below_nothing():
    truth, probabilities, names = world(14)
    turned = probabilities[:, ::-1]
    found = auc_change((truth, turned, names), (truth, probabilities, names), draws=100, seed=1)
    assert found.change.value == pytest.approx(1 - 2 * found.initial.value)
    assert found.change.high < 0
    alone = ["one"] * len(truth)
    assert auc_change((truth, turned, alone), (truth, probabilities, alone), draws=20, seed=1).change.low is None


def test_an_absent_interval_is_not_significantly_better():
    assert not significantly_better(Interval(value=0.2))
    assert not significantly_better(Interval(value=0.2, low=0.0, high=0.4))
    assert significantly_better(Interval(value=0.2, low=0.01, high=0.4))


@pytest.mark.parametrize(
    ("clusters", "draws", "message"),
    [
        ([], 10, "n >= 1"),
        ([["a"], ["b"]], 10, r"found \(2, 1\)"),
        (["a", None], 10, "found 1 missing"),
        ([1.0, math.nan], 10, "found 1 missing"),
        (["a", "b"], 0, "expected draws >= 1, found 0"),
    ],
)
def test_clusters_that_cannot_be_drawn_are_refused(clusters, draws, message):
    with pytest.raises(ValueError, match=message):
        cluster_weights(clusters, draws=draws, seed=1)


def test_clusters_of_other_rows_are_refused():
    truth, probabilities, names = world(11)
    with pytest.raises(ValueError, match=r"one name for each of \(180,\), found \(179,\)"):
        score_intervals(truth, probabilities, names[1:], threshold=0.5, seed=1)


def test_an_unknown_metric_is_refused_with_the_one_that_was_probably_meant():
    truth, probabilities, names = world(12)
    with pytest.raises(ValueError, match="did you mean gini"):
        paired_difference(truth, probabilities, probabilities, names, metric="ginni", seed=1)
