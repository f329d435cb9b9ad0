"""The difference between two quarters' graphs, as a page, as Markdown and as a few lines of text."""

from __future__ import annotations

from monitoring import filters
from monitoring.documents import Form, rendered
from schemas.diffs import CommunitiesDiff, FirmsDiff, NeighbourhoodsDiff, PartnersDiff, QuarterDiff, RelationDiff

#: rows a table has at most; the JSON file beside it has all
SHOWN = 20
#: the file beside the page that has all rows
FULL = "diff.json"
_TOLD = 3
_WIDTH = 16
#: not a relation's name, which has no space
_NEIGHBOURHOODS = "changed partners"


def graph_diff_html(content: QuarterDiff) -> str:
    """Write the difference as one self-contained page; equal differences give equal pages."""
    return _written(content, "html")


def graph_diff_markdown(content: QuarterDiff) -> str:
    """Write the difference as Markdown."""
    return _written(content, "markdown")


def graph_diff_text(content: QuarterDiff) -> str:
    """Write the difference as lines for a terminal, without a character that a terminal would obey."""
    details: dict[str, list[str]] = {relation.relation: _moves(relation) for relation in content.diff.relations}
    details[_NEIGHBOURHOODS] = _most_changed(content.diff.neighbourhoods)
    lines = [f"{filters.prose(content.title)}, {content.before.quarter} to {content.after.quarter}"]
    for name, text in summary(content):
        lines.append(f"  {filters.prose(name):<{_WIDTH}} {text}")
        lines += [f"  {'':<{_WIDTH}}   {detail}" for detail in details.get(name, [])]
    return "\n".join(lines) + "\n"


def _written(content: QuarterDiff, form: Form) -> str:
    return rendered(
        "graph_diff.j2",
        form,
        content=content,
        diff=content.diff,
        before=content.before,
        after=content.after,
        summary=summary(content),
        full=FULL,
        shown=SHOWN,
    )


def summary(content: QuarterDiff) -> list[tuple[str, str]]:
    """Return what changed as pairs of a name and one line."""
    diff = content.diff
    equal = [part.part for part in diff.parts if part.equal]
    return [
        ("equal parts", "all: the graphs are equal" if diff.equal else ", ".join(equal) or "none"),
        ("firms", _firms(diff.firms)),
        *((relation.relation, _edges(relation)) for relation in diff.relations),
        *((partners.relation, _links(partners)) for partners in diff.partners),
        ("communities", _communities(diff.communities)),
        (_NEIGHBOURHOODS, _neighbourhoods(diff.neighbourhoods)),
    ]


def _firms(firms: FirmsDiff) -> str:
    return f"{firms.before:,} before, {firms.after:,} after; {len(firms.came):,} came, {len(firms.left):,} left"


def _edges(one: RelationDiff) -> str:
    same = "" if one.jaccard is None else f" (Jaccard {one.jaccard:.3f})"
    return (
        f"{one.edges_before:,} edges before, {one.edges_after:,} after; {one.born:,} born, {one.died:,} died, "
        f"{one.kept:,} kept{same}, {one.reweighted:,} of them with another weight"
    )


def _links(one: PartnersDiff) -> str:
    same = "" if one.jaccard is None else f" (Jaccard {one.jaccard:.3f})"
    return (
        f"{one.links_before:,} links to {one.node_type} nodes before, {one.links_after:,} after; {one.born:,} born, "
        f"{one.died:,} died, {one.kept:,} kept{same}"
    )


def _communities(found: CommunitiesDiff) -> str:
    return (
        f"{found.before:,} before, {found.after:,} after; {len(found.kept):,} kept, {len(found.split):,} split, "
        f"{len(found.merged):,} merged, {len(found.born):,} born, {len(found.died):,} died"
    )


def _neighbourhoods(found: NeighbourhoodsDiff) -> str:
    mean = "" if found.mean_change is None else f"; mean change {found.mean_change:.3f}"
    return f"{found.changed:,} of {found.firms:,} firms have other partners{mean}"


def _moves(relation: RelationDiff) -> list[str]:
    return [
        f"{_firm(move.source)} {'→' if relation.directed else '–'} {_firm(move.target)}: "
        f"weight {_weight(move.before)} to {_weight(move.after)}"
        for move in relation.moves[:_TOLD]
    ]


def _most_changed(found: NeighbourhoodsDiff) -> list[str]:
    return [f"{_firm(one.firm)}: {one.came:,} came, {one.left:,} left" for one in found.most_changed[:_TOLD]]


def _weight(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _firm(firm: str) -> str:
    return filters.shortened(filters.inert(firm), 40)
