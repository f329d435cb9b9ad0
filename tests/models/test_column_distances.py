"""Distances of columns, against scipy and by hand; corrections for many columns."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import false_discovery_control, ks_2samp

from models.column_distances import (
    JENSEN_SHANNON,
    KOLMOGOROV_SMIRNOV,
    MISSING,
    STABILITY_INDEX,
    UNSEEN,
    adjusted_chances,
    category_measures,
    jensen_shannon,
    kolmogorov_smirnov,
    kolmogorov_smirnov_chance,
    number_measures,
    stability_index,
    went_missing,
)

RNG = np.random.default_rng(0)
BEFORE, AFTER = RNG.normal(size=400), RNG.normal(0.3, 1, size=500)


def found(measures):
    return {one.statistic: one for one in measures}


def test_the_largest_gap_of_two_distributions_is_scipys():
    assert kolmogorov_smirnov(BEFORE, AFTER) == pytest.approx(ks_2samp(BEFORE, AFTER).statistic)
    chance = kolmogorov_smirnov_chance(kolmogorov_smirnov(BEFORE, AFTER), len(BEFORE), len(AFTER))
    assert chance == pytest.approx(ks_2samp(BEFORE, AFTER, method="asymp").pvalue, rel=0.2)


def test_shares_by_hand():
    assert stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(
        -0.25 * np.log(0.5) + 0.25 * np.log(1.5)
    )
    old, new = np.array([0.2, 0.8, 0.0]), np.array([0.5, 0.2, 0.3])
    assert jensen_shannon(old, new) == pytest.approx(jensenshannon(old, new, base=2))
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1)


def test_a_column_does_not_differ_from_itself():
    same = found(number_measures("profit", BEFORE, BEFORE))
    assert [one.value for one in same.values()] == pytest.approx([0, 0, 0, 0, 0], abs=1e-12)


def test_where_nothing_moved_the_distance_is_about_its_error():
    draws = np.random.default_rng(1).normal(size=(40, 2, 300))
    measured = [found(number_measures("profit", *pair))[KOLMOGOROV_SMIRNOV] for pair in draws]
    assert np.mean([one.value for one in measured]) == pytest.approx(measured[0].error, rel=0.15)


def test_missing_values_are_counted_and_not_compared():
    gone = np.where(np.arange(400) < 100, np.nan, BEFORE)
    measured = found(number_measures("profit", BEFORE, gone))
    assert measured[MISSING].value == 0.25
    assert measured[KOLMOGOROV_SMIRNOV].value == pytest.approx(ks_2samp(BEFORE, BEFORE[100:]).statistic)


def test_values_that_come_and_go_at_once_are_seen_to_go():
    before, now = np.arange(40) % 2 == 0, np.arange(40) % 2 == 1
    assert went_missing("profit", before, now).value == 0.5
    assert went_missing("profit", before, before).value == 0


def test_a_category_that_nobody_had_is_unseen():
    before, after = np.arange(100) % 2, np.where(np.arange(100) < 20, 2, np.arange(100) % 2)
    measured = found(category_measures("industry", before, after, 4))
    assert measured[UNSEEN].value == pytest.approx(0.2)
    assert measured[JENSEN_SHANNON].value == pytest.approx(jensenshannon([0.5, 0.5, 0, 0], [0.4, 0.4, 0.2, 0], base=2))
    assert measured[STABILITY_INDEX].value > 0.25


def test_a_column_without_values_has_no_distance():
    measured = found(number_measures("profit", BEFORE, np.full(400, np.nan)))
    assert measured[KOLMOGOROV_SMIRNOV].value is None
    assert "0 values" in measured[KOLMOGOROV_SMIRNOV].reason


def test_chances_are_corrected_as_scipy_does():
    chances = np.array([0.04, 0.001, 0.8, 0.03, 0.001])
    assert adjusted_chances(chances) == pytest.approx(false_discovery_control(chances))
