"""Charts of an explanation: what each factor adds, and the firm among those it is related to."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.canvas import DASHES, PALETTE, Chart, canvas, drawable
from monitoring.graph_charts import GRID, HATCHES
from schemas.explanations import FactorShare, FirmExplanation

#: for and against the firm, told apart by hatching too
AGAINST, FOR = PALETTE[1], PALETTE[0]
_LABEL = 46
_NAMED = 40


def factor_bars(shares: Sequence[FactorShare], whose: str) -> Chart:
    """Draw what each factor adds to the log-odds, a bar a factor; to the right it counts against the firm."""
    with canvas(7.4, 0.9 + 0.28 * len(shares)) as (figure, axes):
        values = [one.contribution for one in shares]
        looks = [(AGAINST, HATCHES[0]) if value > 0 else (FOR, HATCHES[1]) for value in values]
        bars = axes.barh(range(len(shares)), values, height=0.7, color=[color for color, _ in looks], edgecolor="white")
        for bar, (_, hatch) in zip(bars, looks, strict=True):
            bar.set_hatch(hatch)
        axes.set_yticks(range(len(shares)), [drawable(one.text, _LABEL) for one in shares])
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.grid(axis="x", color=GRID)
        axes.set(xlabel="log-odds added; to the right: against the firm")
    spoken = "; ".join(f"{one.text}: {one.contribution:+.2f}" for one in shares)
    return Chart(f"What {whose} add to the log-odds of an unfavourable class. {spoken}.", figure)


def ego_chart(content: FirmExplanation) -> Chart:
    """Draw the firm in the middle, its partners on a ring and theirs around: what the interactive picture shows."""
    picture = content.picture
    places = {one.firm: one.place for one in picture.nodes}
    relations = sorted({edge.relation for edge in picture.edges})
    with canvas(7.4, 7.0) as (figure, axes):
        for turn, relation in enumerate(relations):
            look = {"color": PALETTE[turn % len(PALETTE)], "linestyle": DASHES[turn % len(DASHES)]}
            for edge in (one for one in picture.edges if one.relation == relation):
                (x, y), (to_x, to_y) = places[edge.source], places[edge.target]
                axes.plot([x, to_x], [y, to_y], linewidth=2.6 if edge.on_path else 0.8, zorder=1, **look)
            axes.plot([], [], label=drawable(relation), **look)
        for bad, marker, name in ((False, "o", "favourable class"), (True, "s", "unfavourable class")):
            some = [one for one in picture.nodes if one.unfavourable is bad]
            if some:
                axes.scatter(
                    [one.place[0] for one in some],
                    [one.place[1] for one in some],
                    s=[130 if one.hop == 0 else 60 if one.hop == 1 else 28 for one in some],
                    marker=marker,
                    color=AGAINST if bad else FOR,
                    edgecolor="black",
                    linewidth=[2.0 if one.on_path else 0.5 for one in some],
                    zorder=2,
                    label=name,
                )
        for one in [node for node in picture.nodes if node.hop < 2 or node.on_path][:_NAMED]:
            x, y = one.place
            axes.annotate(
                drawable(one.firm, 14),
                (x, y),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                zorder=3,
            )
        axes.set_aspect("equal")
        axes.axis("off")
        figure.legend(loc="outside lower center", ncols=4)
    near = sum(one.hop == 1 for one in picture.nodes)
    return Chart(
        f"{content.firm} in the middle, {near} of {picture.firms_near} firms that it is related to around it, and "
        f"{len(picture.nodes) - near - 1} of {picture.firms_far} firms that these are related to. Squares have an "
        "unfavourable class; thick lines are the path of risk.",
        figure,
    )
