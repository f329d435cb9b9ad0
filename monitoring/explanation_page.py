"""The explanation of one firm's score as a page with an interactive picture, as Markdown and as lines for a terminal.

The page runs two scripts, each admitted by its hash and no other: cytoscape.js as it is published, and a few lines that
hand it the graph. What these read is data in the page; names are drawn as text. Without scripts a drawing stands there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache

from markupsafe import Markup

from monitoring import explanation_charts, filters
from monitoring.canvas import PALETTE
from monitoring.documents import Form, rendered, template_environment
from schemas.explanations import Counterfactual, EdgeImportance, FirmExplanation, MethodExplanation, PictureEdge

_VENDORED = "vendor/cytoscape/cytoscape.min.js"
#: Hands the data of the page to cytoscape and shows what is known of a firm that is clicked on; it reads text and sets
#: text, and writes no HTML.
SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("ego-data").textContent);
const box = document.getElementById("ego");
box.hidden = false;
document.getElementById("ego-legend").hidden = false;
document.getElementById("ego-drawing").hidden = true;
const cy = cytoscape({
  container: box,
  elements: data,
  layout: { name: "preset" },
  minZoom: 0.3,
  maxZoom: 4,
  style: [
    { selector: "node", style: { "background-color": "#0072B2", "border-width": 1, "border-color": "#000",
      "label": "data(short)", "font-size": 9, "text-valign": "top", "width": 16, "height": 16 } },
    { selector: "node.unfavourable", style: { "background-color": "#D55E00", "shape": "rectangle" } },
    { selector: "node.middle", style: { "width": 30, "height": 30, "font-weight": "bold" } },
    { selector: "node.far", style: { "width": 10, "height": 10, "font-size": 6 } },
    { selector: "node.path", style: { "border-width": 4 } },
    { selector: "edge", style: { "width": 1.2, "line-color": "data(color)", "curve-style": "bezier",
      "target-arrow-color": "data(color)" } },
    { selector: "edge.directed", style: { "target-arrow-shape": "triangle" } },
    { selector: "edge.path", style: { "width": 4 } },
    { selector: ":selected", style: { "overlay-opacity": 0.2 } }
  ]
});
const told = document.getElementById("ego-told");
cy.on("tap", "node, edge", event => { told.textContent = event.target.data("told"); });
"""
SECTIONS = (
    "Score and reasons",
    "Own factors",
    "Firms around it",
    "The path that risk took",
    "What would change it",
    "Picture",
    "How to read this page",
)
_BY_OTHER_METHODS = "By other methods"


@cache
def _library() -> str:
    loader = template_environment("html").loader
    assert loader is not None
    return loader.get_source(template_environment("html"), _VENDORED)[0]


def script_hashes() -> tuple[str, ...]:
    """Return the source expressions by which a content security policy admits the two scripts and no others (CSP 3)."""
    digests = (hashlib.sha256(script.encode()).digest() for script in (_library(), SCRIPT))
    return tuple(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def sections_of(content: FirmExplanation) -> tuple[str, ...]:
    """Return the titles of an explanation's sections: what other methods say only where they were asked."""
    return (*SECTIONS[:-1], _BY_OTHER_METHODS, SECTIONS[-1]) if content.methods else SECTIONS


def relation_colors(content: FirmExplanation) -> dict[str, str]:
    """Return the colour that each relation of the picture is drawn in."""
    relations = sorted({edge.relation for edge in content.picture.edges})
    return {name: PALETTE[turn % len(PALETTE)] for turn, name in enumerate(relations)}


def picture_elements(content: FirmExplanation) -> list[dict[str, object]]:
    """Return the picture as cytoscape's elements; names without a character that could turn text around."""
    colors = relation_colors(content)
    numbers = {node.firm: f"n{number}" for number, node in enumerate(content.picture.nodes)}
    nodes: list[dict[str, object]] = [
        {
            "data": {
                "id": numbers[one.firm],
                "short": filters.inert(one.firm)[:18],
                "told": f"{shown_firm(one.firm, one.name)}: probability {one.probability:.2%}",
            },
            "position": {"x": 220 * one.place[0], "y": -220 * one.place[1]},
            "classes": " ".join(
                name
                for name, holds in (
                    ("unfavourable", one.unfavourable),
                    ("middle", one.hop == 0),
                    ("far", one.hop == 2),
                    ("path", one.on_path),
                )
                if holds
            ),
        }
        for one in content.picture.nodes
    ]
    edges: list[dict[str, object]] = [
        {
            "data": {
                "id": f"e{number}",
                "source": numbers[one.source],
                "target": numbers[one.target],
                "color": colors[one.relation],
                "told": _related(one),
            },
            "classes": f"{'directed ' if one.directed else ''}{'path' if one.on_path else ''}".strip(),
        }
        for number, one in enumerate(content.picture.edges)
    ]
    return [*nodes, *edges]


def _related(one: PictureEdge) -> str:
    source, target = (filters.shortened(filters.inert(end), 40) for end in (one.source, one.target))
    return f"{one.relation}: {source} {'→' if one.directed else '–'} {target}"


def shown_firm(firm: str, name: str) -> str:
    """Name a firm by its id, and by its name where it has one."""
    plain = filters.shortened(filters.inert(firm), 40)
    return f"{plain} ({filters.shortened(filters.inert(name), 60)})" if name else plain


def explanation_html(content: FirmExplanation) -> str:
    """Write the explanation as one self-contained page; equal explanations give equal pages."""
    return _written(content, "html")


def explanation_markdown(content: FirmExplanation) -> str:
    """Write the explanation as Markdown; charts become sentences."""
    return _written(content, "markdown")


def _written(content: FirmExplanation, form: Form) -> str:
    elements = json.dumps(picture_elements(content), ensure_ascii=True, sort_keys=True)
    # Inside a script element nothing is an entity: what could end it or begin another is written as an escape.
    data = elements.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return rendered(
        "explanation.j2",
        form,
        content=content,
        about=shown_firm(content.firm, content.name),
        shown_firm=shown_firm,
        shown_ends=shown_ends,
        class_then=class_then,
        colors=relation_colors(content),
        sections=sections_of(content),
        explanation_charts=explanation_charts,
        policy=Markup(" ".join(script_hashes())),  # noqa: S704 - digests of our own bytes
        library=Markup(_library()) if form == "html" else "",  # noqa: S704 - the published file, pinned by its hash
        script=Markup(SCRIPT),  # noqa: S704 - this file's own
        data=Markup(data),  # noqa: S704 - JSON whose angle brackets are escaped just above
    )


def explanation_text(content: FirmExplanation) -> str:
    """Write the explanation as lines for a terminal, without a character that a terminal would obey."""
    now, target = content.standing, filters.prose(content.target)
    lines = [
        f"{filters.prose(content.title)}, {content.quarter}: {shown_firm(content.firm, content.name)}",
        f"  score        {now.probability:.2%}, grade {now.grade}: {target}, by {content.candidate}",
        *([f"  note         not the version in use: that is version {content.in_use}"] if content.other_in_use else []),
        *([] if content.decided else [f"  note         not the model that decided: {content.decided_by} did"]),
        f"  class        {filters.inert(now.predicted_class)}, {'favourable' if now.favourable else 'unfavourable'}",
    ]
    lines += [f"  reason       {one.code}: {filters.prose(one.text)}" for one in content.reasons]
    lines += [f"  own          {one.contribution:+.2f} {filters.prose(one.text)}" for one in content.own[:5]]
    lines += [f"  network      {one.contribution:+.2f} {filters.prose(one.text)}" for one in content.network[:5]]
    if content.path is None:
        lines.append(f"  path         {content.path_missing}")
    else:
        lines.append("  path         " + " → ".join(shown_firm(one.firm, one.name) for one in content.path.steps))
    lines += [f"  change       {change_words(content, one)}" for one in content.counterfactuals[:6]]
    lines += [f"  method       {method_words(one)}" for one in content.methods]
    return "\n".join(lines) + "\n"


def method_words(told: MethodExplanation) -> str:
    """Say in a line what one method says: whether that is reliable, and what counts most."""
    form = "+.3f" if told.signed else ".3f"
    most = [f"{shown_ends(one)} ({filters.prose(one.relation)}) {one.weight:{form}}" for one in told.edges[:2]]
    most += [f"{filters.prose(one.feature)} {one.weight:{form}}" for one in told.features[:2]]
    verdict = "reliable" if told.fidelity.reliable else "not reliable"
    return f"{told.method}, {verdict}: {'; '.join(most) or 'nothing counts'}"


def shown_ends(one: EdgeImportance) -> str:
    """Name both ends of a relation."""
    return f"{shown_firm(one.source, one.source_name)} – {shown_firm(one.target, one.target_name)}"


def class_then(content: FirmExplanation, one: Counterfactual) -> str:
    """Say which class a change leads to: where it stays, and where only the probability is known, say that."""
    if one.then.predicted_class is None:
        return "not known"
    if one.then.predicted_class == content.standing.predicted_class:
        return "unchanged"
    return filters.inert(one.then.predicted_class)


def change_words(content: FirmExplanation, one: Counterfactual) -> str:
    """Say what one single change would do."""
    what = (
        f"without {one.subject.replace('_', ' ')} with {shown_firm(one.partner, one.partner_name)}"
        if one.partner
        else f"{one.subject.replace('_', ' ')} {filters.inert(one.before)} to {filters.inert(one.after)}"
    )
    told = class_then(content, one)
    then = "" if told in ("not known", "unchanged") else f"class {told}, "
    return f"{what}: {then}grade {one.then.grade}, {one.then.probability:.2%}"
