"""What a simulated economy is made of: its size, its time span and its true strengths."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.errors import NotEnoughData
from schemas.terms import Quarter


class Channel(StrEnum):
    """A relation along which distress travels, named like its table."""

    SUPPLY = "supply"
    OWNERSHIP = "ownership"
    DIRECTOR = "director"


#: A delivered relation along which nothing travels: what an ablation should find useless beside supply.
IDLE_RELATION = "payment"


class EconomySpec(Frozen):
    """The recipe of an economy; equal specs give equal bytes.

    Parameters
    ----------
    seed
        Root of every random stream.
    firms
        Firms alive in the first quarter. Entrants replace leavers in expectation, so the pool of all firms that
        ever lived is larger (about 1.8 times after eleven years).
    first_quarter, last_quarter
        The simulated quarters, both included. The delivery ends on the last day of the last quarter.
    supply_strength, ownership_strength, director_strength
        True strength of each channel, relative to each other: what a model should find. Payments have none.
    contagion
        Multiplies every strength; 0 switches contagion off.
    own_strength
        Multiplies what a firm's own creditworthiness counts for its own default; at 0 only its neighbours' decides.
    stress_quarter, stress_size
        When the macro factor falls, and by how many of its standard deviations; None leaves the stress out.
    oracle_paths
        Monte-Carlo paths behind one true PD.
    """

    seed: int = Field(default=7, ge=0)
    firms: int = Field(default=2400, ge=20)
    first_quarter: Quarter = Quarter(2014, 1)
    last_quarter: Quarter = Quarter(2024, 4)
    supply_strength: float = Field(default=1.0, ge=0)
    ownership_strength: float = Field(default=0.55, ge=0)
    director_strength: float = Field(default=0.25, ge=0)
    contagion: float = Field(default=1.0, ge=0)
    own_strength: float = Field(default=1.0, ge=0)
    stress_quarter: Quarter | None = Quarter(2020, 2)
    stress_size: float = Field(default=1.8, ge=0)
    oracle_paths: int = Field(default=400, ge=1)

    @model_validator(mode="after")
    def _time_runs_forward(self) -> Self:
        if self.last_quarter <= self.first_quarter:
            raise ValueError(f"last_quarter {self.last_quarter} must come after first_quarter {self.first_quarter}.")
        return self

    @property
    def quarters(self) -> tuple[Quarter, ...]:
        """The simulated quarters in order."""
        first, last = self.first_quarter, self.last_quarter
        count = 4 * (last.year - first.year) + last.number - first.number + 1
        return tuple(first.shifted(step) for step in range(count))

    def strength(self, channel: Channel) -> float:
        """Return the true strength of one channel, contagion multiplier included."""
        own = {
            Channel.SUPPLY: self.supply_strength,
            Channel.OWNERSHIP: self.ownership_strength,
            Channel.DIRECTOR: self.director_strength,
        }
        return self.contagion * own[channel]

    @property
    def strengths(self) -> dict[str, float]:
        """True strength of each delivered relation; payments carry nothing."""
        return {channel.value: self.strength(channel) for channel in Channel} | {IDLE_RELATION: 0.0}

    def index_of(self, quarter: Quarter) -> int:
        """Return the place of a quarter among the simulated ones.

        Raises
        ------
        NotEnoughData
            If the quarter was not simulated.
        """
        if quarter not in self.quarters:
            raise NotEnoughData(
                f"{quarter} was not simulated.",
                expected=f"a quarter from {self.first_quarter} to {self.last_quarter}",
                found=str(quarter),
                way_out="Ask for a simulated quarter, or widen the spec.",
            )
        return self.quarters.index(quarter)
