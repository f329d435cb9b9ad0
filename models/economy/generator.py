"""The simulated economy: what a bank would be given, and beside it the truth."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from models.economy.delivery import (
    director_table,
    directorships_table,
    firm_ids,
    firms_table,
    outcomes_table,
    ownership_table,
    supply_table,
)
from models.economy.filings import drawn_filings
from models.economy.fundamentals import Latents, drawn_latents
from models.economy.history import History, simulated_history
from models.economy.narratives import drawn_narratives
from models.economy.payments import drawn_payments
from models.economy.population import Population, drawn_population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import spawned_streams

#: What a bank sees; everything else about an economy is the truth.
DELIVERED = (
    *("director", "directorships", "filings", "firms", "narratives"),
    *("outcomes", "ownership", "payment", "supply"),
)


@dataclass(frozen=True)
class Economy:
    """The delivered tables and the truth behind them.

    A bank sees the tables listed in `DELIVERED`. `population`, `latents`, `history`, `macro` and `strengths` are for
    the oracle, tests, reports about the simulation and benchmarks; no model may read them.
    """

    spec: EconomySpec
    firms: pl.DataFrame
    supply: pl.DataFrame
    ownership: pl.DataFrame
    directorships: pl.DataFrame
    director: pl.DataFrame
    payment: pl.DataFrame
    filings: pl.DataFrame
    narratives: pl.DataFrame
    outcomes: pl.DataFrame
    population: Population
    latents: Latents
    history: History

    @property
    def strengths(self) -> dict[str, float]:
        """True strength of each relation; 0 for payments."""
        return self.spec.strengths

    @property
    def macro(self) -> pl.DataFrame:
        """The true macro factor: `quarter`, `value` (in standard deviations of a calm economy; higher is better)."""
        return pl.DataFrame({"quarter": [str(quarter) for quarter in self.spec.quarters], "value": self.latents.macro})


def simulate_economy(spec: EconomySpec) -> Economy:
    """Simulate an economy; the same spec gives the same bytes."""
    streams = spawned_streams(spec.seed)
    population = drawn_population(spec, streams)
    latents = drawn_latents(spec, population, streams)
    history = simulated_history(spec, population, latents, streams)
    firm_id = firm_ids(population.pool)
    filings = drawn_filings(spec, population, history, firm_id, streams)
    return Economy(
        spec=spec,
        firms=firms_table(spec, population, history, firm_id),
        supply=supply_table(history.links[Channel.SUPPLY], firm_id),
        ownership=ownership_table(history.links[Channel.OWNERSHIP], firm_id),
        directorships=directorships_table(history.directorships, firm_id),
        director=director_table(history.directorships, firm_id),
        payment=drawn_payments(spec, population, history, firm_id, streams),
        filings=filings,
        narratives=drawn_narratives(spec, population, latents, history, filings, firm_id, streams),
        outcomes=outcomes_table(spec, history, firm_id),
        population=population,
        latents=latents,
        history=history,
    )
