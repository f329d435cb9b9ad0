"""What every table of a portfolio declares: its file, its dates and how many bad rows it tolerates."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.base import Frozen
from schemas.specs import Share


class TableSpec(Frozen):
    """One table of the source.

    `file` may hold `{quarter}`: the source then keeps one file or table a quarter. A row counts from
    `published_on` until `valid_until`. `tolerance` is the share of bad rows that may be set aside
    before the delivery is refused; `ignore` lists columns that are there and not read.
    """

    file: str
    published_on: str | None = None
    valid_until: str | None = None
    rows_between: tuple[int, int] | None = None
    tolerance: Share = 0.0
    ignore: tuple[str, ...] = ()

    @property
    def quarterly(self) -> bool:
        """Tell whether the source keeps one file or table a quarter."""
        return "{quarter}" in self.file

    def _own_columns(self) -> Iterator[str]:
        raise NotImplementedError

    def declared_columns(self) -> tuple[str, ...]:
        """Return the source names of every column this table reads."""
        dates = [name for name in (self.published_on, self.valid_until) if name]
        return tuple(dict.fromkeys([*self._own_columns(), *dates]))
