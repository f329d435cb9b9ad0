"""Days as whole numbers since 1970, so that dates fit into arrays."""

from __future__ import annotations

import datetime as dt

import numpy as np

from schemas.terms import Quarter

#: `ended_on` of what is still open, `left_on` of who is still there.
OPEN = np.iinfo(np.int64).max
_EPOCH = dt.date(1970, 1, 1).toordinal()


def day_number(day: dt.date) -> int:
    """Return days since 1970."""
    return day.toordinal() - _EPOCH


def quarter_days(quarter: Quarter) -> tuple[int, int]:
    """Return first and last day of a quarter, in days since 1970."""
    return day_number(quarter.start), day_number(quarter.end)
