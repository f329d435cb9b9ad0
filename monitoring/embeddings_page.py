"""The page of the networks: their last hidden layers in the plane, their clusters, and what varied settings do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from monitoring.canvas import MARKERS, PALETTE, Chart, canvas, drawable
from monitoring.documents import Dossier, Form, written
from monitoring.setting_curve_chart import setting_curve_chart
from schemas.hidden_layers import HiddenLayer, HiddenLayers

#: the file beside the page that has every number of it
EMBEDDINGS = "embeddings.json"
#: communities with a colour of their own; the firms of the others are drawn in grey
COMMUNITIES = 6
_REST = "#c8c8c8"


def embeddings_page_html(dossier: Dossier) -> str:
    """Write the page as one self-contained page."""
    return _page(dossier, "html")


def embeddings_page_markdown(dossier: Dossier) -> str:
    """Write the page as Markdown; charts become sentences."""
    return _page(dossier, "markdown")


def _page(dossier: Dossier, form: Form) -> str:
    return written(
        "embeddings_page.j2",
        dossier,
        form,
        class_chart=class_chart,
        community_chart=community_chart,
        setting_curve_chart=setting_curve_chart,
    )


def class_chart(layers: HiddenLayers, network: HiddenLayer, classes: Sequence[str]) -> Chart:
    """Draw a network's firms by class, in the target's order; the rarest class is drawn last, over the others."""
    return _scatter(network, layers.classes, list(classes), "class")


def community_chart(layers: HiddenLayers, network: HiddenLayer) -> Chart:
    """Draw a network's firms by community; those of small communities are grey."""
    largest = [name for name, _ in Counter(sorted(layers.communities)).most_common(COMMUNITIES)]
    return _scatter(network, layers.communities, largest, "community")


def _scatter(network: HiddenLayer, values: Sequence[str], named: list[str], what: str) -> Chart:
    places = np.array(network.places).reshape(-1, 2)
    of = np.array(values)
    with canvas(4.6, 4.0) as (figure, axes):
        rest = ~np.isin(of, named)
        if rest.any():
            _dots(axes, places[rest], _REST, "o", f"other ({rest.sum():,})")
        for name in sorted(named, key=lambda name: -int((of == name).sum())):
            turn, rows = named.index(name), of == name
            if rows.any():
                look = PALETTE[turn % len(PALETTE)], MARKERS[turn % len(MARKERS)]
                _dots(axes, places[rows], *look, f"{drawable(name, 18)} ({rows.sum():,})")
        axes.set_title(drawable(network.candidate))
        axes.axis("off")  # places have no scale
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=7, markerscale=1.6, title=what)
    groups = int(rest.any()) + len({*named} & {*values})
    return Chart(
        f"{len(places):,} firm-quarters in the plane by {network.candidate}, {groups} groups by {what}.", figure
    )


def _dots(axes: Any, places: Any, color: str, marker: str, label: str) -> None:
    # Drawn as one picture: a thousand marks as SVG would be a hundred times larger.
    axes.scatter(*places.T, s=9, c=color, marker=marker, linewidths=0, alpha=0.75, label=label, rasterized=True)
