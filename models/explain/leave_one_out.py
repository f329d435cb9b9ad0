"""Leave-one-out: by how much the log-odds change when one relation, or one feature, is not there."""

from __future__ import annotations

import numpy as np

from models.explain.attribution import Attribution, Explained, FloatVector, Kept, Method, attribution


def leave_one_out(explained: Explained, *, hops: int = 1, features: bool = True) -> Attribution:
    """Return weights s - s(without), in log-odds: above 0 for what raises risk.

    Each relation is deleted from the graph by itself, which changes degrees and means for the others too; two relations
    that can stand in for each other therefore both get little.

    Parameters
    ----------
    hops
        Relations are asked about whose nearer end is less than so many relations away; the others get 0.
    features
        Whether features are left out too, each put to its baseline.
    """
    nearby = np.array([edge.hop < hops for edge in explained.edges], dtype=np.bool_)
    whole = float(explained.log_odds()[0])
    edges = np.zeros(len(nearby))
    if nearby.any():
        edges[nearby] = whole - explained.log_odds(_all_but_one(nearby))
    weights: FloatVector | None = None
    if features and len(explained.features):
        every = np.ones(len(explained.features), dtype=np.bool_)
        weights = whole - explained.log_odds(None, _all_but_one(every))
    return attribution(explained, Method.LEAVE_ONE_OUT, log_odds=whole, signed=True, edges=edges, features=weights)


def _all_but_one(asked: Kept) -> Kept:
    """Return a row for each of those asked about, which keeps all others."""
    return np.asarray(~np.eye(len(asked), dtype=np.bool_)[asked])
