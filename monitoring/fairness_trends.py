"""How groups fared over the published quarters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.fair_lending import FairLending, FairnessStatistic, FairnessTrend, GroupMeasures, Score
from schemas.terms import Quarter

#: what is followed of each group, by the scores that it says something of
_FOLLOWED: tuple[tuple[FairnessStatistic, tuple[Score, ...]], ...] = (
    ("impact ratio", ("combined", "network part")),
    ("opportunity difference", ("combined", "network part")),
    ("calibration gap", ("combined", "without partners")),
)
#: intersections whose impact ratio is followed: those with the lowest one now
_INTERSECTIONS = 3
_Key = tuple[Score, str, str]


def fairness_trends(quarters: Sequence[tuple[Quarter, FairLending]]) -> tuple[FairnessTrend, ...]:
    """Return the trends of the newest quarter's groups; a group that was not judged in a quarter has a gap there.

    Parameters
    ----------
    quarters
        Oldest first. None gives no trend; of one alone there is nothing to follow.
    """
    if len(quarters) < 2:
        return ()
    measured = [_by_key(fair) for _, fair in quarters]
    found = []
    for statistic, scores in _FOLLOWED:
        for key, group in measured[-1].items():
            if key[0] in scores and _is_followed(statistic, group, quarters[-1][1], key[0]):
                found.append(_trend(statistic, key, [quarter for quarter, _ in quarters], measured))
    return tuple(one for one in found if any(value is not None for value in one.values))


def lowest_intersections(groups: Sequence[GroupMeasures], most: int) -> tuple[GroupMeasures, ...]:
    """Return the intersections with the lowest judged impact ratio, the lowest first."""
    judged = [group for group in groups if len(group.attributes) == 2 and group.impact_ratio.value is not None]
    return tuple(sorted(judged, key=lambda group: group.impact_ratio.value or 0.0)[:most])


def _is_followed(statistic: FairnessStatistic, group: GroupMeasures, fair: FairLending, score: Score) -> bool:
    if len(group.attributes) == 1:
        return statistic == "calibration gap" or not group.is_reference
    lowest = lowest_intersections(fair.combined.groups, _INTERSECTIONS)
    named = {(one.attributes, one.group) for one in lowest}
    return statistic == "impact ratio" and score == "combined" and (group.attributes, group.group) in named


def _by_key(fair: FairLending) -> dict[_Key, GroupMeasures]:
    return {(score, group.attribute, group.name): group for score, group in _every(fair)}


def _every(fair: FairLending) -> Iterator[tuple[Score, GroupMeasures]]:
    """Yield the groups by the combined score of the chosen candidate, then by the others that belong to the network."""
    for group in fair.combined.groups:
        yield "combined", group
    for one in fair.network.scores if fair.network else ():
        if one.score != "combined":
            for group in one.groups:
                yield one.score, group


def _trend(
    statistic: FairnessStatistic,
    key: _Key,
    quarters: Sequence[Quarter],
    measured: Sequence[Mapping[_Key, GroupMeasures]],
) -> FairnessTrend:
    score, attribute, group = key
    return FairnessTrend(
        statistic=statistic,
        score=score,
        attribute=attribute,
        group=group,
        quarters=tuple(quarters),
        values=tuple(_value(statistic, found.get(key)) for found in measured),
    )


def _value(statistic: FairnessStatistic, group: GroupMeasures | None) -> float | None:
    if group is None:
        return None
    match statistic:
        case "impact ratio":
            return group.impact_ratio.value
        case "opportunity difference":
            return group.opportunity_difference.value
        case "calibration gap":
            return group.calibration_gap.value
