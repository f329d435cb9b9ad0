"""Adverse impact by hand: four fifths of what the reference group gets."""

import numpy as np
import polars as pl
import pytest

from monitoring.fairness import adverse_impact, worst_ratio
from schemas.portfolio import ColumnSpec
from schemas.results import GroupFairness

REGION = ColumnSpec(
    name="region", kind="category", role="protected", values=("urban", "rural", "coast"), reference="urban"
)


def groups(counts, column=REGION, least=5):
    """Return fairness of groups given as {group: (firms, favourable ones)}."""
    values, favourable = [], []
    for group, (firms, good) in counts.items():
        values += [group] * firms
        favourable += [True] * good + [False] * (firms - good)
    table = pl.DataFrame({column.name: pl.Series(values, dtype=pl.String)})
    found = adverse_impact(table, np.array(favourable, dtype=bool), [column], least_group_size=least)
    return {group.group: group for group in found}


def test_a_ratio_is_the_groups_rate_over_the_references():
    found = groups({"urban": (10, 8), "rural": (20, 12), "coast": (5, 5)})
    assert found["rural"].favourable_rate == pytest.approx(0.6)
    assert found["rural"].impact_ratio == pytest.approx(0.75)
    assert found["coast"].impact_ratio == pytest.approx(1.25)
    assert found["urban"].favourable_rate == pytest.approx(0.8)
    assert found["urban"].impact_ratio is None, "the reference is not compared with itself"
    assert {group.reason for group in found.values()} == {""}
    assert {group.reference for group in found.values()} == {"urban"}


def test_a_small_group_has_a_rate_but_no_ratio():
    found = groups({"urban": (10, 8), "rural": (4, 0), "coast": (5, 1)})
    assert (found["rural"].firms, found["rural"].favourable_rate, found["rural"].impact_ratio) == (4, 0.0, None)
    assert found["rural"].reason == "4 firms, fewer than 5"
    assert found["coast"].impact_ratio == pytest.approx(0.25)


def test_a_group_that_nobody_belongs_to_has_no_rate():
    found = groups({"urban": (10, 8)})["coast"]
    assert (found.firms, found.favourable_rate, found.impact_ratio) == (0, None, None)
    assert found.reason == "0 firms, fewer than 5"


@pytest.mark.parametrize("reference", [(4, 4), (10, 0)])
def test_a_reference_that_is_small_or_never_favoured_gives_no_ratio(reference):
    found = groups({"urban": reference, "rural": (10, 5)})["rural"]
    assert found.impact_ratio is None
    assert found.reason == "the reference group urban has too few firms or no favourable prediction"


def test_a_group_that_is_never_favoured_has_ratio_zero():
    assert groups({"urban": (10, 8), "rural": (10, 0)})["rural"].impact_ratio == 0.0


def test_firms_without_the_attribute_belong_to_no_group():
    table = pl.DataFrame({"region": ["urban"] * 5 + ["rural"] * 5 + [None] * 5})
    favourable = np.array([True] * 5 + [True] * 4 + [False] * 6)
    found = {g.group: g for g in adverse_impact(table, favourable, [REGION], least_group_size=5)}
    assert sum(group.firms for group in found.values()) == 10
    assert found["rural"].impact_ratio == pytest.approx(0.8)


def test_every_attribute_is_compared_with_its_own_reference():
    owned = ColumnSpec(name="owned", kind="category", role="protected", values=("yes", "no"), reference="no")
    table = pl.DataFrame({"region": ["urban", "rural"] * 5, "owned": ["no"] * 5 + ["yes"] * 5})
    favourable = np.array([True] * 5 + [True, True, False, False, False])
    found = adverse_impact(table, favourable, [REGION, owned], least_group_size=1)
    assert [(group.attribute, group.group) for group in found] == [
        ("region", "urban"),
        ("region", "rural"),
        ("region", "coast"),
        ("owned", "yes"),
        ("owned", "no"),
    ]
    assert found[3].impact_ratio == pytest.approx(0.4)
    assert adverse_impact(table, favourable, [], least_group_size=1) == ()


def test_the_worst_group_has_the_lowest_ratio_of_its_attribute():
    def group(attribute, name, ratio):
        return GroupFairness(
            attribute=attribute, group=name, reference="r", firms=9, favourable_rate=0.5, impact_ratio=ratio
        )

    every = [group("a", "x", 0.9), group("a", "y", 0.7), group("a", "r", None), group("b", "z", 0.0)]
    assert worst_ratio(every, "a").group == "y"
    assert worst_ratio(every, "b").group == "z"
    assert worst_ratio(every[2:3], "a") is None
    assert worst_ratio([], "a") is None
