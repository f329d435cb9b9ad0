"""The communities of a panel in numbers and as a drawing: who is in them, how they fare, how they hang together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.categories import Category, categories
from models.corporate_graph import CorporateGraph, IntVector
from models.disc_layout import disc_layout
from models.memberships import pooled_union
from models.panel import UNKNOWN, Panel
from models.scoring import favourable
from models.tails import tail
from schemas.portfolio import PortfolioSpec
from schemas.portrait import CommunitiesPortrait, CommunityLink, CommunityPortrait
from schemas.terms import Quarter, Sample

#: communities in the picture at most
DRAWN = 40
#: lines in the picture at most
LINES = 90
#: the heaviest links of each community that are drawn whatever the others weigh
OWN_LINES = 2
SEVERAL = "several"


@dataclass(frozen=True)
class PanelFirms:
    """Every firm of the panel once; n firms.

    Attributes
    ----------
    communities : (n,) str
    union : (n, n)
        Who was related to whom in any vintage (`models.memberships.pooled_union`).
    outcomes, unfavourable : (n,) int64
        Firm-quarters with a known outcome, and with an unfavourable one.
    samples : (n,) str
        The sample of the firm, ``several``, or empty.
    categories
        Attributes of the firms, each as last known.
    """

    communities: NDArray[np.str_]
    union: sp.csr_array
    outcomes: IntVector
    unfavourable: IntVector
    samples: NDArray[np.str_]
    categories: tuple[Category, ...]


def panel_firms(
    graphs: Sequence[CorporateGraph],
    rows: Panel,
    dealt: pl.DataFrame,
    attributes: pl.DataFrame,
    portfolio: PortfolioSpec,
) -> PanelFirms:
    """Sum the firm-quarters of a panel up to its firms.

    Parameters
    ----------
    graphs
        The vintages, ascending.
    rows
        Their firm-quarters with outcomes.
    dealt
        ``firm_id, community, sample`` of each firm-quarter under one scheme, in the order of `rows`.
    attributes
        ``quarter, firm_id`` and the protected columns.
    """
    firms, union = pooled_union(graphs)
    at = np.searchsorted(firms, rows.firms)
    known = rows.truth != UNKNOWN
    bad = known & ~favourable(np.maximum(rows.truth, 0), portfolio.target)
    communities = np.empty(len(firms), dtype=object)
    communities[at] = dealt["community"].to_numpy()
    return PanelFirms(
        communities=communities.astype(np.str_),
        union=union,
        outcomes=np.bincount(at[known], minlength=len(firms)),
        unfavourable=np.bincount(at[bad], minlength=len(firms)),
        samples=_firm_samples(dealt, firms),
        categories=_pooled_categories(graphs, firms, attributes, portfolio),
    )


def community_portraits(
    firms: PanelFirms, vintages: Sequence[Quarter], category: str | None
) -> CommunitiesPortrait | None:
    """Describe the communities and lay the largest out for a picture; None where none has two firms.

    Parameters
    ----------
    category
        Name of the category that compositions are by; None for none.
    """
    names, members, sizes = np.unique(firms.communities, return_inverse=True, return_counts=True)
    if sizes.max(initial=0) < 2:
        return None
    between = quotient(firms.union, members, len(names))
    largest = np.lexsort((np.arange(len(names)), -sizes))[:DRAWN]
    largest = largest[sizes[largest] > 1]
    shown = next((one for one in firms.categories if one.name == category), None)
    places = disc_layout(_dense(between, largest), np.sqrt(sizes[largest].astype(np.float64)))
    links, linked = _links(between, largest, names)
    return CommunitiesPortrait(
        vintages=tuple(vintages),
        communities=len(names),
        alone=int((sizes == 1).sum()),
        firms=len(members),
        edges=firms.union.nnz // 2,
        outcomes=int(firms.outcomes.sum()),
        unfavourable=int(firms.unfavourable.sum()),
        largest=tuple(
            _portrait(firms, str(names[community]), members == community, between[[community]], shown, place)
            for community, place in zip(largest.tolist(), places, strict=True)
        ),
        links=links,
        linked_pairs=linked,
        category=shown.name if shown else None,
        values=shown.values if shown else (),
        sizes=tail("firms a community", sizes),
    )


def quotient(union: sp.csr_array, members: IntVector, groups: int) -> sp.csr_array:
    """Count the pairs of related firms between groups, (groups, groups), symmetric.

    Parameters
    ----------
    union : (n, n)
        Symmetric pattern.
    members : (n,)
        Each firm's group. The diagonal holds the pairs inside a group, each counted once.
    """
    upper = sp.triu(union, k=1, format="coo")
    low, high = np.minimum(members[upper.row], members[upper.col]), np.maximum(members[upper.row], members[upper.col])
    once = sp.csr_array((np.ones(len(low), dtype=np.int64), (low, high)), shape=(groups, groups))
    both = sp.csr_array(once + sp.triu(once, k=1).T)
    both.sort_indices()
    return both


def telling_category(homophily: dict[str, float | None]) -> str | None:
    """Return the category over which related firms are most alike or unlike; of equals the first, None of none."""
    known = {name: abs(value) for name, value in homophily.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else next(iter(homophily), None)


def _dense(between: sp.csr_array, chosen: IntVector) -> NDArray[np.float64]:
    return np.asarray(between[chosen][:, chosen].toarray(), dtype=np.float64)


def _portrait(
    firms: PanelFirms,
    name: str,
    inside: NDArray[np.bool_],
    edges: sp.csr_array,
    category: Category | None,
    place: NDArray[np.float64],
) -> CommunityPortrait:
    inner = int(firms.union[inside][:, inside].nnz) // 2
    found = np.unique(firms.samples[inside & (firms.samples != "")]).tolist()
    return CommunityPortrait(
        name=name,
        firms=int(inside.sum()),
        inner_edges=inner,
        outer_edges=int(edges.sum()) - inner,
        outcomes=int(firms.outcomes[inside].sum()),
        unfavourable=int(firms.unfavourable[inside].sum()),
        sample=found[0] if len(found) == 1 else SEVERAL if found else "",
        composition=_composition(category, inside) if category else {},
        place=(round(float(place[0]), 3), round(float(place[1]), 3)),
    )


def _composition(category: Category, inside: NDArray[np.bool_]) -> dict[str, int]:
    counts = np.bincount(category.codes[inside & (category.codes >= 0)], minlength=len(category.values))
    return dict(zip(category.values, counts.tolist(), strict=True))


def _links(between: sp.csr_array, drawn: IntVector, names: NDArray[np.str_]) -> tuple[tuple[CommunityLink, ...], int]:
    """Return the lines to draw, the heaviest first: the heaviest of all and the heaviest of each community."""
    weights = _dense(between, drawn)
    first, second = np.triu_indices(len(drawn), k=1)
    edges = weights[first, second]
    order = np.lexsort((second, first, -edges))
    order = order[edges[order] > 0]
    held = np.zeros(len(drawn), dtype=np.int64)
    own = np.zeros(len(order), dtype=np.bool_)
    for turn, link in enumerate(order.tolist()):
        ends = [first[link], second[link]]
        own[turn] = held[ends].min() < OWN_LINES
        held[ends] += own[turn]
    kept = order[own | (np.cumsum(~own) <= LINES - own.sum())]
    return tuple(
        CommunityLink(first=str(names[drawn[a]]), second=str(names[drawn[b]]), edges=int(weight))
        for a, b, weight in zip(first[kept], second[kept], edges[kept], strict=True)
    ), len(order)


def _firm_samples(dealt: pl.DataFrame, firms: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return the sample each firm is in.

    The vintage that is out of time holds firms of every sample, and a firm-quarter that is left out says
    nothing: neither counts.
    """
    quiet = [str(Sample.OUT_OF_TIME), str(Sample.EXCLUDED)]
    one = pl.when(pl.col("sample").n_unique() == 1).then(pl.col("sample").first()).otherwise(pl.lit(SEVERAL))
    found = dealt.filter(~pl.col("sample").is_in(quiet)).group_by("firm_id").agg(sample=one)
    every = pl.DataFrame({"firm_id": firms}).join(found, on="firm_id", how="left", maintain_order="left")
    return every["sample"].fill_null("").to_numpy().astype(np.str_)


def _pooled_categories(
    graphs: Sequence[CorporateGraph], firms: NDArray[np.str_], attributes: pl.DataFrame, portfolio: PortfolioSpec
) -> tuple[Category, ...]:
    """Return the categories of all firms; of several vintages the last word that is known counts."""
    pooled: dict[str, Category] = {}
    for graph in graphs:
        quarter = attributes.filter(pl.col("quarter") == str(Quarter.of(graph.as_of)))
        at = np.searchsorted(firms, graph.firms)
        for found in categories(graph, quarter, portfolio):
            codes = pooled[found.name].codes if found.name in pooled else np.full(len(firms), UNKNOWN, np.int64)
            codes[at] = np.where(found.codes >= 0, found.codes, codes[at])
            pooled[found.name] = Category(found.name, found.values, codes)
    return tuple(pooled.values())
