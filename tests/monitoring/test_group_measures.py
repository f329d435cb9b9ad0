"""Groups by a score, by hand: rates, ratios, opportunity and calibration, and what is too small to judge."""

import numpy as np
import polars as pl
import pytest

from monitoring.group_measures import Grouping, Resampled, ScoredRows, groupings, impact_ratios, score_fairness
from schemas.portfolio import ColumnSpec
from schemas.specs import GatesSpec

REGION = ColumnSpec(name="region", kind="category", role="protected", values=("urban", "rural"), reference="urban")
OWNED = ColumnSpec(name="owned", kind="category", role="protected", values=("no", "yes"), reference="no")
SIZE = ColumnSpec(name="size", kind="category", values=("small", "large"), reference="large")
GATES = GatesSpec(least_group_size=4, least_group_outcomes=2)


def resampled(rows, communities=None):
    names = [f"c{row}" for row in range(rows)] if communities is None else communities
    return Resampled(np.array(names), draws=200, seed=0)


def rows_of(favourable, *, communities=None, attributes=None, **known):
    """Return ten urban firms and five rural ones."""
    table = attributes or {"region": ["urban"] * 10 + ["rural"] * 5}
    return ScoredRows(pl.DataFrame(table), resampled(len(favourable), communities), np.array(favourable), **known)


def region_groups(scored, known=None, gates=GATES):
    found = score_fairness("combined", scored, known, [Grouping.of([REGION])], gates)
    return {group.name: group for group in found.groups}


#: 8 of 10 urban and 3 of 5 rural firms are favoured
FAVOURABLE = [True] * 8 + [False] * 2 + [True] * 3 + [False] * 2


def test_a_ratio_is_the_groups_rate_over_the_references_with_an_interval():
    found = region_groups(rows_of(FAVOURABLE))
    assert found["urban"].favourable_rate == pytest.approx(0.8)
    assert found["rural"].impact_ratio.value == pytest.approx(0.75)
    assert found["rural"].impact_ratio.low < 0.75 < found["rural"].impact_ratio.high
    assert found["rural"].unfavourable_ratio.value == pytest.approx(0.4 / 0.2)
    assert found["urban"].is_reference
    assert found["urban"].impact_ratio.value is None


def test_an_interval_draws_whole_communities():
    table = {"region": (["urban"] * 10 + ["rural"] * 5) * 4}
    names = [f"c{row}" for row in range(15)] * 4

    def ratio(communities):
        return region_groups(rows_of(FAVOURABLE * 4, communities=communities, attributes=table))["rural"].impact_ratio

    once = region_groups(rows_of(FAVOURABLE, communities=names[:15]))["rural"].impact_ratio
    # Firms that all have a twin in their community are no more evidence than one of each.
    assert ratio(names) == once
    apart = ratio(None)
    assert apart.value == once.value
    assert apart.high - apart.low < once.high - once.low
    assert (ratio(["all"] * 60).low, ratio(["all"] * 60).high) == (None, None)


@pytest.mark.parametrize(("least", "judged"), [(5, True), (6, False)])
def test_a_group_below_the_declared_minimum_of_firms_is_counted_and_not_judged(least, judged):
    found = region_groups(rows_of(FAVOURABLE), gates=GatesSpec(least_group_size=least))["rural"]
    assert (found.firms, found.favourable_rate) == (5, pytest.approx(0.6))
    assert (found.impact_ratio.value is not None) is judged
    assert found.impact_reason == ("" if judged else "5 firms, fewer than 6")


def test_where_the_reference_group_is_always_favoured_the_unfavourable_ratio_has_no_value():
    found = region_groups(rows_of([True] * 10 + [True, True, True, False, False]))["rural"]
    assert found.impact_ratio.value == pytest.approx(0.6)
    assert found.unfavourable_ratio.value is None


def test_a_small_or_never_favoured_reference_group_judges_nobody():
    table = {"region": ["urban"] * 3 + ["rural"] * 12}
    found = region_groups(rows_of([True] * 15, attributes=table))["rural"]
    assert found.impact_reason == "the reference group has 3 firms, fewer than 4"
    found = region_groups(rows_of([False] * 10 + [True] * 5))["rural"]
    assert found.impact_reason == "the reference group has no favourable prediction"


def outcomes(well, estimate=None, favourable=FAVOURABLE):
    well = np.array(well)
    estimate = np.full(len(well), 0.3) if estimate is None else np.array(estimate)
    return rows_of(favourable, estimate=estimate, observed=(~well).astype(float), turned_out_well=well)


#: of the urban firms 6 turned out well, all favoured; of the rural ones 3, of which 2 are favoured
WELL = [True] * 6 + [False] * 4 + [True, True, False, True, False]


def test_equal_opportunity_looks_at_those_that_turned_out_well():
    found = region_groups(rows_of(FAVOURABLE), outcomes(WELL))
    assert found["rural"].opportunity_difference.value == pytest.approx(2 / 3 - 1)
    assert (found["rural"].outcomes, found["rural"].favourable_outcomes) == (5, 3)
    assert found["urban"].opportunity_difference.value is None


def test_calibration_compares_the_mean_estimate_with_what_was_observed():
    found = region_groups(rows_of(FAVOURABLE), outcomes(WELL))
    assert found["rural"].mean_observed == pytest.approx(0.4)
    assert found["rural"].calibration_gap.value == pytest.approx(-0.1)
    assert found["urban"].calibration_gap.value == pytest.approx(-0.1), "the reference group has a gap of its own"
    assert found["urban"].calibration_gap.low < -0.1 < found["urban"].calibration_gap.high


def test_a_group_below_the_declared_minimum_of_outcomes_is_counted_and_not_judged():
    gates = GatesSpec(least_group_size=4, least_group_outcomes=3)
    found = region_groups(rows_of(FAVOURABLE), outcomes(WELL), gates)["rural"]
    assert found.opportunity_reason == "", "three turned out well"
    assert found.calibration_gap.value is None
    assert found.calibration_reason == "2 unfavourable outcomes, fewer than 3"
    found = region_groups(rows_of(FAVOURABLE), outcomes(WELL), gates.model_copy(update={"least_group_outcomes": 4}))
    assert found["rural"].opportunity_reason == "3 favourable outcomes, fewer than 4"
    assert found["urban"].opportunity_reason == ""
    badly = outcomes([False] * 10 + [True] * 5)
    assert "the reference group has 0" in region_groups(rows_of(FAVOURABLE), badly)["rural"].opportunity_reason


def test_without_outcomes_only_decisions_are_judged():
    found = region_groups(rows_of(FAVOURABLE))["rural"]
    assert found.outcomes == 0
    assert found.opportunity_reason == found.calibration_reason == "no held-out outcome is known"
    assert found.impact_ratio.value is not None


def test_intersections_are_compared_with_the_intersection_of_the_references():
    table = {"region": (["urban"] * 2 + ["rural"] * 2) * 5, "owned": ["no", "yes"] * 10}
    favourable = [True, False, True, True] * 5
    found = score_fairness("combined", rows_of(favourable, attributes=table), None, groupings([REGION, OWNED]), GATES)
    assert [(one.attribute, one.name) for one in found.intersections] == [
        ("region × owned", "urban, no"),
        ("region × owned", "urban, yes"),
        ("region × owned", "rural, no"),
        ("region × owned", "rural, yes"),
    ]
    assert [one.impact_ratio.value for one in found.intersections] == [None, 0.0, 1.0, 1.0]
    assert {one.reference for one in found.intersections} == {("urban", "no")}
    assert len(found.single) == 4


def test_a_firm_without_a_value_is_in_no_group_of_that_attribute():
    table = {"region": ["urban"] * 6 + [None] * 4 + ["rural"] * 5, "owned": ["no"] * 15}
    found = score_fairness("combined", rows_of([True] * 15, attributes=table), None, groupings([REGION, OWNED]), GATES)
    firms = {(one.attribute, one.name): one.firms for one in found.groups}
    assert firms["region", "urban"] == 6
    assert firms["region × owned", "urban, no"] == 6
    assert firms["owned", "no"] == 15


def test_watched_attributes_are_crossed_with_protected_ones_only():
    names = [tuple(column.name for column in one.columns) for one in groupings([REGION, OWNED], [SIZE, REGION])]
    assert names[:4] == [("region",), ("owned",), ("size",), ("region",)]
    assert ("size", "region") not in names
    assert ("region", "size") in names


def test_ratios_on_every_resample_are_those_of_the_judged_groups():
    found = impact_ratios(Grouping.of([REGION]), rows_of(FAVOURABLE), GATES)
    assert list(found) == [1]
    assert found[1].shape == (201,)
    assert found[1][0] == pytest.approx(0.75)
    assert impact_ratios(Grouping.of([REGION]), rows_of(FAVOURABLE), GatesSpec(least_group_size=6)) == {}
