"""How old the evidence of a relation is: staleness that a validator can see."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from models.knowledge import known_by
from schemas.portrait import RelationAge
from schemas.terms import Quarter


def relation_age(relation: str, rows: pl.DataFrame, quarter: Quarter, *, dated: bool) -> RelationAge:
    """Describe the publication dates of the rows of one relation in force at the end of the quarter.

    Parameters
    ----------
    rows
        The admitted table, with ``published_on`` and perhaps ``valid_until``.
    dated
        Whether the delivery has publication dates of its own.
    """
    published = known_by(rows, quarter.end)["published_on"]
    ages = (pl.Series([quarter.end]) - published).dt.total_days().to_numpy() if len(published) else np.empty(0)
    return RelationAge(
        relation=relation,
        dated=dated,
        rows=len(published),
        published_now=int((ages <= (quarter.end - quarter.start).days).sum()),
        oldest=quarter.end - dt.timedelta(days=int(ages.max())) if len(ages) else None,
        newest=quarter.end - dt.timedelta(days=int(ages.min())) if len(ages) else None,
        median_days=float(np.median(ages)) if len(ages) else None,
        p90_days=float(np.quantile(ages, 0.9)) if len(ages) else None,
    )
