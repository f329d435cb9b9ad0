"""Relations between firms that share a partner: the projection of a two-sided table onto firms."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import scipy.sparse as sp

from models.edges import RelationEdges, edges_from_matrix
from schemas.portfolio import SharedPartnerSpec


def shared_partner_edges(
    rows: pl.DataFrame, firms: pl.Series, spec: SharedPartnerSpec, as_of: dt.date
) -> RelationEdges:
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
    if spec.window_days is not None:
        rows = rows.filter(pl.col("published_on") > as_of - dt.timedelta(days=spec.window_days))
    pairs = (
        rows.select("firm_id", "partner")
        .filter(pl.col("firm_id").is_in(firms.implode()))
        .unique()
        .sort("partner", "firm_id")
    )
    pairs = pairs.filter(pl.len().over("partner").is_between(2, spec.partner_cap))
    row = np.searchsorted(firms.to_numpy().astype(np.str_), pairs["firm_id"].to_numpy().astype(np.str_))
    partners, column = np.unique(pairs["partner"].to_numpy().astype(np.str_), return_inverse=True)
    incidence = sp.csr_array((np.ones(len(row)), (row, column)), shape=(len(firms), len(partners)))
    degree = np.bincount(column, minlength=len(partners))
    weight = 1.0 / np.maximum(degree - 1, 1) if spec.weighting == "newman" else np.ones(len(partners))
    return edges_from_matrix((incidence * weight) @ incidence.T, directed=False)
