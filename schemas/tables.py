"""What every table of a delivery has in common: its file, its dates, how much of it may be bad."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import field_validator

from schemas.base import Frozen
from schemas.specs import Share


class TableSpec(Frozen):
    """One table: where it is, which columns say when a row counts, which columns nobody needs.

    A row counts from `published_on` until `valid_until`. More than `tolerance` (a share) of bad rows
    refuses the delivery; `rows_between` is an expectation about their number.
    """

    file: str
    published_on: str | None = None
    valid_until: str | None = None
    rows_between: tuple[int, int] | None = None
    tolerance: Share = 0.0
    ignore: tuple[str, ...] = ()

    @field_validator("file")
    @classmethod
    def _one_placeholder(cls, file: str) -> str:
        unknown = sorted(set(re.findall(r"\{[^}]*\}", file)) - {"{quarter}"})
        if unknown:
            raise ValueError(f"{', '.join(unknown)} stands for nothing; the one placeholder of a file is {{quarter}}")
        return file

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
