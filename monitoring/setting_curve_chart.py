"""The drawing of one setting's curve: mean AUC over seeds against its values, the spread of the seeds as a band."""

from __future__ import annotations

import numpy as np

from monitoring.canvas import DASHES, MARKERS, PALETTE, Chart, canvas, drawable
from monitoring.charts import GRID
from monitoring.filters import words
from schemas.setting_curves import SettingCurve


def setting_curve_chart(curve: SettingCurve, about: str = "") -> Chart:
    """Draw the curve of every sample; the values are evenly spaced, for they often span decades and begin with 0.

    Parameters
    ----------
    about
        What the firms are called, where the chart stands beside those of others.
    """
    places = np.arange(len(curve.points))
    with canvas(4.2, 3.1) as (figure, axes):
        for turn, sample in enumerate(curve.samples):
            mean = np.array([point.mean(sample) for point in curve.points])
            spread = np.array([point.sd(sample) for point in curve.points])
            look = {"color": PALETTE[turn], "marker": MARKERS[turn], "linestyle": DASHES[turn]}
            axes.fill_between(places, mean - spread, mean + spread, color=PALETTE[turn], alpha=0.18, linewidth=0)
            axes.plot(places, mean, markersize=5, label=words(sample), **look)
        for place, point in enumerate(curve.points):
            if point.value == curve.own:
                axes.axvline(place, color="#767676", linewidth=0.8, linestyle=":", label=f"{curve.candidate} itself")
        axes.set_xticks(places, [f"{point.value:g}" for point in curve.points])
        seeds = len(curve.points[0].auc[curve.samples[0]])
        axes.set(
            xlabel=f"{words(curve.setting)} of {drawable(curve.candidate)} (evenly spaced)",
            ylabel=f"AUC{f' on {about}' if about else ''}, mean ± sd of {seeds} seeds",
        )
        axes.grid(axis="y", color=GRID)
        figure.legend(loc="outside upper center", ncols=3, fontsize=7, handlelength=3)
    told = "; ".join(
        f"{words(sample)}: {', '.join(f'{point.value:g}: {point.mean(sample):.3f}' for point in curve.points)}"
        for sample in curve.samples
    )
    of = f"{words(curve.setting)} of {curve.candidate}{f' on {about}' if about else ''}"
    return Chart(f"Mean AUC against {of}. {told}.", figure)
