"""What may be known of a firm's past, as a portfolio asks for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from schemas.base import Frozen

_MOST = 40


class HistorySpec(Frozen):
    """The group of inputs `history`: a firm's own past, as it was known at the end of each quarter.

    `outcomes` is the number of a firm's last outcomes, back from the newest vintage that is closed by then;
    `changes` are distances in quarters over which each numeric feature's change is taken, against its value as
    known that many quarters earlier.
    """

    outcomes: Annotated[int, Field(ge=0, le=_MOST)] = 1
    changes: tuple[Annotated[int, Field(ge=1, le=_MOST)], ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> HistorySpec:
        if not self.outcomes and not self.changes:
            raise ValueError("`history` asks for nothing: name a number of `outcomes` or distances of `changes`")
        if list(self.changes) != sorted(set(self.changes)):
            raise ValueError(f"`changes` must differ and ascend; found {list(self.changes)}")
        return self

    def reach(self, horizon: int) -> tuple[int, ...]:
        """Return how many quarters back its inputs are looked for, ascending; `horizon` is that of the outcomes."""
        return tuple(sorted({*self.changes, *(horizon + place for place in range(self.outcomes))}))
