"""The gap between mean estimate and observed rate, beyond chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.calibration import excess_calibration_gap


def test_it_can_be_computed_by_hand():
    # 100 rows at .5: the error is sqrt(100 * .25) / 100 = .05; 70 happened: .2 less 1.96 * .05
    happened = np.arange(100) < 70
    assert excess_calibration_gap(happened, np.full(100, 0.5)) == pytest.approx(0.2 - 1.959964 * 0.05)


def test_too_high_and_too_low_count_alike():
    happened = np.arange(1000) < 300
    low, high = (excess_calibration_gap(happened, np.full(1000, p)) for p in (0.1, 0.5))
    assert low > 0.15
    assert high > 0.15


def test_what_chance_explains_is_no_gap():
    assert excess_calibration_gap([True, False, False], [0.1, 0.1, 0.1]) == 0.0


def test_probabilities_drawn_from_keep_the_limit():
    rng = np.random.default_rng(3)
    probability = rng.beta(1, 9, 5000)
    assert excess_calibration_gap(rng.random(5000) < probability, probability) < 0.005


def test_without_a_row_there_is_nothing_to_say():
    assert excess_calibration_gap([], []) is None


@pytest.mark.parametrize(("happened", "probability"), [([True], [1.5]), ([True], [math.nan]), ([True, False], [0.5])])
def test_what_is_no_probability_is_refused(happened, probability):
    with pytest.raises(ValueError, match=r"\[0, 1\]|both"):
        excess_calibration_gap(happened, probability)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40), st.randoms())
def test_the_order_of_rows_does_not_matter_and_it_is_a_share(rows, random):
    shuffled = random.sample(rows, len(rows))
    first, second = (excess_calibration_gap(*zip(*some, strict=True)) for some in (rows, shuffled))
    assert first == pytest.approx(second)
    assert 0 <= first <= 1
