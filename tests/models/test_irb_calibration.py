"""The tests of IRB validation beside independent implementations, and their bootstrap beside known dependence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from models.irb_calibration import (
    LEAST_PD,
    binomial_p,
    grade_draws,
    grade_p_by_community,
    hosmer_lemeshow,
    hosmer_lemeshow_p_by_community,
    jeffreys_p,
    spiegelhalter,
    spiegelhalter_p_by_community,
)


def drawn_of(outcome, probability, clusters, *, grades=None, count=1, draws=500):
    grades = np.zeros(len(outcome), dtype=np.int64) if grades is None else grades
    return grade_draws(outcome, probability, grades, clusters, count=count, draws=draws, seed=3)


class TestSingleGrades:
    @pytest.mark.parametrize(("defaults", "firms", "probability"), [(0, 10, 0.01), (3, 100, 0.02), (40, 50, 0.7)])
    def test_jeffreys_is_the_posterior_integrated_numerically(self, defaults, firms, probability):
        def density(rate):
            return rate ** (defaults - 0.5) * (1 - rate) ** (firms - defaults - 0.5)

        below, whole = (integrate.quad(density, 0, upper, limit=400)[0] for upper in (probability, 1))
        assert jeffreys_p(defaults, firms, probability) == pytest.approx(below / whole, rel=1e-5)

    @pytest.mark.parametrize(("defaults", "firms", "probability"), [(0, 10, 0.01), (3, 100, 0.02), (40, 50, 0.7)])
    def test_binomial_is_that_of_scipy(self, defaults, firms, probability):
        expected = stats.binomtest(defaults, firms, probability, alternative="greater").pvalue
        assert binomial_p(defaults, firms, probability) == pytest.approx(expected)

    def test_binomial_by_hand(self):
        # 1 or more of 2 at 10 %: 1 - .9²
        assert binomial_p(1, 2, 0.1) == pytest.approx(0.19)

    def test_the_interval_of_jeffreys_is_that_of_statsmodels(self):
        proportion = pytest.importorskip("statsmodels.stats.proportion")
        low, high = proportion.proportion_confint(7, 120, alpha=0.1, method="jeffreys")
        assert jeffreys_p(7, 120, low) == pytest.approx(0.05)
        assert jeffreys_p(7, 120, high) == pytest.approx(0.95)

    def test_an_estimate_of_0_is_no_certainty(self):
        assert binomial_p(1, 10, 0.0) == pytest.approx(10 * LEAST_PD, rel=1e-4)
        assert jeffreys_p(1, 10, 0.0) > 0


class TestJointTests:
    def test_hosmer_lemeshow_by_hand(self):
        # (100*.1 - 12)²/(100*.1*.9) + (50*.2 - 6)²/(50*.2*.8) = 4/9 + 16/8, two grades with firms
        statistic, degrees, p_value = hosmer_lemeshow([12, 6, 0], [100, 50, 0], [0.1, 0.2, 0.5])
        assert (statistic, degrees) == (pytest.approx(4 / 9 + 2), 2)
        assert p_value == pytest.approx(np.exp(-(4 / 9 + 2) / 2)), "chi-squared with two degrees is exponential"

    def test_hosmer_lemeshow_is_pearson_s_chi_squared(self):
        defaults, firms, expected = np.array([4, 9, 21]), np.array([200, 150, 90]), np.array([0.02, 0.05, 0.2])
        pearson = sum(
            stats.chisquare([d, n - d], [n * p, n * (1 - p)]).statistic
            for d, n, p in zip(defaults, firms, expected, strict=True)
        )
        assert hosmer_lemeshow(defaults, firms, expected)[0] == pytest.approx(pearson)

    def test_spiegelhalter_by_hand(self):
        # p = .2 four times, .6 four times, half of each default: sum (y-p)(1-2p) = .6*(.8*2 - .2*2) - .2*(.4*2 - .6*2)
        z, p_value = spiegelhalter([0, 0, 1, 1] * 2, [0.2] * 4 + [0.6] * 4)
        variance = 4 * 0.36 * 0.16 + 4 * 0.04 * 0.24
        assert z == pytest.approx(0.8 / np.sqrt(variance))
        assert p_value == pytest.approx(2 * (1 - stats.norm.cdf(0.8 / np.sqrt(variance))))

    def test_spiegelhalter_is_the_brier_score_standardised_by_simulation(self):
        rng = np.random.default_rng(5)
        p = rng.uniform(0.01, 0.4, 60)
        y = rng.random(60) < p
        simulated = np.mean((((rng.random((100_000, 60)) < p) - p) ** 2), axis=1)
        expected = (np.mean((y - p) ** 2) - simulated.mean()) / simulated.std()
        assert spiegelhalter(y, p)[0] == pytest.approx(expected, abs=0.02)

    def test_estimates_of_one_half_say_nothing(self):
        assert spiegelhalter([0, 1], [0.5, 0.5]) is None


class TestByCommunity:
    def test_firms_that_stand_alone_give_nearly_the_independent_answer(self):
        rng = np.random.default_rng(1)
        p = rng.uniform(0.02, 0.3, 1500)
        y = (rng.random(1500) < p * 1.15).astype(float)
        drawn = drawn_of(y, p, np.arange(1500), draws=2000)
        assert grade_p_by_community(drawn, 0) == pytest.approx(jeffreys_p(int(y.sum()), 1500, p.mean()), abs=0.03)
        independent = spiegelhalter(y, p)[1]
        assert spiegelhalter_p_by_community(y, p, drawn) == pytest.approx(independent, abs=0.05)

    def test_defaults_that_come_together_are_weaker_evidence(self):
        # 30 communities of 20; in six of them every second firm fails, elsewhere none: 60 of 600 at 5 %
        y = np.zeros((30, 20))
        y[:6, ::2] = 1
        clusters = np.repeat(np.arange(30), 20)
        p = np.full(600, 0.05)
        drawn = drawn_of(y.ravel(), p, clusters, draws=4000)
        alone, together = jeffreys_p(60, 600, 0.05), grade_p_by_community(drawn, None)
        assert alone < 1e-6
        assert 0.05 < together < 0.2
        # Beside the exact probability: at most 30 of 600 means that at most three of 30 draws hit the six.
        assert together == pytest.approx(stats.binom.cdf(3, 30, 0.2), abs=0.02)
        assert hosmer_lemeshow([60], [600], [0.05])[2] < 1e-6
        assert hosmer_lemeshow_p_by_community([60], [600], [0.05], drawn) > 0.01

    def test_of_true_estimates_one_in_twenty_is_rejected_although_communities_share_a_shock(self):
        rng = np.random.default_rng(2)
        rejected = {"alone": 0, "together": 0}
        clusters = np.repeat(np.arange(60), 25)
        for number in range(150):
            rate = np.repeat(rng.beta(0.6, 5.4, 60), 25)  # mean .1, strongly dependent within a community
            y = (rng.random(1500) < rate).astype(float)
            drawn = grade_draws(y, np.full(1500, 0.1), np.zeros(1500, int), clusters, count=1, draws=200, seed=number)
            rejected["alone"] += jeffreys_p(int(y.sum()), 1500, 0.1) < 0.05
            rejected["together"] += grade_p_by_community(drawn, None) < 0.05
        assert rejected["alone"] / 150 > 0.12
        assert rejected["together"] / 150 < 0.1

    def test_each_grade_has_its_own_draws_and_one_community_says_nothing(self):
        grades, clusters = np.array([0, 0, 1, 1]), np.array(["a", "b", "b", "b"])
        drawn = drawn_of([1, 0, 0, 0], [0.1] * 4, clusters, grades=grades, count=3)
        assert drawn.communities_by_grade.tolist() == [2, 1, 0]
        assert grade_p_by_community(drawn, 0) is not None
        assert grade_p_by_community(drawn, 1) is None
        assert grade_p_by_community(drawn, 2) is None
        single = drawn_of([1, 0], [0.1, 0.1], np.array(["a", "a"]))
        assert grade_p_by_community(single, None) is None
        assert hosmer_lemeshow_p_by_community([1], [2], [0.1], single) is None
        assert spiegelhalter_p_by_community([1, 0], [0.1, 0.1], single) is None

    def test_the_order_of_rows_changes_nothing(self):
        rng = np.random.default_rng(0)
        y, p, clusters = rng.integers(0, 2, 80), rng.random(80), rng.integers(0, 9, 80)
        order = rng.permutation(80)
        one, other = drawn_of(y, p, clusters), drawn_of(y[order], p[order], clusters[order])
        assert np.allclose(one.expected, other.expected)
        assert (one.defaults == other.defaults).all()
