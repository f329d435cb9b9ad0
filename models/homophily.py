"""Homophily: whether related firms share a value, corrected for how often chance alone would have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.categories import Category
from models.corporate_graph import CorporateGraph, IntVector, RelationEdges
from schemas.results import Homophily

Mixing = NDArray[np.int64]


def homophily(graphs: Iterable[tuple[CorporateGraph, Sequence[Category]]]) -> tuple[Homophily, ...]:
    """Return the assortativity of each category over each relation.

    Parameters
    ----------
    graphs
        One or more graphs, each with the same categories of its own firms; the edges of several (the vintages,
        each with its own outcomes) are counted together, relation by relation.
    """
    counted: dict[tuple[str, str], Mixing] = {}
    directed: dict[str, bool] = {}
    for graph, categories in graphs:
        for name, relation in graph.relations.items():
            directed[name] = relation.directed
            for category in categories:
                found = mixing_matrix(relation, category.codes, len(category.values))
                before = counted.get((name, category.name))
                counted[name, category.name] = found if before is None else before + found
    return _rows(counted, directed)


def mixing_matrix(relation: RelationEdges, codes: IntVector, values: int) -> Mixing:
    """Count the edges from value to value, (values, values); one with an unknown end is left out.

    An undirected relation is stored both ways, which makes its matrix symmetric and counts each edge twice.
    """
    sources = np.repeat(codes, np.diff(relation.indptr))
    targets = codes[relation.indices]
    known = (sources >= 0) & (targets >= 0)
    cells = np.bincount(sources[known] * values + targets[known], minlength=values * values)
    return cells.reshape(values, values).astype(np.int64)


def assortativity(mixing: Mixing) -> float | None:
    """Return r = (sum_i e_ii - sum_i a_i b_i) / (1 - sum_i a_i b_i), with e the shares of the edges (Newman 2003).

    a_i and b_i are the shares of the edges that begin and end at value i. r is 1 where only equal values are related
    and 0 where the ends are independent; its least value lies in [-1, 0) and depends on the shares. None without
    edges, and where chance alone makes all ends equal (one value only).
    """
    total = mixing.sum()
    if not total:
        return None
    shares = mixing / total
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    if np.count_nonzero(mixing.sum(axis=1) + mixing.sum(axis=0)) < 2:
        return None
    return (float(np.trace(shares)) - by_chance) / (1 - by_chance)


def _rows(counted: Mapping[tuple[str, str], Mixing], directed: Mapping[str, bool]) -> tuple[Homophily, ...]:
    return tuple(
        Homophily(
            relation=relation,
            attribute=attribute,
            edges=int(mixing.sum()) // (1 if directed[relation] else 2),
            value=assortativity(mixing),
        )
        for (relation, attribute), mixing in counted.items()
    )
