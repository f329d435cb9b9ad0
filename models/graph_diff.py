"""The difference between two corporate graphs: firms, edges, communities, neighbourhoods.

Firms are matched by id. Every comparison is done on arrays: edges as sorted pair numbers over the
firms of both graphs, neighbourhoods as sparse rows, communities as a matrix of shared firms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.communities import Communities
from models.corporate_graph import CorporateGraph, IntVector, RelationEdges
from models.fingerprint import part_digests
from models.partners_diff import partners_diff
from schemas.diffs import (
    CommunitiesDiff,
    Community,
    CommunityFlow,
    CommunityKept,
    CommunityPart,
    FirmsDiff,
    GraphDiff,
    NeighbourhoodChange,
    NeighbourhoodsDiff,
    PartComparison,
    RelationDiff,
    WeightMove,
)

MOVES_SHOWN = 10
NEIGHBOURHOODS_SHOWN = 20
#: what makes a counterpart of a split or merged community: this share of its persisting firms, and this many
LEAST_SHARE = 0.2
LEAST_FIRMS = 3

Names = NDArray[np.str_]
Named = TypeVar("Named", Community, CommunityFlow)


def graph_diff(
    before: CorporateGraph, after: CorporateGraph, communities_before: Communities, communities_after: Communities
) -> GraphDiff:
    """Compare two graphs; equal graphs give an empty diff.

    Parameters
    ----------
    communities_before, communities_after
        The partition of each graph's own firms, in their order.
    """
    firms = np.union1d(before.firms, after.firms)
    names = sorted({*before.relations, *after.relations})
    parts = _parts(before, after)
    return GraphDiff(
        equal=all(part.equal for part in parts),
        parts=parts,
        firms=_firms(before.firms, after.firms),
        relations=tuple(_relation(name, before, after, firms) for name in names),
        communities=_communities(before.firms, after.firms, communities_before.names, communities_after.names),
        neighbourhoods=_neighbourhoods(before, after, firms),
        partners=partners_diff(before, after),
    )


def _parts(before: CorporateGraph, after: CorporateGraph) -> tuple[PartComparison, ...]:
    old, new = part_digests(before), part_digests(after)
    return tuple(
        PartComparison(part=part, equal=old.get(part) == new.get(part), before=old.get(part), after=new.get(part))
        for part in dict.fromkeys([*old, *new])
    )


def _firms(before: Names, after: Names) -> FirmsDiff:
    came = np.setdiff1d(after, before, assume_unique=True)
    left = np.setdiff1d(before, after, assume_unique=True)
    return FirmsDiff(
        before=len(before),
        after=len(after),
        kept=len(after) - len(came),
        came=tuple(came.tolist()),
        left=tuple(left.tolist()),
    )


def _relation(name: str, before: CorporateGraph, after: CorporateGraph, firms: Names) -> RelationDiff:
    sides = [graph.relations.get(name) for graph in (before, after)]
    # Only where both quarters know the direction can it be compared.
    directed = all(side is None or side.directed for side in sides)
    old, new = (_edges(graph, side, firms, directed) for graph, side in zip((before, after), sides, strict=True))
    _, rows, columns = np.intersect1d(old.pairs, new.pairs, assume_unique=True, return_indices=True)
    was, now = old.weights[rows], new.weights[columns]
    changed = np.flatnonzero(was != now)
    # A stable sort keeps equal moves in the order of their firms.
    largest = changed[np.argsort(-np.abs(now - was)[changed], kind="stable")][:MOVES_SHOWN]
    every = len(old.pairs) + len(new.pairs) - len(rows)
    return RelationDiff(
        relation=name,
        directed=directed,
        edges_before=len(old.pairs),
        edges_after=len(new.pairs),
        kept=len(rows),
        born=len(new.pairs) - len(rows),
        died=len(old.pairs) - len(rows),
        jaccard=len(rows) / every if every else None,
        reweighted=len(changed),
        kept_weight_before=float(was.sum()),
        kept_weight_after=float(now.sum()),
        moves=tuple(_move(firms, old.pairs[rows[place]], was[place], now[place]) for place in largest),
    )


def _move(firms: Names, pair: np.int64, before: np.float64, after: np.float64) -> WeightMove:
    source, target = divmod(int(pair), len(firms))
    return WeightMove(source=str(firms[source]), target=str(firms[target]), before=float(before), after=float(after))


@dataclass(frozen=True)
class _Edges:
    """Ascending pair numbers (source x firms + target) and the weight of each."""

    pairs: IntVector
    weights: NDArray[np.float64]


def _edges(graph: CorporateGraph, relation: RelationEdges | None, firms: Names, directed: bool) -> _Edges:
    if relation is None:
        return _Edges(np.empty(0, dtype=np.int64), np.empty(0))
    places = np.searchsorted(firms, graph.firms)
    sources = places[np.repeat(np.arange(graph.size), np.diff(relation.indptr))]
    targets, weights = places[relation.indices], relation.weights
    if not relation.directed:  # it is stored both ways
        once = sources <= targets
        sources, targets, weights = sources[once], targets[once], weights[once]
    if not directed:
        sources, targets = np.minimum(sources, targets), np.maximum(sources, targets)
    pairs, which = np.unique(sources * len(firms) + targets, return_inverse=True)
    return _Edges(pairs.astype(np.int64), np.bincount(which, weights, minlength=len(pairs)).astype(np.float64))


def _neighbourhoods(before: CorporateGraph, after: CorporateGraph, firms: Names) -> NeighbourhoodsDiff:
    was, now = (_spread(graph.union(), graph, firms) for graph in (before, after))
    shared = _row_sums(was.multiply(now))
    old, new = _row_sums(was), _row_sums(now)
    every = old + new - shared
    change = 1 - np.divide(shared, every, out=np.ones(len(firms)), where=every > 0)
    moved = _weight_changes(before, after, firms)
    both = np.isin(firms, before.firms, assume_unique=True) & np.isin(firms, after.firms, assume_unique=True)
    changed = np.flatnonzero(both & ((change > 0) | (moved > 0)))
    most = changed[np.lexsort((changed, -moved[changed], -change[changed]))][:NEIGHBOURHOODS_SHOWN]
    return NeighbourhoodsDiff(
        firms=int(both.sum()),
        changed=int((both & (change > 0)).sum()),
        mean_change=float(change[both].mean()) if both.any() else None,
        most_changed=tuple(
            NeighbourhoodChange(
                firm=str(firms[place]),
                change=float(change[place]),
                partners_before=int(old[place]),
                partners_after=int(new[place]),
                came=int(new[place] - shared[place]),
                left=int(old[place] - shared[place]),
                weight_change=float(moved[place]),
            )
            for place in most.tolist()
        ),
    )


def _weight_changes(before: CorporateGraph, after: CorporateGraph, firms: Names) -> NDArray[np.float64]:
    """Return for each firm the sum of |weight after - weight before| over its edges of all relations."""
    moved = np.zeros(len(firms))
    for name in sorted({*before.relations, *after.relations}):  # sums of floats depend on their order
        known = [(graph, graph.relations[name]) for graph in (after, before) if name in graph.relations]
        now, *was = [_spread(relation.matrix(), graph, firms) for graph, relation in known]
        difference = abs(now - was[0]) if was else abs(now)
        moved += _row_sums(difference)
        if any(relation.directed for _, relation in known):  # else it is stored both ways
            moved += _row_sums(difference.T)
    return moved


def _spread(matrix: sp.csr_array, graph: CorporateGraph, firms: Names) -> sp.csr_array:
    """Move a matrix over the graph's firms to rows and columns of all firms."""
    places = np.searchsorted(firms, graph.firms)
    entries = matrix.tocoo()
    return sp.csr_array((entries.data, (places[entries.row], places[entries.col])), shape=(len(firms), len(firms)))


def _row_sums(matrix: sp.csr_array) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _communities(firms_before: Names, firms_after: Names, before: Names, after: Names) -> CommunitiesDiff:
    old, old_of, old_sizes = np.unique(before, return_inverse=True, return_counts=True)
    new, new_of, new_sizes = np.unique(after, return_inverse=True, return_counts=True)
    _, rows, columns = np.intersect1d(firms_before, firms_after, assume_unique=True, return_indices=True)
    ones = np.ones(len(rows), dtype=np.int64)
    shared = sp.csr_array((ones, (old_of[rows], new_of[columns])), shape=(len(old), len(new)))
    shared.sum_duplicates()
    olds = [Community(name=str(name), firms=int(size)) for name, size in zip(old, old_sizes, strict=True)]
    news = [Community(name=str(name), firms=int(size)) for name, size in zip(new, new_sizes, strict=True)]
    splits, merges = _flows(shared, olds, news), _flows(sp.csr_array(shared.T), news, olds)
    kept = [
        (row, column, count)
        for row, column, count in _majorities(shared)
        if row not in splits and column not in merges and max(olds[row].firms, news[column].firms) >= LEAST_FIRMS
    ]
    merging = {part.name for flow in merges.values() for part in flow.parts} | {olds[row].name for row, *_ in kept}
    coming = {part.name for flow in splits.values() for part in flow.parts} | {
        news[column].name for _, column, _ in kept
    }
    return CommunitiesDiff(
        before=len(olds),
        after=len(news),
        kept=tuple(CommunityKept(before=olds[row], after=news[column], shared=count) for row, column, count in kept),
        split=_largest_first(splits.values()),
        merged=_largest_first(merges.values()),
        born=_others(news, coming | {flow.name for flow in merges.values()}),
        died=_others(olds, merging | {flow.name for flow in splits.values()}),
    )


def _flows(shared: sp.csr_array, communities: list[Community], others: list[Community]) -> dict[int, CommunityFlow]:
    """Return by row the communities with at least two counterparts, the largest counterpart first."""
    persisting = _row_sums(shared)
    entries = shared.tocoo()
    enough = (entries.data >= LEAST_FIRMS) & (entries.data / persisting[entries.row] >= LEAST_SHARE)
    rows, columns, counts = entries.row[enough], entries.col[enough], entries.data[enough]
    several = np.flatnonzero(np.bincount(rows, minlength=len(communities)) > 1)
    flows = {}
    for row in several.tolist():
        own = np.flatnonzero(rows == row)
        own = own[np.argsort(-counts[own], kind="stable")]
        parts = [CommunityPart(**others[columns[k]].model_dump(), shared=int(counts[k])) for k in own]
        flows[row] = CommunityFlow(**communities[row].model_dump(), persisting=int(persisting[row]), parts=tuple(parts))
    return flows


def _majorities(shared: sp.csr_array) -> list[tuple[int, int, int]]:
    """Return (row, column, firms) where each holds more than half of the other's persisting firms."""
    rows, columns = _row_sums(shared), _row_sums(sp.csr_array(shared.T))
    entries = shared.tocoo()
    half = (2 * entries.data > rows[entries.row]) & (2 * entries.data > columns[entries.col])
    found = zip(entries.row[half].tolist(), entries.col[half].tolist(), entries.data[half].tolist(), strict=True)
    return sorted(found, key=lambda one: (-one[2], one[0]))


def _others(communities: list[Community], named: set[str]) -> tuple[Community, ...]:
    return _largest_first(one for one in communities if one.firms >= LEAST_FIRMS and one.name not in named)


def _largest_first(communities: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(sorted(communities, key=lambda one: (-one.firms, one.name)))
