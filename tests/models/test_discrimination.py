"""Every metric against scikit-learn or SciPy, on weighted data with ties."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn import metrics as reference

from models import discrimination
from models.discrimination import METRICS, f1_threshold, point_scores, scores


def sample(seed, rows=60, classes=2, levels=8):
    """Class indices and probabilities on a coarse grid, so that ties are common."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=rows)
    counts = rng.multinomial(levels, np.full(classes, 1 / classes), size=rows)
    counts[np.arange(rows), truth] += rng.integers(3, size=rows)
    return truth, counts / counts.sum(axis=1, keepdims=True)


def expected_ranking(truth, score, weight):
    """AUC, KS and average precision of a class against the rest, by scikit-learn."""
    if len(np.unique(truth)) < 2:
        return {"auc": math.nan, "ks": math.nan, "average_precision": math.nan}
    false_alarm, hit, _ = reference.roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
    return {
        "auc": reference.roc_auc_score(truth, score, sample_weight=weight),
        "ks": np.abs(hit - false_alarm).max(),
        "average_precision": reference.average_precision_score(truth, score, sample_weight=weight),
    }


def expected(truth, probabilities, weight, threshold):
    """All metrics of one replicate by scikit-learn, which is given only the rows that weigh something."""
    kept = weight > 0
    truth, probabilities, weight = truth[kept], probabilities[kept], weight[kept]
    classes = probabilities.shape[1]
    binary = classes == 2
    predicted = (probabilities[:, 1] >= threshold).astype(int) if binary else probabilities.argmax(axis=1)
    by_class = [
        expected_ranking(truth == k, probabilities[:, k], weight)
        for k in ([1] if binary else range(classes))
        if binary or (truth == k).any()
    ]
    found = {metric: np.mean([one[metric] for one in by_class]) for metric in by_class[0]}
    found["gini"] = 2 * found["auc"] - 1
    average = {"average": "binary" if binary else "macro", "zero_division": 0, "sample_weight": weight}
    found["precision"], found["recall"], found["f1"], _ = reference.precision_recall_fscore_support(
        truth, predicted, **average
    )
    with warnings.catch_warnings():  # a class that is predicted and never true, or only one class
        warnings.simplefilter("ignore", UserWarning)
        found["balanced_accuracy"] = reference.balanced_accuracy_score(truth, predicted, sample_weight=weight)
        found["mcc"] = reference.matthews_corrcoef(truth, predicted, sample_weight=weight)
    found["accuracy"] = reference.accuracy_score(truth, predicted, sample_weight=weight)
    distance = np.sum((probabilities - np.eye(classes)[truth]) ** 2, axis=1)
    found["brier"] = np.average(distance, weights=weight) / (2 if binary else 1)
    if binary:
        by_library = reference.brier_score_loss(truth, probabilities[:, 1], sample_weight=weight, pos_label=1)
        assert found["brier"] == pytest.approx(by_library)
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.sampled_from([2, 4]),
    rows=st.integers(1, 40),
    whole=st.booleans(),
    threshold=st.sampled_from([0.25, 0.5, 0.7]),
)
def test_every_metric_agrees_with_scikit_learn_on_weighted_data_with_ties(seed, classes, rows, whole, threshold):
    truth, probabilities = sample(seed, rows, classes)
    rng = np.random.default_rng(seed)
    weights = rng.poisson(1, (3, rows)).astype(float) if whole else rng.exponential(1, (3, rows))
    weights[:, 0] += 1  # scikit-learn cannot answer for a replicate without rows
    found = scores(truth, probabilities, threshold=threshold, weights=weights)
    assert tuple(found) == METRICS
    for replicate, weight in enumerate(weights):
        wanted = expected(truth, probabilities, weight, threshold)
        for metric in METRICS:
            assert found[metric][replicate] == pytest.approx(wanted[metric], abs=1e-12, nan_ok=True), metric


def test_four_firms_worked_out_by_hand():
    # Ranked: default .9, healthy .6, then a tie at .4 of a default and a healthy firm.
    positive = np.array([0.9, 0.6, 0.4, 0.4])
    found = point_scores([1, 0, 1, 0], np.stack([1 - positive, positive], axis=1), threshold=0.5)
    wanted = {
        "auc": 2.5 / 4,  # of four pairs two are ordered rightly, one wrongly, one is a tie
        "gini": 0.25,
        "ks": 0.5,
        "average_precision": 0.5 * 1 + 0.5 * 2 / 4,
        "f1": 0.5,
        "mcc": 0,
        "accuracy": 0.5,
        "balanced_accuracy": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "brier": (0.01 + 0.36 + 0.36 + 0.16) / 4,
    }
    assert found == pytest.approx(wanted)


def test_whole_weights_equal_rows_written_out_that_often():
    truth, probabilities = sample(5, classes=4)
    times = np.random.default_rng(5).integers(4, size=len(truth))
    weighted = scores(truth, probabilities, weights=times[None])
    written_out = point_scores(np.repeat(truth, times), np.repeat(probabilities, times, axis=0))
    assert {metric: value[0] for metric, value in weighted.items()} == pytest.approx(written_out)


def test_ks_is_the_two_sample_distance_even_of_a_model_that_ranks_backwards():
    truth, probabilities = sample(1)
    for matrix in (probabilities, probabilities[:, ::-1]):
        distance = ks_2samp(matrix[truth == 1, 1], matrix[truth == 0, 1]).statistic
        assert point_scores(truth, matrix)["ks"] == pytest.approx(distance)


@pytest.mark.parametrize("classes", [2, 4])
def test_gini_is_twice_the_auc_less_one(classes):
    found = point_scores(*sample(2, classes=classes))
    assert found["gini"] == pytest.approx(2 * found["auc"] - 1)


@pytest.mark.parametrize("transform", [np.square, np.sqrt, lambda p: np.exp(p) / 10, lambda p: p / 2])
def test_gini_is_invariant_under_increasing_transforms(transform):
    truth, probabilities = sample(3)
    moved = transform(probabilities[:, 1])
    assert (
        point_scores(truth, np.stack([1 - moved, moved], axis=1))["gini"] == point_scores(truth, probabilities)["gini"]
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_permuting_rows_changes_nothing(classes):
    truth, probabilities = sample(4, classes=classes)
    order = np.random.default_rng(4).permutation(len(truth))
    assert point_scores(truth[order], probabilities[order]) == pytest.approx(point_scores(truth, probabilities))


@pytest.mark.parametrize("classes", [2, 4])
def test_one_class_has_no_ranking_metric_and_keeps_the_others(classes):
    found = point_scores(np.ones(60, dtype=int), sample(6, classes=classes)[1])
    undefined = {metric for metric, value in found.items() if value is None}
    assert undefined == {"auc", "gini", "ks", "average_precision"}


def test_a_replicate_without_weight_is_undefined_and_leaves_the_others_alone():
    truth, probabilities = sample(7, classes=4)
    found = scores(truth, probabilities, weights=np.stack([np.zeros(60), np.ones(60)]))
    for metric, value in point_scores(truth, probabilities).items():
        assert math.isnan(found[metric][0])
        assert found[metric][1] == pytest.approx(value)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_size_of_a_chunk_does_not_matter(classes, monkeypatch):
    truth, probabilities = sample(8, classes=classes)
    weights = np.random.default_rng(8).poisson(1, (7, 60))
    whole = scores(truth, probabilities, weights=weights)
    monkeypatch.setattr(discrimination, "CHUNK_CELLS", 130)
    for metric, values in scores(truth, probabilities, weights=weights).items():
        np.testing.assert_allclose(values, whole[metric], rtol=1e-14, err_msg=metric)


def test_the_threshold_itself_is_predicted_positive():
    assert point_scores([0, 1], [[0.7, 0.3], [0.7, 0.3]], threshold=0.3)["recall"] == 1
    assert point_scores([0, 1], [[0.7, 0.3], [0.7, 0.3]], threshold=0.31)["recall"] == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 40))
def test_f1_threshold_is_the_smallest_of_the_best_cut_offs(seed, rows):
    truth, probabilities = sample(seed, rows)
    truth[0] = 1
    positive = probabilities[:, 1]
    reached = {
        cut: reference.f1_score(truth, positive >= cut, zero_division=0) for cut in np.unique(positive)
    }  # every other cut-off predicts the same as one of these
    best = min(cut for cut, f1 in reached.items() if f1 == pytest.approx(max(reached.values()), abs=1e-12))
    found = f1_threshold(truth, positive)
    assert found == best
    assert point_scores(truth, probabilities, threshold=found)["f1"] == pytest.approx(max(reached.values()))


def test_f1_threshold_prefers_the_smaller_of_two_equal_cut_offs():
    # From .8: 1 hit of 2, no false alarm, F1 = 2/3. From .2: 2 hits, 2 false alarms, F1 = 4/6.
    assert f1_threshold([1, 0, 0, 1], [0.8, 0.4, 0.3, 0.2]) == 0.2


def test_f1_threshold_needs_a_positive():
    with pytest.raises(ValueError, match="at least one row of class 1, found none"):
        f1_threshold([0, 0], [0.1, 0.2])


HALVES = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("truth", "probabilities", "options", "message"),
    [
        ([0, 1, 1], HALVES, {}, r"found \(3,\) and \(2, 2\)"),
        ([0, 1], [0.5, 0.5], {}, r"found \(2,\) and \(2,\)"),
        ([0, 1], [[1.0], [1.0]], {}, "K >= 2"),
        ([], np.empty((0, 2)), {}, "n >= 1"),
        ([0, 2], HALVES, {}, "expected integers from 0 to 1, found int64 2"),
        ([0, -1], HALVES, {}, "found int64 -1"),
        ([0.0, 1.0], HALVES, {}, "found float64"),
        (["no", "yes"], HALVES, {}, "found <U3 no, yes"),
        ([0, 1], [[0.5, 0.5], [math.nan, 0.5]], {}, r"found \[nan, 0.5\]"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.6]], {}, "rows >= 0 that sum to 1"),
        ([0, 1], [[0.5, 0.5], [-0.5, 1.5]], {}, "rows >= 0"),
        ([0, 1], HALVES, {"threshold": math.nan}, "found NaN"),
        ([0, 1], HALVES, {"weights": [1.0, 1.0]}, r"expected \(B, 2\) with B >= 1, found \(2,\)"),
        ([0, 1], HALVES, {"weights": [[1.0, -1.0]]}, "numbers >= 0"),
        ([0, 1], HALVES, {"weights": [[1.0, math.nan]]}, "finite"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected_and_found(truth, probabilities, options, message):
    with pytest.raises(ValueError, match=message):
        scores(truth, probabilities, **options)
