"""Charts of the graph page: the communities as a map, heavy tails, compositions, the head of the spectrum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from monitoring.canvas import DASHES, MARKERS, PALETTE, Chart, canvas, drawable
from monitoring.filters import words
from schemas.portrait import CommunitiesPortrait, CommunityPortrait, Tail
from schemas.terms import Sample

GRID = "#dddddd"
#: bars in the composition chart at most
BARS = 15
#: values of a category with a colour of their own; the rest are drawn together
VALUES = len(PALETTE) - 1
HATCHES = ("", "//", "..", "xx", "\\\\", "--", "oo")
#: how the rim of a disc says which sample its firms are in
RIMS: dict[str, dict[str, Any]] = {
    Sample.DEVELOPMENT: {"edgecolor": "#666666", "linewidth": 0.7, "linestyle": "-"},
    Sample.VALIDATION: {"edgecolor": "black", "linewidth": 1.6, "linestyle": "--"},
    Sample.OUT_OF_COMMUNITY: {"edgecolor": "black", "linewidth": 2.6, "linestyle": "-"},
    Sample.PUBLISHED_TEST: {"edgecolor": "black", "linewidth": 2.2, "linestyle": ":"},
    "several": {"edgecolor": "#666666", "linewidth": 1.4, "linestyle": "-."},
    "": {"edgecolor": "#666666", "linewidth": 1.4, "linestyle": (0, (1, 3))},
}
RIM_NAMES = {"several": "several samples", "": "in no sample"}
_WIDTH, _TALLEST, _FLATTEST = 7.4, 6.6, 3.0
_INCH = 72  # points
_ROOM_FOR_RATE = 15  # points of radius


def community_chart(found: CommunitiesPortrait) -> Chart:
    """Draw the communities as discs, with lines where firms of two are related.

    Area is firms, colour the share of unfavourable outcomes, the rim the sample, the number the place in the table.
    """
    import matplotlib
    from matplotlib.patches import Circle

    drawn = found.drawn
    places = np.array([one.place for one in drawn])
    # The layout is in units of sqrt(firms): a disc of that radius has an area in proportion to the firms.
    radii = np.sqrt([one.firms for one in drawn])
    low, high = (places - radii[:, None]).min(axis=0), (places + radii[:, None]).max(axis=0)
    span = np.maximum(high - low, 1e-9) * 1.04
    height = float(np.clip(0.82 * _WIDTH * span[1] / span[0], _FLATTEST, _TALLEST))
    scale = _INCH * min(0.82 * _WIDTH / span[0], height / span[1])
    shades, norm = matplotlib.colormaps["YlOrBr"], matplotlib.colors.Normalize(*_range_of_rates(drawn))
    with canvas(_WIDTH, height + 0.5) as (figure, axes):
        _draw_links(axes, found, dict(zip([one.name for one in drawn], places, strict=True)))
        for rank, (one, place, radius) in enumerate(zip(drawn, places, radii, strict=True), 1):
            rate = one.unfavourable_rate
            shade = None if rate is None else float(norm(100 * rate))
            face = {"facecolor": "white", "hatch": "...."} if shade is None else {"facecolor": shades(shade)}
            axes.add_patch(Circle(tuple(place), float(radius), zorder=2, **face, **RIMS[one.sample]))
            # The darker 40 % of the shades need light letters.
            color = "white" if shade is not None and shade > 0.6 else "black"
            _write_on_disc(axes, rank, one, float(radius) * scale, color)
        middle = (low + high) / 2
        axes.set(xlim=middle[0] + np.array([-0.5, 0.5]) * span[0], ylim=middle[1] + np.array([-0.5, 0.5]) * span[1])
        axes.set_aspect("equal")
        axes.axis("off")
        if any(one.outcomes for one in drawn):
            bar = figure.colorbar(matplotlib.cm.ScalarMappable(norm, shades), ax=axes, shrink=0.7, aspect=24, pad=0.02)
            bar.set_label("unfavourable, % of known outcomes")
            bar.outline.set_visible(False)
        _legend(figure, drawn)
    rates = [one.unfavourable_rate for one in drawn if one.unfavourable_rate is not None]
    between = f"{100 * min(rates):.1f} % to {100 * max(rates):.1f} %" if rates else "not known"
    return Chart(
        f"Map of the {len(drawn)} largest of {found.communities:,} communities: discs by firms, from "
        f"{drawn[0].firms:,} down to {drawn[-1].firms:,}; share of unfavourable outcomes {between}; "
        "lines for related firms.",
        figure,
    )


def _range_of_rates(drawn: Iterable[CommunityPortrait]) -> tuple[float, float]:
    """Return the ends of the colours in %: from 0, unless all rates are so near each other that none would differ."""
    rates = [100 * one.unfavourable_rate for one in drawn if one.unfavourable_rate is not None]
    if not rates or not max(rates):
        return 0.0, 1.0
    low = math.floor(min(rates)) if min(rates) > max(rates) / 2 else 0
    return float(low), float(max(rates))


def _draw_links(axes: Any, found: CommunitiesPortrait, places: dict[str, Any]) -> None:
    heaviest = max((link.edges for link in found.links), default=1)
    for link in found.links:
        (x, y), (to_x, to_y) = places[link.first], places[link.second]
        width = 0.4 + 4.6 * link.edges / heaviest
        axes.plot([x, to_x], [y, to_y], color="#b8c2cc", linewidth=width, solid_capstyle="butt", zorder=1)


def _write_on_disc(axes: Any, rank: int, one: CommunityPortrait, points: float, color: str) -> None:
    """Write the rank, and the rate where it fits into a disc with a radius of so many points."""
    place, rate = one.place or (0.0, 0.0), one.unfavourable_rate
    fits = rate is not None and points >= _ROOM_FOR_RATE
    text = f"{rank}\n{100 * (rate or 0.0):.1f} %" if fits else f"{rank}"
    size = float(np.clip(0.75 * points, 5.5, 8.5 if fits else 10))
    axes.text(*place, text, ha="center", va="center", fontsize=size, color=color, zorder=3, linespacing=1.0)


def _legend(figure: Any, drawn: Sequence[CommunityPortrait]) -> None:
    from matplotlib.patches import Patch

    present = {one.sample for one in drawn}
    handles = [
        Patch(facecolor="white", label=RIM_NAMES.get(sample, words(sample)), **look)
        for sample, look in RIMS.items()
        if sample in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, title="rim: sample", title_fontsize=9)


def tail_chart(tails: Sequence[Tail], of: str, what: str) -> Chart:
    """Draw one or two tails on logarithmic axes; `of` and `what` say what is counted and whose share it is."""
    from matplotlib.ticker import LogLocator

    with canvas(3.6, 2.7) as (figure, axes):
        for turn, one in enumerate(tails):
            look = {"color": PALETTE[turn], "linestyle": DASHES[turn], "marker": MARKERS[turn]}
            axes.plot(one.values, [100 * s for s in one.shares], markersize=3, linewidth=1, label=one.name, **look)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis, span in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            # Within three powers of ten, those alone would leave a reader without numbers.
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if span[1] < 1000 * span[0] else (1,)))
            axis.set_major_formatter(lambda value, _: f"{value:g}" if value < 10_000 else f"{value:,.0f}")
            axis.set_minor_formatter(lambda *_: "")
        axes.grid(color=GRID)
        axes.set(xlabel=of, ylabel=what)
        if len(tails) > 1:
            axes.legend(loc="lower left", fontsize=8)
    spoken = "; ".join(_tail_in_words(one) for one in tails)
    return Chart(f"Share reaching each number of {of}, both axes logarithmic. {spoken}.", figure)


def _tail_in_words(one: Tail) -> str:
    if not one.values:
        return f"{one.name}: none"
    return f"{one.name}: {100 * one.shares[0]:.1f} % reach {one.values[0]:,}, the largest is {one.values[-1]:,}"


def composition_chart(found: CommunitiesPortrait) -> Chart:
    """Draw the composition of the largest communities by the category, a bar a community, in %."""
    shown = found.largest[:BARS]
    totals = {value: sum(one.composition[value] for one in found.largest) for value in found.values}
    kept = sorted(found.values, key=lambda value: (-totals[value], value))[:VALUES]
    with canvas(7.4, 1.2 + 0.24 * len(shown)) as (figure, axes):
        left = np.zeros(len(shown))
        known = np.array([max(sum(one.composition.values()), 1) for one in shown])
        for turn, value in enumerate(kept):
            share = 100 * np.array([one.composition[value] for one in shown]) / known
            look = {"color": PALETTE[turn], "hatch": HATCHES[turn % len(HATCHES)]}
            axes.barh(
                range(len(shown)), share, left=left, height=0.72, edgecolor="white", label=drawable(value), **look
            )
            left += share
        rest = 100 * (known > 1) - left
        if len(kept) < len(found.values):
            axes.barh(range(len(shown)), rest, left=left, height=0.72, color="#bbbbbb", label="other values")
        axes.set_yticks(range(len(shown)), [f"{rank}: {drawable(one.name, 24)}" for rank, one in enumerate(shown, 1)])
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel=f"firms by {drawable(found.category)}, %")
        figure.legend(loc="outside upper center", ncols=4)
    return Chart(
        f"Firms of the {len(shown)} largest communities by {found.category}: shares of {', '.join(kept)}.", figure
    )


def spectrum_chart(heads: Sequence[tuple[str, Sequence[float]]]) -> Chart:
    """Draw the heads of one or two spectra, a marker an eigenvalue."""
    with canvas(3.6, 2.7) as (figure, axes):
        for turn, (name, values) in enumerate(heads):
            look = {"color": PALETTE[turn], "linestyle": DASHES[turn], "marker": MARKERS[turn]}
            axes.plot(range(1, len(values) + 1), values, markersize=4, linewidth=1, label=name, **look)
        axes.grid(axis="y", color=GRID)
        axes.set(xlabel="place in the spectrum", ylabel="eigenvalue")
        if len(heads) > 1:
            axes.legend(loc="lower left", fontsize=8)
    spoken = "; ".join(f"{name}: {', '.join(f'{value:.3f}' for value in values)}" for name, values in heads)
    return Chart(f"Largest eigenvalues of the renormalised adjacency. {spoken}.", figure)
