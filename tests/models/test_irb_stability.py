"""Stability of a rating system beside published examples and independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.irb_stability import (
    auc_decline_p,
    auc_variance,
    concentration_p,
    herfindahl,
    herfindahl_indices,
    migration_counts,
    stability_p,
    stability_p_by_draws,
    weighted_bandwidths,
)

#: Counts and results of the example of MathWorks' `matrixWeightedBandwidth` (R2026a), computed there from section
#: 2.5.5.1 of the ECB's instructions.
BANDWIDTH_EXAMPLE = [[10, 8, 15, 9, 10], [11, 9, 13, 9, 8], [0, 10, 10, 11, 10], [0, 0, 9, 11, 11], [0, 0, 0, 11, 10]]
#: The first two rows of the example of MathWorks' `migrationMatrixStabilityTest` (R2026a), section 2.5.5.2, and its
#: answers: 1 is rejected at 95 %, NaN has nothing to compare.
STABILITY_EXAMPLE = [
    [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101, 111, 121, 131, 141],
    [89, 120, 81, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]
STABILITY_ANSWERS = [[math.nan, 1, 1, *[0] * 11], [0, math.nan, 0, 0, 0, *[math.nan] * 9]]


class TestAuc:
    def test_variance_is_that_of_the_placement_values_counted_pair_by_pair(self):
        rng = np.random.default_rng(3)
        y, score = rng.random(70) < 0.3, np.round(rng.random(70), 1)
        wins = (score[y][:, None] > score[~y]) + 0.5 * (score[y][:, None] == score[~y])
        variance = wins.mean(axis=1).var(ddof=1) / y.sum() + wins.mean(axis=0).var(ddof=1) / (~y).sum()
        assert auc_variance(y, score) == pytest.approx((wins.mean(), variance))

    def test_it_is_about_the_spread_of_repeated_samples(self):
        rng = np.random.default_rng(8)
        samples = [(rng.normal(1, 1, 60), rng.normal(0, 1, 140)) for _ in range(300)]
        found = [auc_variance([1] * 60 + [0] * 140, np.concatenate(pair)) for pair in samples]
        assert np.sqrt(np.mean([variance for _, variance in found])) == pytest.approx(
            np.std([auc for auc, _ in found]), rel=0.12
        )

    def test_decline_by_hand(self):
        # (.80 - .75) / .025 = 2 standard errors
        assert auc_decline_p(0.80, 0.75, 0.025**2) == pytest.approx(1 - stats.norm.cdf(2))
        assert auc_decline_p(0.75, 0.75, 0.0) == 1.0
        assert auc_decline_p(0.76, 0.75, 0.0) == 0.0

    def test_one_default_has_no_variance(self):
        with pytest.raises(ValueError, match="two of each: found 1 defaults"):
            auc_variance([1, 0, 0], [0.1, 0.2, 0.3])


class TestConcentration:
    def test_herfindahl_at_its_ends(self):
        assert herfindahl([5, 5, 5, 5]) == pytest.approx((0.0, 0.0))
        assert herfindahl([20, 0, 0, 0]) == pytest.approx((math.sqrt(3), 1.0))

    @given(st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(any))
    def test_it_is_the_sum_of_squared_shares_on_a_log_scale(self, counts):
        shares = np.array(counts) / sum(counts)
        K = len(counts)
        expected = 1 + math.log(float(np.sum(shares**2))) / math.log(K)
        assert herfindahl(counts)[1] == pytest.approx(expected, abs=1e-9)
        assert herfindahl_indices(np.array([counts, counts], dtype=float)) == pytest.approx([expected] * 2, abs=1e-9)

    def test_p_value_by_hand(self):
        # sqrt(3) (1 - .5) / sqrt(1 * 1.5) = .7071
        assert concentration_p(0.5, 1.0, 4) == pytest.approx(1 - stats.norm.cdf(math.sqrt(0.5)))
        assert concentration_p(0.5, 0.0, 4) is None
        assert concentration_p(0.5, 0.5, 4) == 0.5


class TestMigrations:
    def test_counts(self):
        counts = migration_counts(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
        assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]

    def test_bandwidths_are_those_of_the_published_example(self):
        upper, lower = weighted_bandwidths(BANDWIDTH_EXAMPLE)
        assert (round(float(lower), 4), round(float(upper), 4)) == (0.3306, 0.6066)

    def test_bandwidths_of_nobody_and_of_the_farthest(self):
        upper, lower = weighted_bandwidths([[0, 0, 4], [0, 7, 0], [0, 0, 9]])
        assert upper == 1.0
        assert math.isnan(lower)

    def test_rejections_are_those_of_the_published_example(self):
        p_values = stability_p(STABILITY_EXAMPLE)[:, :14]
        found = np.where(np.isnan(p_values), math.nan, p_values < 0.05)
        np.testing.assert_array_equal(found, STABILITY_ANSWERS)

    def test_p_value_by_hand(self):
        # shares .6 .1 .3 of 100: z = (.1 - .3) / sqrt((.3*.7 + .1*.9 + 2*.3*.1) / 100)
        p_values = stability_p([[60, 10, 30], [0, 1, 0], [0, 0, 1]])
        assert p_values[0, 2] == pytest.approx(stats.norm.cdf(-0.2 / math.sqrt(0.36 / 100)))
        assert np.isnan(np.diag(p_values)).all()

    def test_a_row_that_moved_as_one_leaves_no_doubt(self):
        p_values = stability_p([[0, 9, 0], [0, 9, 0], [0, 0, 0]])
        np.testing.assert_array_equal(p_values, [[math.nan, 0, 1], [1, math.nan, 1], [math.nan] * 3])

    def test_draws_count_how_often_the_nearer_one_is_at_least_as_frequent(self):
        draws = np.zeros((4, 3, 3))
        draws[:, 0] = [[5, 1, 3], [5, 3, 1], [5, 2, 2], [0, 0, 0]]
        found = stability_p_by_draws(draws)
        assert found[0, 2] == pytest.approx((1 + 2) / (1 + 3)), "the draw without firms says nothing"
        assert np.isnan(found[1:]).all()
