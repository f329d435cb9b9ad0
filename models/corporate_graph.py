"""The corporate graph as plain arrays, and its construction from admitted tables.

No graph library is involved: sorted firm ids, one CSR a relation, one matrix of features.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.construction_notes import BuiltRelation, RelationNotes
from models.edge_counts import EdgeCounts
from models.edge_policies import capped_edges, settled_reciprocals
from models.edges import FloatMatrix, IntVector, RelationEdges, pattern
from models.firm_positions import FirmPositions
from models.knowledge import known_by, newest_filings, newest_firms
from models.merged_edges import merged_edges
from models.nearest import nearest_edges
from models.partners import PartnerEdges, incidences, partner_graph, partner_links, stacked_partners
from models.projections import shared_partner_edges
from models.reconstruction import reconstructed_edges
from models.similar_partners import similar_partner_edges
from models.text_similarity import similar_text_edges
from schemas.errors import NotEnoughData
from schemas.portfolio import (
    DeliveredEdges,
    NearestSpec,
    PartnerNodesSpec,
    PortfolioSpec,
    ReconstructedSpec,
    RelationSpec,
    SharedPartnerSpec,
    SimilarPartnersSpec,
    SimilarTextSpec,
)
from schemas.terms import Kind

__all__ = [
    "FIRM",
    "Columns",
    "Construction",
    "CorporateGraph",
    "FloatMatrix",
    "IntVector",
    "PartnerEdges",
    "RelationEdges",
    "bare_ids",
    "block_diagonal",
    "constructed_graph",
    "corporate_graph",
    "counted_relation",
    "knowledge_dates",
    "known_features",
    "relation_edges",
]

#: the type of the nodes that everything is about
FIRM = "firm"

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
    nodes
        Ascending ids of the nodes that are no firms, by node type, in alphabetical order.
    partners
        Links of firms to such nodes by relation, in alphabetical order.
    noted
        Relations with `role: note`, in alphabetical order: for audits. Nothing is computed from them, and they are no
        part of the fingerprint.
    """

    as_of: dt.date
    firms: NDArray[np.str_]
    relations: Mapping[str, RelationEdges]
    features: FloatMatrix
    feature_names: tuple[str, ...]
    computed: Mapping[str, Columns] = field(default_factory=dict)
    nodes: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    partners: Mapping[str, PartnerEdges] = field(default_factory=dict)
    noted: Mapping[str, RelationEdges] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of firms."""
        return len(self.firms)

    def node_counts(self) -> dict[str, int]:
        """Return the number of nodes of each type, ``firm`` first."""
        return {FIRM: self.size, **{node_type: len(ids) for node_type, ids in self.nodes.items()}}

    def incidences(self) -> dict[tuple[str, str, str], sp.csr_array]:
        """Return the links to other nodes by (``firm``, relation, node type): weights, firms by nodes of the type."""
        return incidences(self.partners)

    def union(self) -> sp.csr_array:
        """Return all relations as one undirected graph without weights: 1 where two firms are related."""
        total = sp.csr_array((self.size, self.size), dtype=np.float64)
        for relation in self.relations.values():
            matrix = pattern(relation.matrix())
            total = total + matrix + matrix.T
        return pattern(sp.csr_array(total))


@dataclass(frozen=True)
class Construction:
    """A graph and, by relation, what its construction has to tell beside it."""

    graph: CorporateGraph
    notes: Mapping[str, RelationNotes]


def corporate_graph(tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, as_of: dt.date) -> CorporateGraph:
    """Build the graph from admitted tables, as known at `as_of`; see `constructed_graph`."""
    return constructed_graph(tables, portfolio, as_of).graph


def constructed_graph(tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, as_of: dt.date) -> Construction:
    """Build the graph from admitted tables, as known at `as_of`, and keep count of what was left out.

    Parameters
    ----------
    tables
        ``firms``, ``filings`` where the portfolio has any, and ``relations:<name>`` for each relation.

    Raises
    ------
    NotEnoughData
        If no firm is known, or relations are declared and none of them has an edge.
    DeliveryRefused
        If totals that exposures are reconstructed from do not agree.
    SettingsError
        If a relation needs a package that is not installed.
    """
    if newest_firms(tables["firms"], as_of).is_empty():
        raise NotEnoughData(
            f"The graph is empty: no firm is known at {as_of}.",
            expected="at least one admitted firm",
            found=f"{tables['firms'].height} firms, all published later or gone by then",
            way_out="check the columns `published_on` and `valid_until` of firms, or refresh another quarter",
        )
    ids, features, names = known_features(tables, portfolio, as_of)
    built: dict[str, BuiltRelation] = {}
    linked, compared = [], []
    for spec in sorted(portfolio.relations, key=lambda relation: relation.name):
        if isinstance(spec, NearestSpec):
            built[spec.name] = BuiltRelation(nearest_edges(features, names, spec))
            continue
        if isinstance(spec, SimilarPartnersSpec):
            compared.append(spec)
            continue
        rows = known_by(tables[f"relations:{spec.name}"], as_of)
        if isinstance(spec, PartnerNodesSpec):
            linked.append(partner_links(rows, ids, spec, as_of))
        else:
            built[spec.name] = delivered_edges(rows, ids, spec, as_of)
    delivered = {relation.name: built[relation.name].edges for relation in portfolio.delivered_edges}
    for spec in compared:
        built[spec.name] = BuiltRelation(similar_partner_edges(delivered, spec))
    nodes, partners = partner_graph(linked, len(ids))
    linking = {spec.name for spec in portfolio.linking_relations}
    graph = CorporateGraph(
        as_of=as_of,
        firms=ids.to_numpy().astype(np.str_),
        relations={name: relation.edges for name, relation in sorted(built.items()) if name in linking},
        features=features,
        feature_names=names,
        nodes=nodes,
        partners=partners,
        noted={name: relation.edges for name, relation in built.items() if name not in linking},
    )
    _refuse_no_edge(graph, portfolio)
    notes = {name: relation.notes for name, relation in built.items()}
    return Construction(graph, notes | {part.spec.name: RelationNotes(part.counts) for part in linked})


def delivered_edges(rows: pl.DataFrame, firms: pl.Series, spec: DeliveredEdges, as_of: dt.date) -> BuiltRelation:
    """Build one relation from the known rows of its table."""
    match spec:
        case RelationSpec():
            return counted_relation(rows, firms, spec)
        case SharedPartnerSpec():
            return shared_partner_edges(rows, firms, spec, as_of)
        case SimilarTextSpec():
            return similar_text_edges(rows, firms, spec)
        case ReconstructedSpec():
            return reconstructed_edges(rows, firms, spec)


def relation_edges(rows: pl.DataFrame, firms: pl.Series, spec: RelationSpec) -> RelationEdges:
    """Return the edges of `counted_relation` alone."""
    return counted_relation(rows, firms, spec).edges


def counted_relation(rows: pl.DataFrame, firms: pl.Series, spec: RelationSpec) -> BuiltRelation:
    """Make a relation of rows (source, target, weight): one edge a pair, then the declared policies, all counted.

    Opposite edges are settled first (`spec.reciprocal`). With a cap, only the heaviest partners of a firm
    stay (ties: the smaller id), counted for each direction; an edge stays if both ends keep it.
    """
    merged, counts = _merged_edges(rows, firms, spec)
    settled, reciprocal = settled_reciprocals(merged, spec.reciprocal)
    capped, cut = capped_edges(settled, spec.cap)
    return BuiltRelation(capped, RelationNotes(replace(counts, reciprocal_pairs=reciprocal, cut_by_cap=cut)))


def _merged_edges(rows: pl.DataFrame, firms: pl.Series, spec: RelationSpec) -> tuple[RelationEdges, EdgeCounts]:
    """Aggregate rows to one edge a pair and lay them out as CSR.

    Rows of the same pair become one edge whose weight is their sum, mean or maximum (`spec.repeated`);
    a firm's relation to itself is no edge. Rows that touch a firm not in `firms` (sorted ids), which
    has left or is not yet known, are left out.
    """
    positions = FirmPositions(firms)
    return merged_edges(
        positions.of(rows["source"]),
        positions.of(rows["target"]),
        rows["weight"].cast(pl.Float64).to_numpy(),
        size=len(firms),
        directed=spec.directed,
        repeated=spec.repeated,
    )


def block_diagonal(graphs: Sequence[CorporateGraph]) -> CorporateGraph:
    """Put several graphs side by side without edges between them, so that they can be fitted together.

    Rows follow the order of `graphs`; ids, of other nodes too, are prefixed with the knowledge date.
    """
    first = graphs[0]
    if len(graphs) == 1:
        return first
    offsets = np.cumsum([0, *(graph.size for graph in graphs)])
    return CorporateGraph(
        as_of=graphs[-1].as_of,
        firms=np.concatenate([np.char.add(f"{graph.as_of} ", graph.firms) for graph in graphs]),
        relations={name: _stacked([graph.relations[name] for graph in graphs], offsets) for name in first.relations},
        features=np.concatenate([graph.features for graph in graphs]),
        feature_names=first.feature_names,
        nodes={
            node_type: np.concatenate([np.char.add(f"{graph.as_of} ", graph.nodes[node_type]) for graph in graphs])
            for node_type in first.nodes
        },
        partners={name: stacked_partners([graph.partners[name] for graph in graphs]) for name in first.partners},
        noted={name: _stacked([graph.noted[name] for graph in graphs], offsets) for name in first.noted},
        computed={
            group: Columns(np.concatenate([graph.computed[group].values for graph in graphs]), columns.names)
            for group, columns in first.computed.items()
        },
    )


def _stacked(parts: Sequence[RelationEdges], offsets: IntVector) -> RelationEdges:
    starts = np.cumsum([0, *(len(part.indices) for part in parts)])
    return RelationEdges(
        indptr=np.concatenate([[0], *(part.indptr[1:] + start for part, start in zip(parts, starts, strict=False))]),
        indices=np.concatenate([part.indices + offset for part, offset in zip(parts, offsets, strict=False)]),
        weights=np.concatenate([part.weights for part in parts]),
        directed=parts[0].directed,
    )


def bare_ids(firms: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return firm ids without the knowledge date that `block_diagonal` puts in front."""
    return np.array([_DATED.sub("", firm) for firm in firms.tolist()], dtype=np.str_)


def knowledge_dates(graph: CorporateGraph) -> NDArray[np.datetime64]:
    """Return the day each firm was described as of, (n,): that of its own graph, where several stand side by side."""
    dated = [_DATED.match(firm) for firm in graph.firms.tolist()]
    own = [graph.as_of.isoformat() if found is None else found[0].strip() for found in dated]
    return np.array(own, dtype="datetime64[D]")


def _refuse_no_edge(graph: CorporateGraph, portfolio: PortfolioSpec) -> None:
    related = any(relation.edges for relation in graph.relations.values())
    linked = any(partners.links for partners in graph.partners.values())
    if not portfolio.linking_relations or related or linked or portfolio.graph.allow_no_edges:
        return
    raise NotEnoughData(
        f"The graph is empty: no relation between known firms at {graph.as_of}.",
        expected=f"at least one edge of {', '.join(sorted([*graph.relations, *graph.partners]))}",
        found=f"{graph.size} firms and no edge",
        way_out="deliver relations, or set `graph.allow_no_edges: true` if firms without relations are meant",
    )


def known_features(
    tables: Mapping[str, pl.DataFrame], portfolio: PortfolioSpec, as_of: dt.date
) -> tuple[pl.Series, FloatMatrix, tuple[str, ...]]:
    """Return the ids of the firms known at `as_of`, ascending, their features as known then, (n, f), and the names."""
    rows, filings = newest_firms(tables["firms"], as_of), tables.get("filings")
    if filings is not None and portfolio.filings is not None:
        filed = newest_filings(filings, as_of).select("firm_id", *(c.name for c in portfolio.filings.columns))
        rows = rows.join(filed, on="firm_id", how="left", maintain_order="left")
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
    values = wide.fill_null(float("nan")).to_numpy(order="c").astype(np.float64)
    return rows["firm_id"], values, tuple(wide.columns)
