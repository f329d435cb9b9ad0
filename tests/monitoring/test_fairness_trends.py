"""What is followed over the published quarters, and where a trend has a gap."""

from monitoring.fairness_charts import by_attribute, fairness_trend_chart
from monitoring.fairness_trends import fairness_trends, lowest_intersections
from schemas.fair_lending import FairLending, GroupMeasures, NetworkFairness, ScoreFairness
from schemas.results import Interval
from schemas.terms import Quarter

FIRST = Quarter(2024, 1)


def group(attributes, name, ratio, gap=0.0, opportunity=0.0):
    reference = ("urban",) if len(attributes) == 1 else ("urban", "no")
    return GroupMeasures(
        attributes=attributes,
        group=name,
        reference=reference,
        firms=40,
        favourable_rate=0.8,
        impact_ratio=Interval(value=None if name == reference else ratio),
        opportunity_difference=Interval(value=None if name == reference else opportunity),
        calibration_gap=Interval(value=gap),
    )


def score(name, ratio):
    single = [group(("region",), ("urban",), 1.0), group(("region",), ("rural",), ratio, gap=0.02, opportunity=-0.1)]
    pairs = [group(("region", "owned"), ("rural", f"g{number}"), 0.5 + 0.1 * number) for number in range(5)]
    return ScoreFairness(score=name, groups=(*single, *pairs))


def fair(ratio, network=True):
    found = NetworkFairness(
        candidate="sage",
        chosen=True,
        method="edges removed",
        scores=(score("combined", 0.1), score("without partners", 0.2), score("network part", 0.3)),
        moved=(),
    )
    return FairLending(
        candidate="sage", firms=80, samples=(), unknown={}, combined=score("combined", ratio),
        network=found if network else None, homophily=(), alternatives=(),
    )  # fmt: skip


def trends(*quarters):
    return fairness_trends([(FIRST.shifted(place), one) for place, one in enumerate(quarters)])


def test_one_quarter_has_nothing_to_follow():
    assert trends(fair(0.9)) == ()
    assert fairness_trends([]) == ()


def test_groups_are_followed_by_the_chosen_score_and_by_the_network_part():
    found = {
        (one.statistic, one.score, one.group): one.values
        for one in trends(fair(0.9), fair(0.8))
        if "×" not in one.attribute
    }
    assert found["impact ratio", "combined", "rural"] == (0.9, 0.8), "of the chosen score, not of the network's own"
    assert found["impact ratio", "network part", "rural"] == (0.3, 0.3)
    assert found["opportunity difference", "combined", "rural"] == (-0.1, -0.1)
    assert found["calibration gap", "without partners", "urban"] == (0.0, 0.0), "the reference group has a gap too"
    assert ("impact ratio", "combined", "urban") not in found
    assert ("calibration gap", "network part", "rural") not in found


def test_the_intersections_with_the_lowest_ratios_now_are_followed():
    found = [one for one in trends(fair(0.9), fair(0.8)) if "×" in one.attribute]
    assert [(one.statistic, one.group) for one in found] == [("impact ratio", f"rural, g{n}") for n in range(3)]
    assert [one.name for one in lowest_intersections(fair(0.9).combined.groups, 2)] == ["rural, g0", "rural, g1"]


def test_a_quarter_that_lacks_a_group_leaves_a_gap():
    found = trends(fair(0.9, network=False), fair(None), fair(0.7))
    by_key = {(one.statistic, one.score, one.group): one for one in found}
    assert by_key["impact ratio", "combined", "rural"].values == (0.9, None, 0.7)
    assert by_key["impact ratio", "network part", "rural"].values == (None, 0.3, 0.3)
    assert by_key["impact ratio", "combined", "rural"].quarters[-1] == Quarter(2024, 3)


def test_what_was_never_judged_is_no_trend():
    found = trends(fair(None, network=False), fair(None, network=False))
    assert not [one for one in found if one.statistic == "impact ratio" and one.group == "rural"]


def test_the_groups_of_an_attribute_share_a_chart_that_says_its_values():
    shared = by_attribute(trends(fair(0.9), fair(0.8)))
    assert [(statistic, attribute) for statistic, attribute, _ in shared] == [
        ("impact ratio", "region"),
        ("impact ratio", "two attributes"),
        ("opportunity difference", "region"),
        ("calibration gap", "region"),
    ]
    chart = fairness_trend_chart(shared[0][2], 0.8)
    assert "impact ratio from 2024Q1 to 2024Q2" in chart.alt
    assert "region rural (combined) 0.800" in chart.alt
    assert chart.svg() == fairness_trend_chart(shared[0][2], 0.8).svg()
