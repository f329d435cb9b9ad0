"""Charts of how scores moved: a heat map of migrations, what moved them, the firms that moved furthest."""

from __future__ import annotations

import numpy as np

from monitoring.canvas import PALETTE, Chart, canvas, drawable
from schemas.score_drift import ScoreDrift, ScoreMigration

#: of each part: colour and hatch
_LOOKS = {
    "own features": {"color": PALETTE[0]},
    "neighbourhood": {"color": PALETTE[1], "hatch": "//"},
    "inputs": {"color": PALETTE[5], "hatch": ".."},
    "model": {"color": "#999999", "hatch": "xx"},
}
_FIELDS = {"own features": "own", "neighbourhood": "neighbourhood", "inputs": "inputs", "model": "model"}


def migration_heat_map(migration: ScoreMigration) -> Chart:
    """Draw where the firms of each row went, as shares of the row; each cell has the number of its firms."""
    counts = np.array(migration.counts, dtype=np.float64)
    firms = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, firms, out=np.zeros_like(counts), where=firms > 0)
    size = len(migration.names)
    with canvas(1.6 + 0.52 * size, 1.2 + 0.38 * size) as (figure, axes):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for row, column in zip(*counts.nonzero(), strict=True):
            color = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, f"{counts[row, column]:,.0f}", ha="center", va="center", color=color, fontsize=7)
        names = [drawable(name, 14) for name in migration.names]
        axes.set_xticks(range(size), names, fontsize=8)
        axes.set_yticks(range(size), names, fontsize=8)
        axes.set(xlabel=f"{migration.by} now", ylabel=f"{migration.by} before")
        axes.tick_params(length=0)
    told = (
        f"{migration.stayed:.1%} stayed, {migration.worse:.1%} moved to a worse and {migration.better:.1%} to a better"
    )
    return Chart(f"Firms by {migration.by} before and now: {told} one.", figure)


def part_shares(drift: ScoreDrift) -> Chart:
    """Draw how much each cause moved scores, as the mean absolute part of the shifts in percentage points."""
    with canvas(4.6, 0.9 + 0.4 * len(drift.parts)) as (figure, axes):
        for place, part in enumerate(drift.parts):
            axes.barh(place, 100 * part.mean_absolute, height=0.62, edgecolor="white", **_LOOKS[part.part])
            share = "" if part.share is None else f", {part.share:.0%}"
            axes.text(100 * part.mean_absolute, place, f" {100 * part.mean_absolute:.2f}{share}", va="center")
        axes.set_yticks(range(len(drift.parts)), [part.part for part in drift.parts])
        axes.margins(x=0.3)
        axes.invert_yaxis()
        axes.set_xlabel("mean absolute part of a firm's shift, percentage points")
    told = ", ".join(f"{part.part} {100 * part.mean_absolute:.2f}" for part in drift.parts)
    return Chart(f"What moved scores, in percentage points of a firm's shift on average: {told}.", figure)


def largest_shifts(drift: ScoreDrift) -> Chart:
    """Draw the parts of the shifts of the firms that moved furthest: what lowers a score to the left of zero."""
    names = [part.part for part in drift.parts]
    with canvas(6.4, 1.3 + 0.27 * len(drift.largest)) as (figure, axes):
        for place, firm in enumerate(drift.largest):
            ends = {1: 0.0, -1: 0.0}
            for name in names:
                value = 100 * (getattr(firm, _FIELDS[name]) or 0.0)
                side = 1 if value >= 0 else -1
                look = _LOOKS[name] | ({"label": name} if place == 0 else {})
                axes.barh(place, value, left=ends[side], height=0.7, edgecolor="white", linewidth=0, **look)
                ends[side] += value
            axes.plot(100 * (firm.after - firm.before), place, "D", color="black", markersize=4)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_yticks(range(len(drift.largest)), [str(rank) for rank in range(1, len(drift.largest) + 1)])
        axes.invert_yaxis()
        axes.set(xlabel="percentage points (diamond: the whole shift)", ylabel="rank by shift")
        figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    first = drift.largest[0]
    return Chart(
        f"Parts of the shifts of the {len(drift.largest)} firms that moved furthest; the first one's score went from "
        f"{first.before:.1%} to {first.after:.1%}.",
        figure,
    )
