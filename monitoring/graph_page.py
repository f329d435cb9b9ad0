"""The graph page of a refresh: which graph it is, what it looks like, and what changed since the quarter before."""

from __future__ import annotations

from itertools import groupby

from monitoring import filters
from monitoring.diff_document import SHOWN, summary
from monitoring.documents import Dossier, Form, written
from schemas.portfolio import AnyRelation, PortfolioSpec
from schemas.portrait import GraphPortrait, Tail
from schemas.results import GraphStatistics, Homophily

#: the file beside the page that has every number of it
FULL = "graph.json"
#: settings that say where a relation's rows come from, not what is made of them
_WHERE_FROM = frozenset(
    {
        "name", "kind", "file", "source", "target", "firm_id", "partner", "text", "published_on", "valid_until",
        "ignore", "rows_between", "tolerance",
    }
)  # fmt: skip
_QUANTILES = ("minimum", "lower quartile", "median", "upper quartile", "p99", "maximum")


def graph_page_html(dossier: Dossier) -> str:
    """Write the graph page as one self-contained page."""
    return _page(dossier, "html")


def graph_page_markdown(dossier: Dossier) -> str:
    """Write the graph page as Markdown; charts become sentences."""
    return _page(dossier, "markdown")


def _page(dossier: Dossier, form: Form) -> str:
    content = dossier.portrait.diff
    return written(
        "graph_page.j2",
        dossier,
        form,
        policies=_policies(dossier.portfolio),
        tails=_tails(dossier.portrait),
        alike=_alike(dossier.graph),
        quantile_names=_QUANTILES,
        content=content,
        diff=content.diff if content else None,
        before=content.before if content else None,
        after=content.after if content else None,
        summary=summary(content) if content else [],
        shown=SHOWN,
        full=FULL,
    )


def _policies(portfolio: PortfolioSpec) -> list[tuple[str, str, str]]:
    """Return each relation's name, kind and settings in words, in the order of the graph."""
    ordered = sorted(portfolio.relations, key=lambda relation: relation.name)
    return [(relation.name, filters.words(relation.kind), _settings(relation)) for relation in ordered]


def _settings(relation: AnyRelation) -> str:
    settings = relation.model_dump(exclude=set(_WHERE_FROM))
    return "; ".join(
        f"{filters.words(name)}: {_range(*value) if name.endswith('_between') else _setting(value)}"
        for name, value in settings.items()
        if _set(value)
    )


def _range(low: float | None, high: float | None) -> str:
    return f"{'−∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"


def _set(value: object) -> bool:
    return value is not None and value not in ((), {})


def _setting(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{key} = {one}" for key, one in value.items())
        case tuple() | list():
            return ", ".join(f"{one}" for one in value)
        case _:
            return f"{value}"


def _tails(portrait: GraphPortrait) -> list[tuple[str, list[Tail]]]:
    """Return the tails of each relation together, by its name; a relation without edges has none."""
    grouped = groupby(portrait.degrees, key=lambda one: one.name.partition(":")[0])
    found = [(name, [one for one in tails if one.values]) for name, tails in grouped]
    return [
        (name, [one.model_copy(update={"name": one.name.partition(": ")[2]}) for one in tails])
        for name, tails in found
        if tails
    ]


def _alike(graph: GraphStatistics) -> tuple[list[str], list[tuple[str, list[Homophily | None]]]]:
    """Return the relations, and for each attribute its homophily over each of them."""
    found = graph.structure.homophily if graph.structure else ()
    relations = list(dict.fromkeys(one.relation for one in found))
    attributes = list(dict.fromkeys(one.attribute for one in found))
    by_both = {(one.attribute, one.relation): one for one in found}
    return relations, [(name, [by_both.get((name, relation)) for relation in relations]) for name in attributes]
