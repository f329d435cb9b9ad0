"""Performance estimated from probabilities alone is what comes true where they are right, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.discrimination import point_scores
from models.performance_estimation import drawn_performance, expected_auc, expected_confusion


def realised(outcome, probability, threshold=0.3):
    two = np.stack([1 - probability, probability], axis=1)
    return point_scores(outcome.astype(int), two, threshold=threshold)


@pytest.fixture(scope="module")
def calibrated():
    """Scores of 20,000 firms and outcomes that were drawn from them."""
    rng = np.random.default_rng(5)
    probability = rng.beta(1.2, 6.0, 20_000)
    return probability, rng.random(20_000) < probability


def test_two_firms_by_hand():
    # The first alone defaults in .8 x .7 of the cases, the second alone in .3 x .2: only these order anything.
    assert expected_auc([0.8, 0.3]) == pytest.approx(0.56 / 0.62)
    assert expected_confusion([0.8, 0.3], [True, False]) == pytest.approx((0.8, 0.2, 0.3, 0.7))


def test_equal_scores_order_nobody_and_certain_ones_have_no_pair():
    assert expected_auc([0.2, 0.2, 0.2]) == pytest.approx(0.5)
    assert expected_auc([0.0, 0.0]) is None
    assert expected_auc([0.4]) is None
    assert expected_auc([0.0, 1.0]) == 1.0


def test_where_the_probabilities_are_right_the_estimate_comes_true(calibrated):
    probability, outcome = calibrated
    seen, called = realised(outcome, probability), probability >= 0.3
    assert expected_auc(probability) == pytest.approx(seen["auc"], abs=0.01)
    tp, fp, fn, tn = expected_confusion(probability, called)
    assert (tp + tn) / 20_000 == pytest.approx(seen["accuracy"], abs=0.01)
    assert tp / (tp + fp) == pytest.approx(seen["precision"], abs=0.02)
    assert tp / (tp + fn) == pytest.approx(seen["recall"], abs=0.02)
    drawn = drawn_performance(probability, called, draws=200, seed=1)
    for values, value in (
        (drawn.auc, seen["auc"]),
        (drawn.accuracy, seen["accuracy"]),
        (drawn.defaults, outcome.sum()),
    ):
        assert values.min() < value < values.max()
        assert values.std() < 0.02 * values.mean()


def test_where_they_are_not_it_is_wrong_and_does_not_know(calibrated):
    """The stated assumption: halved probabilities order firms as before, and promise half of the defaults."""
    probability, outcome = calibrated
    tp, _, fn, _ = expected_confusion(probability / 2, probability >= 0.3)
    assert tp + fn == pytest.approx(outcome.sum() / 2, rel=0.05)
    assert realised(outcome, probability)["auc"] == pytest.approx(realised(outcome, probability / 2)["auc"])


def test_a_draw_measures_auc_as_everybody_does(calibrated):
    """The ranks' formula against the pairs counted by `models.discrimination`, ties included."""
    probability = np.round(calibrated[0][:300], 2)
    [auc] = drawn_performance(probability, probability >= 0.3, draws=1, seed=9).auc
    outcome = np.random.Generator(np.random.PCG64(9)).random(300) < probability
    assert auc == pytest.approx(realised(outcome, probability)["auc"])


def test_one_class_alone_has_no_auc():
    assert np.isnan(drawn_performance([0.0, 0.0], [False, False], draws=3, seed=0).auc).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_counts_add_up_and_order_of_firms_is_nothing(values, cut):
    p = np.array(values)
    assert sum(expected_confusion(p, p >= cut)) == pytest.approx(len(p))
    forward, backward = expected_auc(p), expected_auc(p[::-1])
    assert (forward is None) == (backward is None)
    if forward is not None:
        assert forward == pytest.approx(backward)
        assert forward >= 0.5 - 1e-9


@pytest.mark.parametrize("probability", [[], [1.1], [np.nan], [[0.5]]])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(ValueError, match="probabilities in"):
        expected_auc(probability)
