"""Relations between firms that share a partner: the projection of a two-sided table onto firms."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import scipy.sparse as sp

from models.construction_notes import BuiltRelation, RelationNotes
from models.edge_counts import EdgeCounts
from models.edges import edges_from_matrix
from models.knowledge import within_window
from schemas.relation_kinds import SharedPartnerSpec


def shared_partner_edges(
    rows: pl.DataFrame, firms: pl.Series, spec: SharedPartnerSpec, as_of: dt.date
) -> BuiltRelation:
    """Relate firms that share partners.

    With B the firm-by-partner incidence of known rows and w_p the weight of a partner,
    the adjacency is B diag(w) B^T without its diagonal.

    Parameters
    ----------
    rows
        ``firm_id``, ``partner``, ``published_on``, as known at `as_of`; repeated rows count once.
    firms
        Ascending ids; rows of other firms are left out.
    """
    rows = within_window(rows, spec.window_days, as_of)
    own = rows.select("firm_id", "partner").filter(pl.col("firm_id").is_in(firms.implode()))
    once = own.unique().sort("partner", "firm_id")
    # A partner's pairs grow with the square of its firms: those above the cap go before any pair is made.
    firms_each = pl.len().over("partner")
    hubs = int(once.filter(firms_each > spec.partner_cap)["partner"].n_unique())
    pairs = once.filter(firms_each.is_between(2, spec.partner_cap))
    row = np.searchsorted(firms.to_numpy().astype(np.str_), pairs["firm_id"].to_numpy().astype(np.str_))
    partners, column = np.unique(pairs["partner"].to_numpy().astype(np.str_), return_inverse=True)
    incidence = sp.csr_array((np.ones(len(row)), (row, column)), shape=(len(firms), len(partners)))
    degree = np.bincount(column, minlength=len(partners))
    weight = 1.0 / np.maximum(degree - 1, 1) if spec.weighting == "newman" else np.ones(len(partners))
    counts = EdgeCounts(
        rows=rows.height,
        unknown_firms=rows.height - own.height,
        repeated_rows=own.height - once.height,
        cut_by_cap=hubs,
    )
    edges = edges_from_matrix((incidence * weight) @ incidence.T, directed=False)
    return BuiltRelation(edges, RelationNotes(counts))
