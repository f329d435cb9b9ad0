"""A candidate's inputs: the groups of columns it asks for, put side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from models.corporate_graph import Columns, CorporateGraph, FloatMatrix
from models.embeddings import embedding
from models.history import history_columns
from models.neighbours import neighbour_features
from models.structure import structural_features
from schemas.candidates import Group
from schemas.portfolio import PortfolioSpec
from schemas.specs import GraphSpec


def with_inputs(graph: CorporateGraph, tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec) -> CorporateGraph:
    """Return the graph with every group of inputs that its portfolio describes: its structure, and its firms' past."""
    whole = with_computed(graph, portfolio.graph)
    if portfolio.graph.history is None:
        return whole
    history = history_columns(graph, tables, portfolio, portfolio.graph.history)
    return replace(whole, computed={**whole.computed, Group.HISTORY: history})


def with_computed(graph: CorporateGraph, spec: GraphSpec) -> CorporateGraph:
    """Return the graph with the structural features and the embedding that its portfolio asks for.

    Computed for one quarter's graph: side by side with others, a firm's rank among all would depend on them.
    """
    computed = dict(graph.computed)
    if spec.structure:
        computed[Group.STRUCTURE] = Columns(*structural_features(graph, spec.structure))
    if spec.embedding is not None:
        values = embedding(graph, spec.embedding)
        names = tuple(f"{spec.embedding.kind} {number}" for number in range(values.shape[1]))
        computed[Group.EMBEDDING] = Columns(values, names)
    return replace(graph, computed=computed)


def design_matrix(graph: CorporateGraph, groups: Sequence[Group]) -> tuple[FloatMatrix, tuple[str, ...]]:
    """Return a candidate's inputs, (n, k), and their names."""
    columns = [_columns(graph, group) for group in groups]
    names = tuple(name for part in columns for name in part.names)
    if len(columns) == 1:
        return columns[0].values, names
    return np.concatenate([part.values for part in columns], axis=1), names


def _columns(graph: CorporateGraph, group: Group) -> Columns:
    match group:
        case Group.OWN:
            return Columns(graph.features, graph.feature_names)
        case Group.NEIGHBOUR:
            # A mixed or an opened graph may bring its own: of another quarter, or with fewer relations.
            return graph.computed.get(group) or Columns(*neighbour_features(graph))
        case _:
            return graph.computed[group]
