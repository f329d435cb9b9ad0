"""The relations of an economy as they move from quarter to quarter, each on its own random streams."""

from __future__ import annotations

import numpy as np

from models.economy.blocks import Ints
from models.economy.boards import (
    Bools,
    Directorships,
    drawn_directors,
    first_boards,
    with_appointments,
    with_resignations,
    without_leavers,
)
from models.economy.days import quarter_days
from models.economy.exposure import Exposures, exposures_at
from models.economy.networks import (
    Links,
    drawn_habit,
    ended_by_exits,
    ended_naturally,
    grown_from_nothing,
    with_births,
)
from models.economy.population import Population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import Streams


class Networks:
    """Supply, ownership and directorships; each quarter some end, some end with a firm, some are born."""

    def __init__(self, spec: EconomySpec, population: Population, streams: Streams) -> None:
        self.spec, self.pool = spec, population.pool
        self._days = [quarter_days(quarter) for quarter in spec.quarters]
        children = {
            channel: [np.random.default_rng(child) for child in stream.spawn(1 + len(spec.quarters))]
            for channel, stream in (
                (Channel.SUPPLY, streams.supply),
                (Channel.OWNERSHIP, streams.ownership),
                (Channel.DIRECTOR, streams.boards),
            )
        }
        self._rngs = {channel: rngs for channel, (_, *rngs) in children.items()}
        self._habits = {
            channel: drawn_habit(channel, population, children[channel][0])
            for channel in (Channel.SUPPLY, Channel.OWNERSHIP)
        }
        self._directors = drawn_directors(population, children[Channel.DIRECTOR][0])
        self.links: dict[Channel, Links] = {}
        self.directorships: Directorships

    def open_first_quarter(self, alive: Bools) -> None:
        """Grow the relations that the first quarter starts with."""
        _, last_day = self._days[0]
        for channel, habit in self._habits.items():
            self.links[channel] = grown_from_nothing(habit, alive, last_day, self._rngs[channel][0])
        self.directorships = first_boards(self._directors, alive, last_day, self._rngs[Channel.DIRECTOR][0])

    def renew(self, index: int, alive: Bools, known_on: Ints, left_on: Ints) -> None:
        """Move the relations through one quarter, after its exits."""
        days = self._days[index]
        for channel, habit in self._habits.items():
            rng = self._rngs[channel][index]
            kept = ended_naturally(self.links[channel], *days, rng)
            kept = ended_by_exits(kept, left_on, days[1])
            self.links[channel] = with_births(kept, habit, alive, known_on, days, rng=rng)
        rng = self._rngs[Channel.DIRECTOR][index]
        held = without_leavers(with_resignations(self.directorships, days, rng), left_on, days[1])
        self.directorships = with_appointments(held, self._directors, alive, known_on, days, rng=rng)

    def exposures_at(self, day: int) -> Exposures:
        """Return who depends on whom at the end of a day, one matrix a channel."""
        return exposures_at(self.spec, self.links, self.directorships, day, self.pool)
