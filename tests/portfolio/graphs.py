"""Graphs and fitting data made by hand, for tests that need no tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import networkx as nx
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, relation_edges
from models.fitted import FittingData
from schemas.portfolio import RelationSpec
from schemas.specs import TrainingSpec

AS_OF = dt.date(2023, 3, 31)
Edge = tuple[str, str] | tuple[str, str, float]


def relation(name: str = "supply", **settings: object) -> RelationSpec:
    """Return the settings of a relation; only `directed` and `cap` matter to a graph."""
    described = {"name": name, "file": name, "source": "source", "target": "target"}
    return RelationSpec.model_validate(described | settings)


def edge_table(edges: Sequence[Edge]) -> pl.DataFrame:
    """Return edges as (source, target, weight); weight 1 where none is given."""
    rows = [(edge[0], edge[1], edge[2] if len(edge) == 3 else 1.0) for edge in edges]
    return pl.DataFrame(rows, schema={"source": pl.String, "target": pl.String, "weight": pl.Float64}, orient="row")


def graph_of(
    firms: Sequence[str],
    relations: dict[str, Sequence[Edge]],
    features: NDArray[np.float64] | None = None,
    *,
    undirected: Sequence[str] = (),
    as_of: dt.date = AS_OF,
) -> CorporateGraph:
    """Return a graph; rows of `features` follow `firms`, which need not be sorted."""
    order = np.argsort(np.array(firms))
    ids = pl.Series("firm_id", [firms[place] for place in order], dtype=pl.String)
    values = np.zeros((len(firms), 1)) if features is None else np.asarray(features, dtype=np.float64)
    return CorporateGraph(
        as_of=as_of,
        firms=ids.to_numpy().astype(np.str_),
        relations={
            name: relation_edges(edge_table(edges), ids, relation(name, directed=name not in undirected))
            for name, edges in sorted(relations.items())
        },
        features=values[order],
        feature_names=tuple(f"x{column}" for column in range(values.shape[1])),
    )


def graph_from_networkx(graph: nx.Graph, name: str = "supply") -> CorporateGraph:
    """Return a networkx graph as an undirected corporate graph; node k is firm f00k."""
    firms = [f"f{node:03d}" for node in sorted(graph)]
    edges = [(f"f{a:03d}", f"f{b:03d}") for a, b in graph.edges]
    return graph_of(firms, {name: edges}, undirected=[name])


def learnable(
    *,
    firms: int = 120,
    groups: int = 12,
    classes: int = 2,
    seed: int = 0,
    missing: float = 0.05,
    training: TrainingSpec | None = None,
    scratch: str = "",
) -> FittingData:
    """Return data on which own features and the neighbours' both say something of the outcome.

    Firms of a group are related in a ring; the last group is neither development nor validation.
    """
    rng = np.random.default_rng(seed)
    member = np.arange(firms) % groups
    values = rng.normal(size=(firms, 3))
    names = [f"f{number:03d}" for number in range(firms)]
    edges = []
    for group in range(groups):
        inside = np.flatnonzero(member == group)
        edges += [(names[a], names[b], 1.0 + a % 3) for a, b in zip(inside, np.roll(inside, 1), strict=True)]
    heard = (values[:, 1] + values[(np.arange(firms) - groups) % firms, 1]) / 2
    raw = values[:, 0] + heard + rng.normal(scale=0.5, size=firms)
    truth = np.searchsorted(np.quantile(raw, np.linspace(0, 1, classes + 1)[1:-1]), raw).astype(np.int64)
    features = np.where(rng.random(values.shape) < missing, np.nan, values)
    held = member == groups - 1
    validation = member % 4 == 1
    validation &= ~held
    development = ~validation & ~held
    return FittingData(
        graph=graph_of(names, {"supply": edges}, features),
        truth=np.where(held, -1, truth),
        development=development,
        validation=validation,
        communities=np.array([f"g{group:02d}" for group in member]),
        classes=classes,
        training=training or TrainingSpec(threads=1),
        scratch=scratch,
    )


def with_uneven_weights(data: FittingData) -> FittingData:
    """Return the same data with other weights on the edges, none like another."""
    rng = np.random.default_rng(5)
    relations = {
        name: replace(edges, weights=rng.uniform(0.1, 5.0, size=len(edges.weights)))
        for name, edges in data.graph.relations.items()
    }
    return replace(data, graph=replace(data.graph, relations=relations))


def without_class(data: FittingData, absent: int) -> FittingData:
    """Return the same data in which no firm with an outcome of one class is left for fitting."""
    keep = data.truth != absent
    return replace(
        data,
        truth=np.where(keep, data.truth, -1),
        development=data.development & keep,
        validation=data.validation & keep,
    )
