"""What happened: the quarter-by-quarter life of all firms and relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.economy.boards import Directorships
from models.economy.days import OPEN, quarter_days
from models.economy.evolution import Networks
from models.economy.exposure import Exposures
from models.economy.fundamentals import Floats, Latents, creditworthiness_history
from models.economy.hazard import VOLUNTARY_EXIT, default_hazard, pressure_from, vulnerability, wounds_after
from models.economy.networks import Links
from models.economy.population import Population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import Streams


@dataclass(frozen=True)
class History:
    """The truth about what happened, at the end of every quarter.

    `alive` and `hazard` have shape (quarters, pool), and so have the `pressures` and `wounds` of each channel;
    `hazard[t]` is the probability of default within quarter t of a firm alive at the end of t - 1 (zero for all
    others). `exit_index`, the quarter of exit, is the number of quarters for firms that never leave; `left_on` (days
    since 1970) is `OPEN` for them.
    """

    alive: NDArray[np.bool_]
    hazard: Floats
    pressures: Mapping[Channel, Floats]
    wounds: Mapping[Channel, Floats]
    creditworthiness: Floats
    exit_index: NDArray[np.int64]
    left_on: NDArray[np.int64]
    defaulted: NDArray[np.bool_]
    links: Mapping[Channel, Links]
    directorships: Directorships

    @property
    def pressure(self) -> Floats:
        """The logit that neighbours add to the next quarter's hazard, over all channels."""
        return total(self.pressures)

    def vulnerability(self, index: int) -> Floats:
        """Return how distressed each firm looked at the end of a quarter, shape (pool,); zero for the dead."""
        before = self.pressure[index - 1] if index else np.zeros(self.alive.shape[1])
        distress: Floats = vulnerability(self.creditworthiness[index], before) * self.alive[index]
        return distress


def total(of_channels: Mapping[Channel, Floats]) -> Floats:
    """Add up what the channels do, always in the same order."""
    summed: Floats = np.sum([of_channels[channel] for channel in Channel], axis=0)
    return summed


def simulated_history(spec: EconomySpec, population: Population, latents: Latents, streams: Streams) -> History:
    """Run the economy from its first to its last quarter; nobody leaves in the first."""
    return _Run(spec, population, latents, streams).finished()


class _Run:
    """The moving state of one simulation: exits first, then relations, then the pressure they leave behind."""

    def __init__(self, spec: EconomySpec, population: Population, latents: Latents, streams: Streams) -> None:
        self.spec, self.population = spec, population
        self.creditworthiness = creditworthiness_history(latents, population)
        shape = self.creditworthiness.shape
        self.alive = np.zeros(shape, dtype=np.bool_)
        self.hazard = np.zeros(shape)
        self.pressures = {channel: np.zeros(shape) for channel in Channel}
        self.wounds = {channel: np.zeros(shape) for channel in Channel}
        self.exit_index = np.full(shape[1], shape[0], dtype=np.int64)
        self.left_on = np.full(shape[1], OPEN)
        self.defaulted = np.zeros(shape[1], dtype=np.bool_)
        last_days = np.array([quarter_days(quarter)[1] for quarter in spec.quarters])
        self.known_on = last_days[population.entry]
        default_rng, leave_rng, day_rng = (np.random.default_rng(child) for child in streams.exits.spawn(3))
        self.default_draw, self.leave_draw = default_rng.random(shape), leave_rng.random(shape)
        self.exit_day_draw = day_rng.random(shape[1])
        self.networks = Networks(spec, population, streams)
        self.exposures: Exposures

    def finished(self) -> History:
        self.alive[0] = self.population.entry == 0
        self.networks.open_first_quarter(self.alive[0])
        self._spread_distress(0)
        for index in range(1, len(self.spec.quarters)):
            self._let_firms_leave(index)
            self.networks.renew(index, self.alive[index], self.known_on, self.left_on)
            self._spread_distress(index)
        return History(
            self.alive,
            self.hazard,
            self.pressures,
            self.wounds,
            self.creditworthiness,
            self.exit_index,
            self.left_on,
            self.defaulted,
            self.networks.links,
            self.networks.directorships,
        )

    def _let_firms_leave(self, index: int) -> None:
        """Draw defaults, then voluntary exits among the rest; entrants of the quarter cannot leave in it."""
        before = self.alive[index - 1]
        first_day, last_day = quarter_days(self.spec.quarters[index])
        pressure = total({channel: pressure[index - 1] for channel, pressure in self.pressures.items()})
        hazard = np.where(before, default_hazard(self.creditworthiness[index], pressure, self.spec.own_strength), 0.0)
        defaults = self.default_draw[index] < hazard
        leaves = defaults | (before & (self.leave_draw[index] < VOLUNTARY_EXIT))
        self.hazard[index] = hazard
        # Defaults hit along the relations open before them, at the end of the last quarter.
        for channel, exposure in self.exposures.items():
            self.wounds[channel][index] = wounds_after(self.wounds[channel][index - 1], exposure, defaults)
        self.defaulted |= defaults
        self.exit_index[leaves] = index
        days = first_day + np.floor(self.exit_day_draw * (last_day - first_day + 1)).astype(np.int64)
        self.left_on[leaves] = days[leaves]
        self.alive[index] = (before & ~leaves) | (self.population.entry == index)

    def _spread_distress(self, index: int) -> None:
        """Compute the pressure that the next quarter starts with."""
        before = total({channel: pressure[index - 1] * (index > 0) for channel, pressure in self.pressures.items()})
        alive = self.alive[index]
        distress = vulnerability(self.creditworthiness[index], before) * alive
        _, last_day = quarter_days(self.spec.quarters[index])
        self.exposures = self.networks.exposures_at(last_day)
        for channel, exposure in self.exposures.items():
            self.pressures[channel][index] = pressure_from(exposure, distress, self.wounds[channel][index]) * alive
