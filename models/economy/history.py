"""What happened: the quarter-by-quarter life of all firms and links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.economy.fundamentals import Floats, Latents, creditworthiness_history
from models.economy.hazard import VOLUNTARY_EXIT, default_hazard, pressure_from, vulnerability, wounds_after
from models.economy.networks import (
    OPEN,
    Habit,
    Links,
    drawn_habit,
    ended_by_exits,
    ended_naturally,
    exposure_matrix,
    grown_from_nothing,
    with_births,
)
from models.economy.population import Population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import Streams
from schemas.terms import Quarter

_EPOCH = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class History:
    """The truth about what happened, at the end of every quarter.

    `alive`, `hazard`, `pressure` and `wounds` have shape (quarters, pool); `hazard[t]` is the probability of default
    within quarter t of a firm alive at the end of t - 1 (zero for all others). `exit_index`, the quarter of exit, is
    the number of quarters for firms that never leave; `left_on` (days since 1970) is `OPEN` for them.
    """

    alive: NDArray[np.bool_]
    hazard: Floats
    pressure: Floats
    wounds: Floats
    creditworthiness: Floats
    exit_index: NDArray[np.int64]
    left_on: NDArray[np.int64]
    defaulted: NDArray[np.bool_]
    links: Mapping[Channel, Links]


def day_number(day: dt.date) -> int:
    """Return days since 1970."""
    return day.toordinal() - _EPOCH


def quarter_days(quarter: Quarter) -> tuple[int, int]:
    """Return first and last day of a quarter, in days since 1970."""
    return day_number(quarter.start), day_number(quarter.end)


def exposure_at(spec: EconomySpec, links: Mapping[Channel, Links], day: int, pool: int) -> csr_array:
    """Return who depends on whom at the end of a day: strength times weight, summed over relations."""
    return sum(
        (
            exposure_matrix(links[channel], links[channel].open_at(day), spec.strengths[channel], pool)
            for channel in Channel
        ),
        start=csr_array((pool, pool)),
    )


def simulated_history(spec: EconomySpec, population: Population, latents: Latents, streams: Streams) -> History:
    """Run the economy from its first to its last quarter; nobody leaves in the first."""
    return _Run(spec, population, latents, streams).finished()


class _Run:
    """The moving state of one simulation: exits first, then links, then the pressure they leave behind."""

    def __init__(self, spec: EconomySpec, population: Population, latents: Latents, streams: Streams) -> None:
        self.spec, self.population = spec, population
        self.creditworthiness = creditworthiness_history(latents, population)
        shape = self.creditworthiness.shape
        self.alive = np.zeros(shape, dtype=np.bool_)
        self.hazard, self.pressure, self.wounds = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.exit_index = np.full(shape[1], shape[0], dtype=np.int64)
        self.left_on = np.full(shape[1], OPEN)
        self.defaulted = np.zeros(shape[1], dtype=np.bool_)
        last_days = np.array([quarter_days(quarter)[1] for quarter in spec.quarters])
        self.known_on = last_days[population.entry]
        default_rng, leave_rng, day_rng = (np.random.default_rng(child) for child in streams.exits.spawn(3))
        self.default_draw, self.leave_draw = default_rng.random(shape), leave_rng.random(shape)
        self.exit_day_draw = day_rng.random(shape[1])
        self.habits: dict[Channel, Habit] = {}
        self.links: dict[Channel, Links] = {}
        self.link_rngs: dict[Channel, list[np.random.Generator]] = {}
        for channel, stream in ((Channel.SUPPLY, streams.supply), (Channel.OWNERSHIP, streams.ownership)):
            wishes, *quarters = (np.random.default_rng(child) for child in stream.spawn(1 + shape[0]))
            self.habits[channel] = drawn_habit(channel, population, wishes)
            self.link_rngs[channel] = quarters

    def finished(self) -> History:
        self._open_first_quarter()
        for index in range(1, len(self.spec.quarters)):
            self._let_firms_leave(index)
            self._renew_links(index)
            self._spread_distress(index)
        return History(
            self.alive,
            self.hazard,
            self.pressure,
            self.wounds,
            self.creditworthiness,
            self.exit_index,
            self.left_on,
            self.defaulted,
            self.links,
        )

    def _open_first_quarter(self) -> None:
        self.alive[0] = self.population.entry == 0
        _, last_day = quarter_days(self.spec.quarters[0])
        for channel in Channel:
            rng = self.link_rngs[channel][0]
            self.links[channel] = grown_from_nothing(self.habits[channel], self.alive[0], last_day, rng)
        self._spread_distress(0)

    def _let_firms_leave(self, index: int) -> None:
        """Draw defaults, then voluntary exits among the rest; entrants of the quarter cannot leave in it."""
        before = self.alive[index - 1]
        first_day, last_day = quarter_days(self.spec.quarters[index])
        hazard = np.where(before, default_hazard(self.creditworthiness[index], self.pressure[index - 1]), 0.0)
        defaults = self.default_draw[index] < hazard
        leaves = defaults | (before & (self.leave_draw[index] < VOLUNTARY_EXIT))
        exposure = exposure_at(self.spec, self.links, first_day - 1, self.population.pool)
        self.hazard[index] = hazard
        self.wounds[index] = wounds_after(self.wounds[index - 1], exposure, defaults)
        self.defaulted |= defaults
        self.exit_index[leaves] = index
        days = first_day + np.floor(self.exit_day_draw * (last_day - first_day + 1)).astype(np.int64)
        self.left_on[leaves] = days[leaves]
        self.alive[index] = (before & ~leaves) | (self.population.entry == index)

    def _renew_links(self, index: int) -> None:
        days = quarter_days(self.spec.quarters[index])
        for channel in Channel:
            rng = self.link_rngs[channel][index]
            kept = ended_naturally(self.links[channel], *days, rng)
            kept = ended_by_exits(kept, self.left_on, days[1])
            self.links[channel] = with_births(
                kept, self.habits[channel], self.alive[index], self.known_on, days, rng=rng
            )

    def _spread_distress(self, index: int) -> None:
        """Compute the pressure that the next quarter starts with."""
        earlier = self.pressure[index - 1] if index else np.zeros(self.population.pool)
        distress = vulnerability(self.creditworthiness[index], earlier) * self.alive[index]
        _, last_day = quarter_days(self.spec.quarters[index])
        exposure = exposure_at(self.spec, self.links, last_day, self.population.pool)
        self.pressure[index] = pressure_from(exposure, distress, self.wounds[index]) * self.alive[index]
