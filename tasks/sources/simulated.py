"""The simulated economy as a source, so that it is received like any other delivery."""

from __future__ import annotations

import polars as pl

from models.economy import DELIVERED, EconomySpec, simulate_economy
from schemas.errors import DeliveryError, examples
from schemas.portfolio import SimulatedSource


class SimulatedReader:
    """Generates the economy once and hands out its tables; the oracle stays inside."""

    def __init__(self, source: SimulatedSource) -> None:
        self._economy = simulate_economy(EconomySpec(**source.model_dump(exclude={"kind"})))

    @property
    def where(self) -> str:
        """Tell people where this source is."""
        return "the simulated economy"

    def names(self) -> list[str]:
        """List the tables of the economy."""
        return list(DELIVERED)

    def read(self, name: str) -> pl.DataFrame:
        """Return one table."""
        if name not in self.names():
            raise DeliveryError(
                f"The simulated economy has no table {name}.", expected=name, found=examples(self.names())
            )
        frame: pl.DataFrame = getattr(self._economy, name)
        return frame
