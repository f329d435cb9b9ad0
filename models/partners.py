"""Nodes that are no firms, such as persons and banks, and the links of firms to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edge_counts import EdgeCounts
from models.edges import IntVector
from models.knowledge import within_window
from schemas.relation_kinds import PartnerNodesSpec


@dataclass(frozen=True)
class PartnerEdges:
    """Links of firms to nodes of another type, as a rectangular CSR by firm.

    Within a row, partners ascend; a pair of firm and partner occurs once.

    Attributes
    ----------
    node_type
        What the partners are; their ids are those of this type in the graph.
    indptr : (n + 1,) int64
    indices : (m,) int64
        Positions of the partners among the ids of their type.
    weights : (m,) float64
    width
        Number of nodes of the type, linked by this relation or another one.
    """

    node_type: str
    indptr: IntVector
    indices: IntVector
    weights: NDArray[np.float64]
    width: int

    @property
    def links(self) -> int:
        """Number of links."""
        return len(self.indices)

    def matrix(self) -> sp.csr_array:
        """Return the weights, (firms, nodes of the type)."""
        return sp.csr_array((self.weights, self.indices, self.indptr), shape=(len(self.indptr) - 1, self.width))


@dataclass(frozen=True)
class PartnerLinks:
    """The known links of one relation before its node type has its ids: firm position, partner id, weight."""

    spec: PartnerNodesSpec
    links: pl.DataFrame
    counts: EdgeCounts


def partner_links(rows: pl.DataFrame, firms: pl.Series, spec: PartnerNodesSpec, as_of: dt.date) -> PartnerLinks:
    """Aggregate known rows to one link a firm and partner.

    Parameters
    ----------
    rows
        ``firm_id``, ``partner``, ``weight``, ``published_on``, as known at `as_of`.
    firms
        Ascending ids; rows of other firms are left out.
    """
    rows = within_window(rows, spec.window_days, as_of)
    positions = pl.DataFrame({"firm_id": firms, "firm": np.arange(len(firms), dtype=np.int64)})
    own = rows.select("firm_id", "partner", "weight").join(positions, on="firm_id")
    merged = {"mean": pl.mean("weight"), "max": pl.max("weight")}.get(spec.repeated, pl.sum("weight"))
    # Without a column every link weighs 1, however often it is delivered; sorting makes the sum independent of order.
    links = (
        own.sort("firm", "partner", "weight")
        .group_by("firm", "partner", maintain_order=True)
        .agg(merged if spec.weight else pl.lit(1.0).alias("weight"))
    )
    counts = EdgeCounts(
        rows=rows.height, unknown_firms=rows.height - own.height, repeated_rows=own.height - links.height
    )
    return PartnerLinks(spec, links, counts)


def partner_graph(
    found: Sequence[PartnerLinks], size: int
) -> tuple[dict[str, NDArray[np.str_]], dict[str, PartnerEdges]]:
    """Give the nodes of each type their positions, over all relations that have it, and lay the links out.

    Parameters
    ----------
    found
        Of relations in alphabetical order.
    size
        Number of firms.

    Returns
    -------
    nodes
        Ascending ids by node type.
    partners
        Links by relation.
    """
    nodes = {
        node_type: np.unique(np.concatenate([_ids(part.links) for part in found if part.spec.node_type == node_type]))
        for node_type in sorted({part.spec.node_type for part in found})
    }
    partners = {}
    for part in found:
        ids = nodes[part.spec.node_type]
        firm, column = part.links["firm"].to_numpy(), np.searchsorted(ids, _ids(part.links))
        order = np.lexsort((column, firm))
        partners[part.spec.name] = PartnerEdges(
            node_type=part.spec.node_type,
            indptr=np.concatenate([[0], np.cumsum(np.bincount(firm, minlength=size))]).astype(np.int64),
            indices=column[order].astype(np.int64),
            weights=part.links["weight"].to_numpy()[order].astype(np.float64),
            width=len(ids),
        )
    return nodes, partners


def stacked_partners(parts: Sequence[PartnerEdges]) -> PartnerEdges:
    """Put the links of several graphs side by side, as `block_diagonal` does with their firms."""
    starts = np.cumsum([0, *(part.links for part in parts)])
    columns = np.cumsum([0, *(part.width for part in parts)])
    return PartnerEdges(
        node_type=parts[0].node_type,
        indptr=np.concatenate([[0], *(part.indptr[1:] + start for part, start in zip(parts, starts, strict=False))]),
        indices=np.concatenate([part.indices + column for part, column in zip(parts, columns, strict=False)]),
        weights=np.concatenate([part.weights for part in parts]),
        width=int(columns[-1]),
    )


def incidences(partners: Mapping[str, PartnerEdges]) -> dict[tuple[str, str, str], sp.csr_array]:
    """Return the links by (``firm``, relation, node type), each a matrix of firms by nodes of the type."""
    return {("firm", name, edges.node_type): edges.matrix() for name, edges in partners.items()}


def _ids(links: pl.DataFrame) -> NDArray[np.str_]:
    return links["partner"].to_numpy().astype(np.str_)
