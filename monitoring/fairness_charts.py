"""Charts of fairness: ratios of groups beside parity, candidates as alternatives, groups over the quarters.

Colour never stands alone: markers and dashes say the same (see `monitoring.charts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitoring.canvas import DASHES, MARKERS, PALETTE, Chart, canvas, drawable
from schemas.fair_lending import Alternative, FairnessTrend, GroupMeasures
from schemas.results import Interval

GRID = "#dddddd"
_Key = tuple[tuple[str, ...], tuple[str, ...]]


def ratio_chart(by_score: Mapping[str, Sequence[GroupMeasures]], limit: float) -> Chart | None:
    """Draw impact ratios with 95 % intervals: a row a group, a marker a score; None if no group was judged.

    Parameters
    ----------
    by_score
        The same groups by each score, in the order they are drawn.
    limit
        Drawn beside parity.
    """
    return _rows(by_score, lambda group: group.impact_ratio, "adverse impact ratio (1 is parity)", (1.0, limit))


def gap_chart(by_score: Mapping[str, Sequence[GroupMeasures]]) -> Chart | None:
    """Draw calibration gaps with 95 % intervals: a row a group, a marker a score; None if no group was judged."""
    return _rows(
        by_score,
        lambda group: group.calibration_gap,
        "mean estimate minus observed share (right: taken for riskier than it was)",
        (0.0,),
    )


def _rows(
    by_score: Mapping[str, Sequence[GroupMeasures]],
    statistic: Callable[[GroupMeasures], Interval],
    label: str,
    lines: tuple[float, ...],
) -> Chart | None:
    found = {
        score: {(one.attributes, one.group): statistic(one) for one in groups if statistic(one).value is not None}
        for score, groups in by_score.items()
    }
    keys: list[_Key] = list(dict.fromkeys(key for values in found.values() for key in values))
    if not keys:
        return None
    with canvas(7.2, 1.0 + len(keys) * (0.2 + 0.14 * len(found))) as (figure, axes):
        for turn, (score, values) in enumerate(found.items()):
            look = {"color": PALETTE[turn], "marker": MARKERS[turn]}
            axes.plot([], [], linestyle="none", label=score, **look)
            for row, key in enumerate(keys):
                if key in values:
                    place = row + (turn - (len(found) - 1) / 2) * 0.6 / len(found)
                    _point(axes, values[key], place, look)
        for line, dash in zip(lines, DASHES, strict=False):
            axes.axvline(line, color="black", linewidth=1, linestyle=dash)
        axes.set_yticks(range(len(keys)), [drawable(f"{' × '.join(of)}: {', '.join(name)}", 60) for of, name in keys])
        axes.set_ylim(len(keys) - 0.4, -0.6)
        axes.margins(x=0.06)
        axes.set_xlabel(label)
        axes.grid(axis="x", color=GRID)
        if len(found) > 1:
            figure.legend(loc="outside upper center", ncols=len(found))
    told = "; ".join(
        f"{score}: " + ", ".join(f"{', '.join(name)} {value.value:.3f}" for (_, name), value in values.items())
        for score, values in found.items()
    )
    return Chart(f"{label}, with 95 % intervals. {told}.", figure)


def _point(axes: Any, interval: Interval, place: float, look: Mapping[str, str]) -> None:
    if interval.low is not None and interval.high is not None:
        axes.plot([interval.low, interval.high], [place, place], color=look["color"], linewidth=1.6)
    axes.plot([interval.value], [place], markersize=5, **look)


def alternatives_chart(alternatives: Sequence[Alternative], limit: float) -> Chart | None:
    """Draw how well each candidate ranks on validation against its lowest impact ratio, the chosen one marked."""
    known = [one for one in alternatives if one.auc.value is not None and one.worst_ratio.value is not None]
    if not known:
        return None
    with canvas(7.2, 4.2) as (figure, axes):
        for number, one in enumerate(known, start=1):
            look = {"color": PALETTE[1], "marker": "D"} if one.chosen else {"color": PALETTE[0], "marker": "o"}
            axes.plot([one.auc.value], [one.worst_ratio.value], linestyle="none", markersize=7, **look)
            axes.annotate(f" {number}", (one.auc.value, one.worst_ratio.value), fontsize=9, va="bottom")
            name = drawable(one.candidate, 30) + (" (chosen)" if one.chosen else "")
            axes.plot([], [], linestyle="none", label=f"{number} {name}", **look)
        axes.axhline(limit, color="black", linewidth=1, linestyle=DASHES[1], label=f"limit of {limit:g}")
        axes.margins(0.12)
        axes.set(
            xlabel="AUC on validation (higher ranks better)",
            ylabel="lowest impact ratio, as many favoured (1 is parity)",
        )
        axes.grid(color=GRID)
        figure.legend(loc="outside right upper", fontsize=8)
    told = ", ".join(
        f"{one.candidate}{' (chosen)' if one.chosen else ''} {one.auc.value:.3f} and {one.worst_ratio.value:.3f}"
        for one in known
    )
    return Chart(f"AUC on validation against the lowest impact ratio of each candidate: {told}.", figure)


def by_attribute(trends: Sequence[FairnessTrend]) -> list[tuple[str, str, list[FairnessTrend]]]:
    """Return the trends that share a chart: (statistic, attribute, trends), in their order; intersections together."""
    shared: dict[tuple[str, str], list[FairnessTrend]] = {}
    for trend in trends:
        attribute = "two attributes" if " × " in trend.attribute else trend.attribute
        shared.setdefault((trend.statistic, attribute), []).append(trend)
    return [(*key, found) for key, found in shared.items()]


def fairness_trend_chart(trends: Sequence[FairnessTrend], limit: float | None) -> Chart:
    """Draw one statistic of an attribute's groups over the published quarters, a line a group and score."""
    quarters = trends[0].quarters
    groups = list(dict.fromkeys((one.attribute, one.group) for one in trends))
    scores = list(dict.fromkeys(one.score for one in trends))
    crossed = len({one.attribute for one in trends}) > 1
    with canvas(4.6, 3.2) as (figure, axes):
        for one in trends:
            place = groups.index((one.attribute, one.group))
            name = f"{one.attribute}: {one.group}" if crossed else one.group
            axes.plot(
                range(len(quarters)),
                [float("nan") if value is None else value for value in one.values],  # which breaks the line
                color=PALETTE[place % len(PALETTE)],
                marker=MARKERS[place % len(MARKERS)],
                linestyle=DASHES[2 * scores.index(one.score) % len(DASHES)] if len(scores) > 1 else "-",
                markersize=4,
                linewidth=1.3,
                label=drawable(f"{name}, {one.score}" if len(scores) > 1 else name, 60),
            )
        axes.axhline(0.0 if limit is None else 1.0, color="#767676", linewidth=0.8)
        if limit is not None:
            axes.axhline(limit, color="black", linewidth=1, linestyle=DASHES[1])
        every = max(1, -(-len(quarters) // 6))
        axes.set_xticks(range(0, len(quarters), every), [str(quarter) for quarter in quarters[::every]], fontsize=8)
        axes.margins(x=0.06)
        axes.set_ylabel(trends[0].statistic)
        axes.grid(axis="y", color=GRID)
        figure.legend(loc="outside lower center", ncols=1 if crossed else 2, fontsize=7, handlelength=3.4)
    now = ", ".join(
        f"{one.attribute} {one.group} ({one.score}) "
        + ("not judged" if one.values[-1] is None else f"{one.values[-1]:.3f}")
        for one in trends
    )
    return Chart(f"{trends[0].statistic} from {quarters[0]} to {quarters[-1]}, now: {now}.", figure)
