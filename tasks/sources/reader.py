"""What every source can do: list its tables and read one."""

from __future__ import annotations

from typing import Protocol

import polars as pl


class SourceReader(Protocol):
    """A source of raw tables, named by file (folder) or by table (database)."""

    @property
    def where(self) -> str:
        """Tell people where this source is."""
        ...

    def names(self) -> list[str]:
        """List the names of all tables."""
        ...

    def read(self, name: str) -> pl.DataFrame:
        """Read a table as it stands; text stays text.

        Raises
        ------
        DeliveryError
            If there is no such table, or it cannot be read.
        """
        ...
