"""How the edges of one relation differ from those of the quarter before.

What is measured is what an ordinary quarter leaves alone even where it deals a third of the edges anew, as a
reconstruction does: how many edges there are and how many partners firms have, whom firms with many partners are
related to, whether weights still add up to what firms report, which firms keep every partner, and where new edges lead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.categories import Category
from models.corporate_graph import CorporateGraph, FloatMatrix, IntVector, RelationEdges
from models.homophily import assortativity, mixing_matrix
from models.measures import (
    LEAST,
    Measured,
    Vector,
    correlation,
    distance,
    growth,
    rank_correlation,
    share,
    undefined,
)

#: a reported figure is one that weights add up to if the ranks of both agree at least this well
LEAST_AGREEMENT = 0.5


@dataclass(frozen=True)
class Side:
    """What the firms of one quarter have at one end of a relation: partners and the sum of weights, (n,) each."""

    name: str
    degrees: Vector
    strengths: Vector


@dataclass(frozen=True)
class PlacedRelation:
    """The edges of one quarter among the firms of two quarters.

    Attributes
    ----------
    sources, targets : (m,)
        Positions among the firms of both quarters; an undirected edge is there once.
    weights : (m,)
    sides
        Of all firms of both quarters: out and in, or one of an undirected relation.
    """

    sources: IntVector
    targets: IntVector
    weights: Vector
    sides: tuple[Side, ...]

    @classmethod
    def of(cls, graph: CorporateGraph, relation: RelationEdges, places: IntVector, size: int) -> PlacedRelation:
        """Place a relation's edges; `places` are the graph's firms among the `size` firms of both quarters."""
        sources = places[np.repeat(np.arange(graph.size), np.diff(relation.indptr))]
        targets, weights = places[relation.indices], relation.weights
        outward = _side("out" if relation.directed else "partners", sources, weights, size)
        if relation.directed:
            return cls(sources, targets, weights, (outward, _side("in", targets, weights, size)))
        once = sources <= targets
        return cls(sources[once], targets[once], weights[once], (outward,))

    def pairs(self) -> IntVector:
        """Return one number an edge, the same in both quarters."""
        return self.sources * len(self.sides[0].degrees) + self.targets


def _side(name: str, ends: IntVector, weights: Vector, size: int) -> Side:
    return Side(
        name,
        np.bincount(ends, minlength=size).astype(np.float64),
        np.bincount(ends, weights, minlength=size).astype(np.float64),
    )


def relation_measures(
    name: str, before: PlacedRelation, after: PlacedRelation, both: NDArray[np.bool_]
) -> Iterator[Measured]:
    """Compare the edges of two quarters.

    Parameters
    ----------
    both : (n,) bool
        Which of the firms of the two quarters are there in both.
    """
    yield growth(name, "growth of edges", len(before.sources), len(after.sources))
    was, now = before.pairs(), after.pairs()
    staying = both[before.sources] & both[before.targets]
    kept = np.isin(was, now)
    yield share(name, "edges kept", kept[staying])
    yield from _unchanged_firms(name, before, kept, staying)
    for old, new in zip(before.sides, after.sides, strict=True):
        yield distance(
            name, f"number of partners, {new.name}", np.log1p(old.degrees[both]), np.log1p(new.degrees[both])
        )
        yield rank_correlation(name, f"sums of weights as before, {new.name}", old.strengths[both], new.strengths[both])
    yield mixing_by_degree(name, after)
    yield _weights(name, before.weights, after.weights)
    born = ~np.isin(now, was) & both[after.sources] & both[after.targets]
    first, last = before.sides[0], before.sides[-1]
    known = (first.degrees[after.sources] > 0) & (last.degrees[after.targets] > 0)
    yield share(name, "new edges between firms with partners before", known[born])


def mixing_by_degree(name: str, relation: PlacedRelation) -> Measured:
    """Return whether firms with many partners are related to such firms: Newman (2002), on log(1 + partners)."""
    first, last = relation.sides[0], relation.sides[-1]
    sources, targets = np.log1p(first.degrees[relation.sources]), np.log1p(last.degrees[relation.targets])
    if len(relation.sides) == 1:  # an undirected edge has no first end
        sources, targets = np.concatenate([sources, targets]), np.concatenate([targets, sources])
    return correlation(name, "mixing by number of partners", sources, targets)


def agreement_measures(
    name: str,
    before: PlacedRelation,
    after: PlacedRelation,
    figures: tuple[FloatMatrix, FloatMatrix],
    both: NDArray[np.bool_],
) -> Iterator[Measured]:
    """Tell whether weights still add up to the figure that they agreed best with a quarter before.

    Reconstructed exposures add up to what a bank reports in all; edges that were put in or moved do not.

    Parameters
    ----------
    figures : (n, k) each
        The numeric features of the firms of both quarters, before and after, NaN where there is none.
    """
    for old, new in zip(before.sides, after.sides, strict=True):
        statistic = f"sums of weights against a reported figure, {new.name}"
        column, agreement = _best_figure(old.strengths[both], figures[0][both])
        if column is None or agreement < LEAST_AGREEMENT:
            yield undefined(name, statistic, "weights do not add up to any reported figure")
            continue
        reported = figures[1][:, column]
        rows = both & (new.strengths > 0) & ~np.isnan(reported)
        yield rank_correlation(name, statistic, new.strengths[rows], reported[rows])


def homophily_measures(name: str, relation: RelationEdges, categories: tuple[Category, ...]) -> Iterator[Measured]:
    """Return the assortativity of each category over the relation (Newman 2003)."""
    for category in categories:
        statistic = f"homophily of {category.name}"
        mixing = mixing_matrix(relation, category.codes, len(category.values))
        value, edges = assortativity(mixing), int(mixing.sum())
        if value is None or edges < LEAST:
            yield undefined(name, statistic, "too few edges between firms of known values, or one value only")
        else:
            yield Measured(name, statistic, value, float(1 / np.sqrt(edges)))


def _unchanged_firms(
    name: str, before: PlacedRelation, kept: NDArray[np.bool_], staying: NDArray[np.bool_]
) -> Iterator[Measured]:
    # What changes routinely changes for some firms and leaves others alone; what was tampered with is spread over all.
    ends = (before.sources, before.targets)
    for side, end in zip(before.sides, ends, strict=False):
        size = len(side.degrees)
        lost = np.bincount(end[staying & ~kept], minlength=size)
        had = np.bincount(end[staying], minlength=size)
        if len(before.sides) == 1:
            other = before.targets
            lost = lost + np.bincount(other[staying & ~kept], minlength=size)
            had = had + np.bincount(other[staying], minlength=size)
        yield share(name, f"firms that kept all of at least two partners, {side.name}", lost[had >= 2] == 0)


def _weights(name: str, before: Vector, after: Vector) -> Measured:
    statistic = "size of weights"
    old, new = np.log(before[before > 0]), np.log(after[after > 0])
    if len(old) and np.ptp(old) == 0:
        return undefined(name, statistic, "the relation has no weights")
    return distance(name, statistic, old, new)


def _best_figure(strengths: Vector, figures: FloatMatrix) -> tuple[int | None, float]:
    rows = strengths > 0
    if rows.sum() < LEAST or not figures.shape[1]:
        return None, 0.0
    ranks = rankdata(strengths[rows])
    best: tuple[int | None, float] = (None, 0.0)
    for column in range(figures.shape[1]):
        values = figures[rows, column]
        known = ~np.isnan(values)
        if known.sum() < LEAST or len(np.unique(values[known])) <= 2 or np.ptp(ranks[known]) == 0:
            continue
        found = float(np.corrcoef(ranks[known], rankdata(values[known]))[0, 1])
        if found > best[1]:
            best = (column, found)
    return best
