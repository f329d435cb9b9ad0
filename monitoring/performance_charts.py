"""Charts of realised and estimated performance over the published quarters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitoring.canvas import MARKERS, PALETTE, Chart, canvas
from monitoring.charts import GRID
from schemas.performance import Performance
from schemas.results import Interval
from schemas.terms import Quarter

_KNOWN = {"color": PALETTE[0], "marker": MARKERS[0], "markersize": 5}
#: hollow and of another form: an estimate must not be taken for what happened
_ESTIMATED = {"color": PALETTE[1], "marker": MARKERS[1], "markersize": 5, "markerfacecolor": "white"}
_THEN = {"color": PALETTE[2], "marker": "_", "markersize": 12, "markeredgewidth": 2}


def auc_chart(found: Performance) -> Chart:
    """Draw the AUC of each quarter's scores: realised, at validation, and estimated where it is awaited."""
    realised, awaited = found.realised, found.awaited
    with canvas(7.2, 3.0) as (figure, axes):
        _draw(axes, "realised", [(one.quarter, one.auc) for one in realised], found, _KNOWN)
        _draw(axes, "at validation", [(one.quarter, _point(one.auc_at_validation)) for one in realised], found, _THEN)
        _draw(axes, "estimated", [(one.quarter, one.estimate.auc) for one in awaited], found, _ESTIMATED)
        _finish(figure, axes, found, "AUC (0.5 is chance)")
    return Chart(f"AUC of the scores of {_quarters(found)}: {_said(found, 'auc')}.", figure)


def rate_chart(found: Performance) -> Chart:
    """Draw expected beside observed rates of the unfavourable outcome, quarter by quarter."""
    with canvas(7.2, 3.0) as (figure, axes):
        observed = [(one.quarter, _percent(one.overall.observed_rate)) for one in found.realised]
        expected = [(one.quarter, 100 * one.overall.expected_rate) for one in found.realised]
        expected += [
            (one.quarter, 100 * (one.estimate.defaults.value or 0) / one.estimate.firms) for one in found.awaited
        ]
        _draw(axes, "observed", observed, found, _KNOWN)
        _draw(axes, "expected", [(quarter, Interval(value=rate)) for quarter, rate in expected], found, _ESTIMATED)
        axes.set_ylim(bottom=0)
        _finish(figure, axes, found, "unfavourable, % of firms")
    return Chart(f"Expected and observed rates of the scores of {_quarters(found)}: {_said(found, 'rate')}.", figure)


def _draw(
    axes: Any, label: str, points: Sequence[tuple[Quarter, Interval]], found: Performance, look: dict[str, Any]
) -> None:
    places = {quarter: place for place, quarter in enumerate(_order(found))}
    shift = {"realised": -0.08, "observed": -0.08}.get(label, 0.08)
    known = [(places[quarter] + shift, interval) for quarter, interval in points if interval.value is not None]
    for place, interval in known:
        if interval.low is not None:
            axes.plot([place, place], [interval.low, interval.high], color=look["color"], linewidth=1.2)
    if known:
        axes.plot([p for p, _ in known], [one.value for _, one in known], linestyle="none", label=label, **look)


def _finish(figure: Any, axes: Any, found: Performance, label: str) -> None:
    quarters = _order(found)
    every = max(1, -(-len(quarters) // 10))
    axes.set_xticks(range(0, len(quarters), every), [str(quarter) for quarter in quarters[::every]], fontsize=8)
    axes.set_xlim(-0.6, len(quarters) - 0.4)
    axes.set_ylabel(label)
    axes.grid(axis="y", color=GRID)
    figure.legend(loc="outside upper center", ncols=3)


def _order(found: Performance) -> list[Quarter]:
    return sorted({one.quarter for one in found.realised} | {one.quarter for one in found.awaited})


def _quarters(found: Performance) -> str:
    quarters = _order(found)
    return str(quarters[0]) if len(quarters) == 1 else f"{quarters[0]} to {quarters[-1]}"


def _said(found: Performance, what: str) -> str:
    if not found.realised:
        return "none is realised yet, all are estimates"
    newest = found.realised[-1]
    if what == "auc":
        told = "undefined" if newest.auc.value is None else f"{newest.auc.value:.3f}"
        return f"{len(found.realised)} realised, the newest {told}, {len(found.awaited)} estimated"
    overall = newest.overall
    return f"the newest realised one {overall.observed_rate.value:.1%} observed, {overall.expected_rate:.1%} expected"


def _point(interval: Interval) -> Interval:
    return Interval(value=interval.value)


def _percent(rate: Interval) -> Interval:
    low, high = (None if bound is None else 100 * bound for bound in (rate.low, rate.high))
    return Interval(value=None if rate.value is None else 100 * rate.value, low=low, high=high)
