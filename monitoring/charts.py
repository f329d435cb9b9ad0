"""Charts of the documents, and the curves that some of them are drawn from.

Every drawing function returns a `Chart`: its words, its SVG and, for the Prefect page, its PNG.
Colour never stands alone: a dash, a marker or a hatch says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from models.graph_statistics import QUANTILES
from monitoring.canvas import DASHES, MARKERS, PALETTE, Chart, canvas, drawable
from monitoring.filters import words
from schemas.base import Frozen
from schemas.monitoring import Trend
from schemas.results import CandidateResult, ColumnDrift, Drift, Evaluation, GraphStatistics
from schemas.terms import Family, Sample

CURVE_POINTS = 200
GRID = "#dddddd"


class RocCurve(Frozen):
    """Points of a ROC curve from (0, 0) to (1, 1); no points where one class only was observed."""

    candidate: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


class CalibrationBin(Frozen):
    """Mean predicted probability and observed share of the positive class among similar predictions."""

    firm_quarters: int
    predicted: float
    observed: float


class SampleCurves(Frozen):
    """What is drawn of one sample: a ROC curve a candidate, and the chosen one's calibration."""

    roc: tuple[RocCurve, ...]
    calibration: tuple[CalibrationBin, ...] = ()


def roc_curve_points(truth: npt.ArrayLike, probabilities: npt.ArrayLike, candidate: str) -> RocCurve:
    """Trace the ROC curve of one candidate, thinned to at most `CURVE_POINTS` points.

    Parameters
    ----------
    truth : (n,) integers
        Class index; of two classes, 1 is the positive one.
    probabilities : (n,) or (n, K) floats
        Probability of the positive class, or of every class. With K > 2 the curve is the mean
        of the curves of each class against the rest, over the classes that have both sides.
    candidate
        Whose curve it is.
    """
    labels, matrix = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = np.stack([1 - matrix, matrix], axis=1)
    classes = range(1, 2) if matrix.shape[1] == 2 else range(matrix.shape[1])
    sides = [(labels == k, matrix[:, k]) for k in classes]
    traced = [_trace(positive, score) for positive, score in sides if positive.any() and not positive.all()]
    if not traced:
        return RocCurve(candidate=candidate, false_positive_rate=(), true_positive_rate=())
    x = np.unique(np.concatenate([x for x, _ in traced])) if len(traced) > 1 else traced[0][0]
    y = np.mean([np.interp(x, *curve) for curve in traced], axis=0) if len(traced) > 1 else traced[0][1]
    # Evenly spaced along x + y keeps the steep start, which evenly spaced x would cut off.
    kept = np.unique(np.searchsorted(x + y, np.linspace(0, 2, CURVE_POINTS)).clip(max=len(x) - 1))
    return RocCurve(
        candidate=candidate, false_positive_rate=tuple(x[kept].tolist()), true_positive_rate=tuple(y[kept].tolist())
    )


def _trace(positive: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> tuple[Any, Any]:
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.flatnonzero(np.diff(score[order], append=np.inf))
    hits, alarms = (np.cumsum(side[order])[last_of_tie] for side in (positive, ~positive))
    return np.append(0, alarms / alarms[-1]), np.append(0, hits / hits[-1])


def calibration_bins(truth: npt.ArrayLike, positive_probability: npt.ArrayLike, bins: int = 10) -> list[CalibrationBin]:
    """Compare predicted with observed in quantile bins; equal predictions share a bin, empty bins are left out."""
    labels, score = np.asarray(truth, dtype=np.float64), np.asarray(positive_probability, dtype=np.float64)
    if not len(score):
        return []
    inner = np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1])
    bin_of = np.searchsorted(inner, score, side="left")
    return [
        CalibrationBin(
            firm_quarters=int(rows.sum()), predicted=float(score[rows].mean()), observed=float(labels[rows].mean())
        )
        for rows in (bin_of == index for index in np.unique(bin_of))
    ]


def ranked(evaluation: Evaluation) -> list[CandidateResult]:
    """Sort candidates from simple to complex; within a family the portfolio's order stands."""
    return sorted(evaluation.candidates, key=lambda candidate: list(Family).index(candidate.family))


def roc_chart(curves: Sequence[RocCurve], sample: str) -> Chart:
    """Draw one sample's ROC curves, a line a candidate; `sample` is for the words."""
    with canvas(5.4, 4.6) as (figure, axes):
        axes.plot([0, 1], [0, 1], color="#767676", linewidth=0.8, label="no discrimination")
        for index, curve in enumerate(curve for curve in curves if curve.true_positive_rate):
            look = {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)]}
            axes.plot(curve.false_positive_rate, curve.true_positive_rate, label=drawable(curve.candidate), **look)
        axes.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
        axes.set(xlabel="false positive rate (share of firm-quarters)", ylabel="true positive rate (share)")
        axes.legend(loc="lower right", handlelength=3.2)
    names = ", ".join(curve.candidate for curve in curves)
    return Chart(f"ROC curves on {words(sample)} of {names}: true against false positive rate.", figure)


def calibration_chart(bins: Sequence[CalibrationBin], sample: str) -> Chart:
    """Draw predicted beside observed shares, bin by bin, with the number of firm-quarters below each."""
    places = np.arange(len(bins))
    with canvas(5.4, 4.6) as (figure, axes):
        for key, marker, color, line in (("predicted", "s", PALETTE[0], "--"), ("observed", "o", PALETTE[1], "-")):
            shares = [100 * getattr(one, key) for one in bins]
            axes.plot(places, shares, marker=marker, color=color, linestyle=line, markersize=5, label=key)
        axes.set_xticks(places, [f"{place + 1}\nn {one.firm_quarters:,}" for place, one in enumerate(bins)])
        axes.set_ylim(bottom=0)
        axes.set(xlabel="tenth of firm-quarters by predicted probability, low to high", ylabel="positive class, %")
        axes.grid(axis="y", color=GRID)
        axes.legend(loc="upper left")
    gap = max((abs(one.predicted - one.observed) for one in bins), default=0.0)
    return Chart(
        f"Calibration on {words(sample)} in {len(bins)} bins: predicted and observed shares differ by at most "
        f"{100 * gap:.1f} percentage points.",
        figure,
    )


def metric_chart(evaluation: Evaluation, metric: str = "auc") -> Chart:
    """Draw one metric with its 95 % intervals: a row a candidate, simple above complex, a marker a sample."""
    candidates, samples = ranked(evaluation), [s for s in Sample if any(s in c.samples for c in evaluation.candidates)]
    with canvas(7.2, 1.1 + len(candidates) * (0.22 + 0.13 * len(samples))) as (figure, axes):
        for turn, sample in enumerate(samples):
            look = {"color": PALETTE[turn % len(PALETTE)], "marker": MARKERS[turn % len(MARKERS)]}
            axes.plot([], [], linestyle="none", label=words(sample), **look)
            for row, candidate in enumerate(candidates):
                found = candidate.samples[sample].metrics.get(metric) if sample in candidate.samples else None
                if found is None or found.value is None:
                    continue
                place = row + (turn - (len(samples) - 1) / 2) * 0.7 / len(samples)
                if found.low is not None and found.high is not None:
                    axes.plot([found.low, found.high], [place, place], color=look["color"], linewidth=1.6)
                axes.plot([found.value], [place], markersize=5, **look)
        names = [drawable(c.name) + (" (chosen)" if c.name == evaluation.chosen else "") for c in candidates]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.45, -0.55)
        axes.set_xlabel(
            f"{words(metric)}, point and 95 % interval (0.5 is chance)" if metric == "auc" else words(metric)
        )
        axes.grid(axis="x", color=GRID)
        figure.legend(loc="outside upper center", ncols=5)
    shown = ", ".join(words(sample) for sample in samples)
    return Chart(
        f"{words(metric)} with 95 % intervals of {len(candidates)} candidates, simple above complex, on {shown}; "
        f"the chosen candidate is {evaluation.chosen}.",
        figure,
    )


def degree_chart(graph: GraphStatistics) -> Chart:
    """Draw the quantiles of the number of partners a firm has."""
    # Stored JSON sorts its keys; quantiles ascend.
    quantiles = {name: graph.degree_quantiles[name] for name in QUANTILES if name in graph.degree_quantiles}
    with canvas(5.4, 2.8) as (figure, axes):
        bars = axes.bar([drawable(name).replace(" ", "\n") for name in quantiles], list(quantiles.values()))
        axes.bar_label(bars, fmt="{:,.0f}", padding=2)
        for bar in bars:
            bar.set_color(PALETTE[0])
        axes.set_yscale("symlog", linthresh=1)  # degrees have heavy tails, and zero must have a place
        axes.tick_params(axis="y", which="both", left=False, labelleft=False)
        axes.set(xlabel="quantile of firms", ylabel="partners a firm (log scale)")
    shown = ", ".join(f"{name}: {value:,.0f}" for name, value in quantiles.items())
    return Chart(f"Quantiles of the number of partners a firm has: {shown}.", figure)


def drift_bars(drift: Drift, most: int = 15) -> Chart:
    """Draw the columns that drifted furthest, as multiples of their limits, for methods have different units."""
    columns = most_drifted(drift, most)
    with canvas(7.2, 1.0 + 0.27 * len(columns)) as (figure, axes):
        for place, column in enumerate(columns):
            look = {"color": PALETTE[1], "hatch": "//"} if column.drifted else {"color": PALETTE[5]}
            multiple = (column.value or 0.0) / column.limit
            axes.barh(place, multiple, height=0.65, edgecolor="white", **look)
            note = f" {column.value:.3f}{' drifted' if column.drifted else ''}"
            axes.text(max(multiple, 0), place, note, va="center")
        axes.axvline(1, color="black", linewidth=1)
        axes.set_yticks(range(len(columns)), [drawable(column.column) for column in columns])
        axes.margins(x=0.18)
        axes.invert_yaxis()
        axes.set_xlabel("distance as a multiple of its limit (line: the limit)")
    drifted = [column.column for column in columns if column.drifted]
    named = f"beyond their limits: {', '.join(drifted)}" if drifted else "none lies beyond its limit"
    return Chart(f"Distances of {len(columns)} of {len(drift.columns)}, furthest first; {named}.", figure)


def trend_chart(trend: Trend) -> Chart:
    """Draw one statistic over the published quarters, with the limit of the last one."""
    known = [(place, value) for place, value in enumerate(trend.values) if value is not None]
    with canvas(3.5, 2.3) as (figure, axes):
        axes.plot(*zip(*known, strict=True), color=PALETTE[0], marker="o", markersize=3, linewidth=1)
        if trend.values[-1] is not None:
            look = {"color": PALETTE[1], "marker": "D"} if trend.alarmed else {"color": PALETTE[0], "marker": "o"}
            axes.plot(len(trend.values) - 1, trend.values[-1], markersize=6, **look)
        if trend.limit is not None:
            axes.axhline(trend.limit, color="black", linewidth=1, linestyle=DASHES[1])
        every = max(1, -(-len(trend.quarters) // 5))
        axes.set_xticks(
            range(0, len(trend.quarters), every), [str(quarter) for quarter in trend.quarters[::every]], fontsize=7
        )
        axes.set_ylabel(drawable(trend.statistic, 34), fontsize=7)
    rang = "beyond" if trend.alarmed else "within"
    words = f"{trend.subject}, {trend.statistic}, {trend.quarters[0]} to {trend.quarters[-1]}"
    return Chart(f"{words}: now {trend.values[-1]:.4g}, {rang} its limit of {trend.limit:.4g}.", figure)


def most_drifted(drift: Drift, most: int) -> list[ColumnDrift]:
    """Return the columns with the largest distance for their limit, the furthest first."""
    known = [column for column in drift.columns if column.value is not None]
    return sorted(known, key=lambda column: (-(column.value or 0.0) / column.limit, column.column))[:most]


def histogram_chart(column: ColumnDrift) -> Chart:
    """Draw the shares of firms a bin, expected beside actual; empty axes without a histogram.

    `edges` may name the bins or, with one more entry than there are bins, the borders between them.
    """
    histogram = column.histogram
    with canvas(3.5, 2.3) as (figure, axes):
        if histogram is not None:
            bins = len(histogram.actual)
            names = (
                histogram.edges
                if len(histogram.edges) == bins
                else [f"{a} to {b}" for a, b in pairwise(histogram.edges)]
            )
            for side, key, look in (
                (-0.2, "expected", {"color": PALETTE[5]}),
                (0.2, "actual", {"color": PALETTE[1], "hatch": "//"}),
            ):
                shares = [100 * share for share in getattr(histogram, key)]
                axes.bar(np.arange(bins) + side, shares, width=0.4, edgecolor="white", linewidth=0, label=key, **look)
            every = max(1, -(-bins // 5))  # five names fit below so small a chart
            axes.set_xticks(range(0, bins, every), [drawable(name, 14) for name in names[::every]], fontsize=7)
            figure.legend(loc="outside upper right", ncols=2, fontsize=8)
        axes.set_ylabel("firms, %")
        axes.set_xlabel(drawable(column.column))
    value = "not assessable" if column.value is None else f"{column.value:.3f}"
    return Chart(f"Shares of firms by {column.column}, expected beside actual; {column.method} {value}.", figure)
