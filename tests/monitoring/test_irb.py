"""What a validator reads of a rating system, from probabilities and outcomes that one can count."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from models.rating_scale import grades_of
from monitoring.irb import RatedFirms, RatedRows, auc_comparison, concentration, migration, sample_tests, traffic_light
from schemas.rating import MasterScaleSpec
from schemas.terms import Quarter, Sample

THREE = MasterScaleSpec.model_validate(
    {"grades": [{"name": "A", "upper": 0.1}, {"name": "B", "upper": 0.3}, {"name": "C", "upper": 1}]}
)


def rated(quarter, firms, probability, communities):
    return RatedFirms(Quarter.parse(quarter), np.array(firms), np.array(probability), np.array(communities))


def rows(outcome, probability, communities):
    return RatedRows(np.array(outcome, dtype=bool), np.array(probability, dtype=float), np.array(communities))


class TestScale:
    def test_a_bound_belongs_to_the_better_grade(self):
        assert grades_of([0.0, 0.1, 0.100001, 0.3, 1.0, 1.0000001], THREE).tolist() == [0, 0, 1, 1, 2, 2]

    @pytest.mark.parametrize("probability", [[-0.1], [1.1], [np.nan], [[0.5]]])
    def test_what_is_no_probability_is_refused(self, probability):
        with pytest.raises(ValueError, match="probabilities in"):
            grades_of(probability, THREE)

    @pytest.mark.parametrize(
        ("bounds", "message"), [((0.3, 0.1, 1), "must rise"), ((0.1, 0.3, 0.9), "end with 1"), ((0.1, 0.1, 1), "rise")]
    )
    def test_bounds_rise_and_end_with_1(self, bounds, message):
        with pytest.raises(ValidationError, match=message):
            MasterScaleSpec.model_validate({"grades": [{"name": str(n), "upper": b} for n, b in enumerate(bounds)]})

    def test_names_differ(self):
        with pytest.raises(ValidationError, match="these repeat: A"):
            MasterScaleSpec.model_validate({"grades": [{"name": "A", "upper": 0.5}, {"name": "A", "upper": 1}]})

    def test_the_default_has_at_least_seven_grades(self):
        assert len(MasterScaleSpec().grades) >= 7


@pytest.mark.parametrize(
    ("p_value", "light"),
    [(0.05, "green"), (0.0499, "yellow"), (0.001, "yellow"), (0.0009, "red"), (None, "not assessable")],
)
def test_lights_change_at_95_and_99_9_percent(p_value, light):
    assert traffic_light(p_value) == light


def test_a_grade_whose_pd_is_too_low_is_red_and_the_others_are_not():
    probability = [0.05] * 200 + [0.2] * 200
    outcome = [1] * 10 + [0] * 190 + [1] * 90 + [0] * 110
    communities = [f"c{number % 40}" for number in range(400)]
    found = sample_tests(Sample.OUT_OF_TIME, rows(outcome, probability, communities), THREE, seed=0)
    assert [(one.grade, one.firm_quarters, one.defaults, one.light) for one in found.grades] == [
        ("A", 200, 10, "green"),
        ("B", 200, 90, "red"),
    ]
    assert [one.mean_pd for one in found.grades] == pytest.approx([0.05, 0.2])
    assert found.grades[1].light_by_community == "red"
    assert (found.portfolio.grade, found.portfolio.defaults, found.portfolio.light) == ("all", 100, "red")
    assert [one.test for one in found.joint] == ["Hosmer-Lemeshow", "Spiegelhalter"]
    assert all(one.p_value < 0.001 for one in found.joint)
    assert found.joint[0].degrees == 2
    brier = np.mean((np.array(outcome) - np.array(probability)) ** 2)
    assert found.brier.value == pytest.approx(brier)
    assert found.brier.low < brier < found.brier.high
    assert found.communities == 40


def test_one_community_leaves_the_tests_and_no_word_of_the_bootstrap():
    found = sample_tests(Sample.OUT_OF_TIME, rows([1, 0, 0], [0.5, 0.2, 0.05], ["c"] * 3), THREE, seed=0)
    assert {one.light_by_community for one in (*found.grades, found.portfolio)} == {"not assessable"}
    assert [one.by_community for one in found.joint] == [None, None]


class TestAuc:
    def test_a_decline_that_communities_share_is_significant_and_none_is_not(self):
        rng = np.random.default_rng(4)
        communities = np.repeat([f"c{n}" for n in range(50)], 20)
        outcome = rng.random(1000) < 0.3
        good = np.clip(0.3 + 0.3 * outcome + rng.normal(0, 0.15, 1000), 0, 1)
        initial = (Sample.VALIDATION, rows(outcome, good, communities))
        worse = (Sample.OUT_OF_TIME, rows(outcome, rng.random(1000), communities))
        found = auc_comparison(initial, worse, draws=200, seed=0)
        assert (found.initial_sample, found.current_sample) == (Sample.VALIDATION, Sample.OUT_OF_TIME)
        assert found.initial > 0.9
        assert found.p_value < 1e-6
        assert found.by_community == pytest.approx(1 / 201)
        same = auc_comparison(initial, initial, draws=200, seed=0)
        assert (same.p_value, same.by_community) == (0.5, 1.0)

    def test_a_single_default_is_not_assessable(self):
        one = (Sample.VALIDATION, rows([1, 0, 0], [0.5, 0.2, 0.05], ["a", "b", "c"]))
        assert auc_comparison(one, one, draws=20, seed=0) is None


def test_concentration_compares_development_with_the_quarter():
    evenly, same = (
        np.array([0.05, 0.2, 0.6] * 10),
        rated("2024Q4", range(30), [0.05] * 30, [f"c{n % 7}" for n in range(30)]),
    )
    found = concentration(evenly, same, THREE, seed=0)
    assert (found.initial, found.current) == pytest.approx((0.0, 1.0))
    # K = 3, CV from 0 to sqrt 2: sqrt(2) sqrt(2) / sqrt(2 * 2.5)
    assert found.p_value == pytest.approx(stats.norm.sf(2 / 5**0.5))
    assert (found.current_interval.low, found.current_interval.high) == pytest.approx((1.0, 1.0))


class TestMigration:
    def test_firms_of_both_quarters_are_followed_by_id(self):
        before = rated("2023Q4", ["a", "b", "c", "gone"], [0.05, 0.05, 0.2, 0.9], ["x", "x", "y", "y"])
        after = rated("2024Q4", ["c", "new", "b", "a"], [0.2, 0.5, 0.6, 0.05], ["y", "z", "x", "x"])
        found = migration(before, after, THREE, seed=0)
        assert (found.before, found.after, found.firms) == (Quarter(2023, 4), Quarter(2024, 4), 3)
        assert found.counts == ((1, 0, 1), (0, 1, 0), (0, 0, 0))
        assert found.stayed == pytest.approx(2 / 3)
        assert (found.upward.value, found.downward.value) == (1.0, None)

    def test_a_jump_over_a_grade_is_named(self):
        firms = [f"f{n}" for n in range(60)]
        before = rated("2023Q4", firms, [0.05] * 60, ["x"] * 60)
        after = rated("2024Q4", firms, [0.05] * 30 + [0.6] * 30, [f"c{n % 12}" for n in range(60)])
        [cell] = migration(before, after, THREE, seed=0).unstable
        assert (cell.before, cell.after, cell.firms) == ("A", "C", 30)
        assert cell.p_value < 0.001
        assert cell.by_community < 0.001

    def test_nobody_in_both_quarters(self):
        assert (
            migration(rated("2023Q4", ["a"], [0.1], ["x"]), rated("2024Q4", ["b"], [0.1], ["x"]), THREE, seed=0) is None
        )
