"""The corporate graph as plain arrays, and its construction from admitted tables.

No graph library is involved: sorted firm ids, one CSR a relation, one matrix of features.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edges import FloatMatrix, IntVector, RelationEdges, edges_from_sorted
from models.knowledge import known_by, newest_filings, newest_firms
from models.nearest import nearest_edges
from models.projections import shared_partner_edges
from models.text_similarity import similar_text_edges
from schemas.errors import NotEnoughData
from schemas.portfolio import (
    DeliveredRelation,
    NearestSpec,
    PortfolioSpec,
    RelationSpec,
    SharedPartnerSpec,
    SimilarTextSpec,
)
from schemas.terms import Kind

__all__ = [
    "Columns",
    "CorporateGraph",
    "FloatMatrix",
    "IntVector",
    "RelationEdges",
    "bare_ids",
    "block_diagonal",
    "corporate_graph",
]

_DATED = re.compile(r"^\d{4}-\d{2}-\d{2} ")


class Columns(NamedTuple):
    """Columns about firms with their names.

    Attributes
    ----------
    values : (n, k) float64
    names : (k,)
    """

    values: FloatMatrix
    names: tuple[str, ...]


@dataclass(frozen=True)
class CorporateGraph:
    """Firms, relations and features as known at the end of a day.

    Attributes
    ----------
    as_of
        The knowledge date.
    firms : (n,) str
        Firm ids, ascending.
    relations
        Edges by relation, in alphabetical order.
    features : (n, f) float64
        NaN where a feature is not known.
    feature_names : (f,)
    computed
        What was computed of the firms' places (`models.inputs`), by group; follows from the rest, so
        that it is no part of the fingerprint.
    """

    as_of: dt.date
    firms: NDArray[np.str_]
    relations: Mapping[str, RelationEdges]
    features: FloatMatrix
    feature_names: tuple[str, ...]
    computed: Mapping[str, Columns] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of firms."""
        return len(self.firms)

    def union(self) -> sp.csr_array:
        """Return all relations as one undirected graph without weights: 1 where two firms are related."""
        total = sp.csr_array((self.size, self.size), dtype=np.float64)
        for relation in self.relations.values():
            matrix = relation.matrix()
            matrix.data = np.ones_like(matrix.data)
            total = total + matrix + matrix.T
        total = sp.csr_array(total)
        total.data = np.ones_like(total.data)
        total.sort_indices()
        return total


def corporate_graph(tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, as_of: dt.date) -> CorporateGraph:
    """Build the graph from admitted tables, as known at `as_of`.

    Parameters
    ----------
    tables
        ``firms``, ``filings`` where the portfolio has any, and ``relations:<name>`` for each relation.

    Raises
    ------
    NotEnoughData
        If no firm is known, or relations are declared and none of them has an edge.
    """
    firms = newest_firms(tables["firms"], as_of)
    if firms.is_empty():
        raise NotEnoughData(
            f"The graph is empty: no firm is known at {as_of}.",
            expected="at least one admitted firm",
            found=f"{tables['firms'].height} firms, all published later or gone by then",
            way_out="check the columns `published_on` and `valid_until` of firms, or refresh another quarter",
        )
    ids = firms["firm_id"]
    features, names = _features(firms, tables.get("filings"), portfolio, as_of)
    relations = {
        spec.name: nearest_edges(features, names, spec)
        if isinstance(spec, NearestSpec)
        else delivered_edges(known_by(tables[f"relations:{spec.name}"], as_of), ids, spec, as_of)
        for spec in sorted(portfolio.relations, key=lambda relation: relation.name)
    }
    if relations and not any(relation.edges for relation in relations.values()) and not portfolio.graph.allow_no_edges:
        raise NotEnoughData(
            f"The graph is empty: no relation between known firms at {as_of}.",
            expected=f"at least one edge of {', '.join(relations)}",
            found=f"{firms.height} firms and no edge",
            way_out="deliver relations, or set `graph.allow_no_edges: true` if firms without relations are meant",
        )
    return CorporateGraph(as_of, ids.to_numpy().astype(np.str_), relations, features, names)


def delivered_edges(rows: pl.DataFrame, firms: pl.Series, spec: DeliveredRelation, as_of: dt.date) -> RelationEdges:
    """Build one relation from the known rows of its table."""
    match spec:
        case RelationSpec():
            return relation_edges(rows, firms, spec)
        case SharedPartnerSpec():
            return shared_partner_edges(rows, firms, spec, as_of)
        case SimilarTextSpec():
            return similar_text_edges(rows, firms, spec)


def relation_edges(rows: pl.DataFrame, firms: pl.Series, spec: RelationSpec) -> RelationEdges:
    """Aggregate rows (source, target, weight) to one edge a pair and lay them out as CSR.

    Rows of the same pair become one edge whose weight is their sum, mean or maximum (`spec.repeated`);
    a firm's relation to itself is no edge. Rows that touch a firm not in `firms` (sorted ids), which
    has left or is not yet known, are left out. With a cap, only the heaviest partners of a firm stay
    (ties: the smaller id), counted for each direction; an edge stays if both ends keep it.
    """
    positions = pl.DataFrame({"firm": firms, "position": np.arange(len(firms), dtype=np.int64)})
    pairs = (
        rows.lazy()
        .select("source", "target", "weight")
        .join(positions.lazy(), left_on="source", right_on="firm")
        .join(positions.lazy(), left_on="target", right_on="firm", suffix="_to")
        .select(source="position", target="position_to", weight="weight")
        .filter(pl.col("source") != pl.col("target"))
    )
    if not spec.directed:
        low, high = pl.min_horizontal("source", "target"), pl.max_horizontal("source", "target")
        pairs = pairs.select(low.alias("source"), high.alias("target"), "weight")
    # Sorting by weight before adding makes the sum independent of the order of delivery.
    merged = {"mean": pl.mean("weight"), "max": pl.max("weight")}.get(spec.repeated, pl.sum("weight"))
    summed = (
        pairs.sort("source", "target", "weight").group_by("source", "target", maintain_order=True).agg(merged)
    ).collect()
    if not spec.directed:
        summed = pl.concat([summed, summed.select(source="target", target="source", weight="weight")])
    if spec.cap is not None:
        summed = _capped(summed, spec.cap)
    summed = summed.sort("source", "target")
    return edges_from_sorted(
        summed["source"].to_numpy(),
        summed["target"].to_numpy(),
        summed["weight"].to_numpy(),
        size=len(firms),
        directed=spec.directed,
    )


def block_diagonal(graphs: Sequence[CorporateGraph]) -> CorporateGraph:
    """Put several graphs side by side without edges between them, so that they can be fitted together.

    Rows follow the order of `graphs`; ids are prefixed with the knowledge date.
    """
    first = graphs[0]
    if len(graphs) == 1:
        return first
    offsets = np.concatenate([[0], np.cumsum([graph.size for graph in graphs])])
    relations = {}
    for name, relation in first.relations.items():
        parts = [graph.relations[name] for graph in graphs]
        starts = np.concatenate([[0], np.cumsum([len(part.indices) for part in parts])])
        relations[name] = RelationEdges(
            indptr=np.concatenate(
                [[0], *(part.indptr[1:] + start for part, start in zip(parts, starts, strict=False))]
            ),
            indices=np.concatenate([part.indices + offset for part, offset in zip(parts, offsets, strict=False)]),
            weights=np.concatenate([part.weights for part in parts]),
            directed=relation.directed,
        )
    return CorporateGraph(
        as_of=graphs[-1].as_of,
        firms=np.concatenate([np.char.add(f"{graph.as_of} ", graph.firms) for graph in graphs]),
        relations=relations,
        features=np.concatenate([graph.features for graph in graphs]),
        feature_names=first.feature_names,
        computed={
            group: Columns(np.concatenate([graph.computed[group].values for graph in graphs]), columns.names)
            for group, columns in first.computed.items()
        },
    )


def bare_ids(firms: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return firm ids without the knowledge date that `block_diagonal` puts in front."""
    return np.array([_DATED.sub("", firm) for firm in firms.tolist()], dtype=np.str_)


def _capped(pairs: pl.DataFrame, cap: int) -> pl.DataFrame:
    # Both ends rank all their partners before any edge goes, so that an undirected relation stays symmetric.
    for firm, partner in (("source", "target"), ("target", "source")):
        pairs = pairs.sort(firm, "weight", partner, descending=[False, True, False])
        pairs = pairs.with_columns((pl.int_range(pl.len()).over(firm) < cap).alias(f"{firm} keeps"))
    return pairs.filter(pl.col("source keeps") & pl.col("target keeps")).drop("source keeps", "target keeps")


def _features(
    firms: pl.DataFrame, filings: pl.DataFrame | None, portfolio: PortfolioSpec, as_of: dt.date
) -> tuple[FloatMatrix, tuple[str, ...]]:
    rows = firms
    if filings is not None and portfolio.filings is not None:
        filed = newest_filings(filings, as_of).select("firm_id", *(c.name for c in portfolio.filings.columns))
        rows = firms.join(filed, on="firm_id", how="left", maintain_order="left")
    columns: list[pl.Expr] = []
    for spec in portfolio.feature_columns:
        if spec.kind is Kind.CATEGORY:
            columns += [
                (pl.col(spec.name) == value).cast(pl.Float64).alias(f"{spec.name}={value}") for value in spec.values
            ]
        else:
            columns.append(pl.col(spec.name).cast(pl.Float64))
    for derived in portfolio.derived:
        value = pl.sql_expr(derived.expression).cast(pl.Float64)
        columns.append(pl.when(value.is_finite()).then(value).alias(derived.name))
    wide = rows.select(columns)
    return wide.fill_null(float("nan")).to_numpy(order="c").astype(np.float64), tuple(wide.columns)
