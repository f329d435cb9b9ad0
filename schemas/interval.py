"""An estimate with its interval: the number that most results are made of."""

from __future__ import annotations

from schemas.base import Frozen


class Interval(Frozen):
    """An estimate and its 95 % interval; `low` and `high` are None when it cannot be formed.

    `value` is None when the quantity itself is undefined (the AUC of one class, say).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
