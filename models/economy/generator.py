"""The simulated economy: what a bank would be given, and beside it the truth."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from models.economy.delivery import firm_ids, firms_table, outcomes_table, ownership_table, supply_table
from models.economy.filings import drawn_filings
from models.economy.fundamentals import Latents, drawn_latents
from models.economy.history import History, simulated_history
from models.economy.population import Population, drawn_population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import spawned_streams


@dataclass(frozen=True)
class Economy:
    """Five delivered tables and the truth behind them.

    A bank sees `firms`, `supply`, `ownership`, `filings` and `outcomes`. `population`, `latents`, `history` and
    `strengths` are for the oracle, tests and benchmarks; no model may read them.
    """

    spec: EconomySpec
    firms: pl.DataFrame
    supply: pl.DataFrame
    ownership: pl.DataFrame
    filings: pl.DataFrame
    outcomes: pl.DataFrame
    population: Population
    latents: Latents
    history: History

    @property
    def strengths(self) -> dict[str, float]:
        """True strength of each relation."""
        return self.spec.strengths


def simulate_economy(spec: EconomySpec) -> Economy:
    """Simulate an economy; the same spec gives the same bytes."""
    streams = spawned_streams(spec.seed)
    population = drawn_population(spec, streams)
    latents = drawn_latents(spec, population, streams)
    history = simulated_history(spec, population, latents, streams)
    firm_id = firm_ids(population.pool)
    return Economy(
        spec=spec,
        firms=firms_table(spec, population, history, firm_id),
        supply=supply_table(history.links[Channel.SUPPLY], firm_id),
        ownership=ownership_table(history.links[Channel.OWNERSHIP], firm_id),
        filings=drawn_filings(spec, population, history, firm_id, streams),
        outcomes=outcomes_table(spec, history, firm_id),
        population=population,
        latents=latents,
        history=history,
    )
