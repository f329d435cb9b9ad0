"""Support vector machines: the minimum, the kernel through landmarks, and probabilities from left-out margins."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel as reference_kernel
from sklearn.svm import LinearSVC

from models.landmarks import landmark_factor, landmark_inputs, landmark_rows, landmark_weights, rbf_kernel
from models.margins import fitted_margins, hinge_minimum, platt
from models.svm import fit_svm
from schemas.candidates import SvmSpec
from schemas.specs import TrainingSpec


def spec(**settings):
    return SvmSpec(name="svm", kind="svm", **settings)


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(200, 4))


def signs_of(rows):
    return np.where(rows[:, :1] + 0.5 * rows[:, 1:2] + np.random.default_rng(1).normal(size=(200, 1)) > 0.3, 1.0, -1.0)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_the_minimum_is_that_of_liblinear(rows, penalty):
    signs = signs_of(rows)
    weights, intercept = hinge_minimum(rows, signs, np.ones_like(signs), penalty)
    # liblinear penalises its intercept; a large scale makes that penalty vanish.
    reference = LinearSVC(C=penalty, dual=False, intercept_scaling=1e3, tol=1e-8).fit(rows, signs.ravel())
    np.testing.assert_allclose(weights.ravel(), reference.coef_.ravel(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(intercept, reference.intercept_, rtol=1e-3, atol=1e-3)


def test_columns_are_separate_problems(rows):
    signs = np.concatenate([signs_of(rows), np.sign(rows[:, 3:])], axis=1)
    counting = np.ones_like(signs)
    both, _ = hinge_minimum(rows, signs, counting, 1.0)
    for column in range(2):
        alone, _ = hinge_minimum(rows, signs[:, [column]], counting[:, [column]], 1.0)
        np.testing.assert_allclose(both[:, column], alone.ravel(), rtol=1e-3, atol=1e-4)


def test_a_row_that_counts_twice_is_two_rows(rows):
    signs = signs_of(rows)
    counting = np.ones_like(signs)
    counting[:50] = 2.0
    weighted, _ = hinge_minimum(rows, signs, counting, 1.0)
    doubled = np.concatenate([rows, rows[:50]])
    repeated, _ = hinge_minimum(doubled, np.concatenate([signs, signs[:50]]), np.ones((250, 1)), 1.0)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-4, atol=1e-5)


def test_the_kernel_is_scikit_learns(rows):
    np.testing.assert_allclose(rbf_kernel(rows, rows[:7], 0.3), reference_kernel(rows, rows[:7], gamma=0.3))


def test_landmark_inputs_have_the_kernel_as_inner_product(rows):
    kernel = rbf_kernel(rows, rows, 0.3)
    inputs = landmark_inputs(landmark_factor(kernel), kernel)
    np.testing.assert_allclose(inputs @ inputs.T, kernel, atol=1e-4)


def test_weights_on_the_kernel_do_what_weights_on_the_inputs_do(rows):
    landmarks = rows[:20]
    factor, kernel = landmark_factor(rbf_kernel(landmarks, landmarks, 0.3)), rbf_kernel(rows, landmarks, 0.3)
    weights = np.random.default_rng(2).normal(size=(20, 3))
    np.testing.assert_allclose(kernel @ landmark_weights(factor, weights), landmark_inputs(factor, kernel) @ weights)


def test_landmarks_are_all_rows_or_so_many():
    np.testing.assert_array_equal(landmark_rows(5, 5, seed=0), np.arange(5))
    chosen = landmark_rows(100, 10, seed=0)
    assert len(np.unique(chosen)) == 10
    assert (np.diff(chosen) > 0).all()
    assert (landmark_rows(100, 10, seed=1) != chosen).any()


def test_platt_finds_the_line_the_log_odds_lie_on():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=20_000)
    positive = rng.random(20_000) < expit(2.0 * margins - 1.0)
    assert platt(margins, positive) == (pytest.approx(2.0, abs=0.1), pytest.approx(-1.0, abs=0.05))


def test_platt_stays_finite_where_margins_separate_and_sure_where_nothing_differs():
    slope, offset = platt(np.array([-1.0, -2.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert 0 < slope < 100
    assert abs(offset) < 10
    assert platt(np.ones(3), np.zeros(3, dtype=bool)) == (0.0, -50.0)
    assert platt(np.ones(3), np.ones(3, dtype=bool)) == (0.0, 50.0)


def test_probabilities_come_from_margins_of_communities_left_out(rows):
    # Outcomes are noise that is the same within a pair: only leaving pairs out together shows that nothing was learnt.
    rng = np.random.default_rng(3)
    wide = np.repeat(rng.normal(size=(60, 100)), 2, axis=0)
    truth = np.repeat(rng.integers(0, 2, 60), 2)
    pairs = np.repeat([f"c{number:02d}" for number in range(60)], 2)
    settings = {"classes": 2, "inverse_penalty": 1.0, "folds": 5}
    together = fitted_margins(wide, truth, pairs, **settings).probabilities(wide)
    apart = fitted_margins(wide, truth, np.tile(["a", "b"], 60), **settings).probabilities(wide)
    assert np.abs(together[:, 1] - truth.mean()).max() < 0.3
    assert roc_auc_score(truth, apart[:, 1]) == 1
    assert log_loss(truth, apart[:, 1]) < 0.1


def test_one_community_has_no_left_out_margins_and_still_gives_probabilities(graphs):
    data = graphs.learnable()
    data = dataclasses.replace(data, communities=np.full(120, "all"))
    found = fit_svm(spec(), data).probabilities(data.graph)
    assert roc_auc_score(data.truth[data.development], found[data.development, 1]) > 0.7


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_what_can_be_learnt(graphs, kernel, classes):
    data = graphs.learnable(firms=400, classes=classes)
    found = fit_svm(spec(kernel=kernel), data).probabilities(data.graph)
    rows = data.validation
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert roc_auc_score(data.truth[rows] == classes - 1, found[rows, classes - 1]) > 0.8
    assert log_loss(data.truth[rows], found[rows]) < np.log(classes) - 0.1


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "linear"},
        {"inverse_penalty": 5.0},
        {"gamma": 2.0},
        {"landmarks": 5},
        {"folds": 2},
        {"balanced": True},
        {"features": "neighbour"},
    ],
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable()
    skewed = data.truth.copy()
    skewed[data.development] *= np.arange(data.development.sum()) % 3 == 0
    data = dataclasses.replace(data, truth=skewed)
    one, other = (fit_svm(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-3


def test_the_seed_draws_the_landmarks(graphs):
    data = graphs.learnable()
    other = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    few = spec(landmarks=10)
    one, two = (fit_svm(few, some).probabilities(data.graph) for some in (data, other))
    assert np.abs(one - two).max() > 1e-4
