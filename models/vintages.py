"""Which quarters a refresh learns from.

An outcome of vintage v is known `horizon` quarters after v. Refresh t may use the vintages that are
closed by t. The newest closed one is kept for the out-of-time sample; development then ends one
horizon before it, so that every outcome it learns from was known when the out-of-time vintage was
observed (the embargo of the label horizon).

Example: a 12-month outcome (horizon 4) and a refresh at 2024Q4. The newest closed vintage is
2023Q4; development ends with 2022Q4, whose outcomes were known at the end of 2023Q4.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from schemas.errors import NotEnoughData, examples
from schemas.specs import SplitSpec
from schemas.terms import Quarter


@dataclass(frozen=True)
class VintagePlan:
    """The vintages for development (ascending) and the one out of time; `reason` says why it is missing."""

    development: tuple[Quarter, ...]
    out_of_time: Quarter | None
    reason: str = ""

    @property
    def every(self) -> tuple[Quarter, ...]:
        """All vintages, ascending."""
        return self.development if self.out_of_time is None else (*self.development, self.out_of_time)


def vintage_plan(quarter: Quarter, horizon: int, split: SplitSpec, delivered: Collection[Quarter]) -> VintagePlan:
    """Choose vintages among the quarters that the source can deliver.

    Raises
    ------
    NotEnoughData
        If no delivered vintage is closed by the quarter's end.
    """
    if horizon == 0:
        return VintagePlan((quarter,), None, "the data has one quarter, which is treated as closed")
    closed = sorted(vintage for vintage in delivered if vintage.shifted(horizon) <= quarter)
    if not closed:
        raise NotEnoughData(
            f"No outcome is known by {quarter}.",
            expected=f"a delivered vintage of {quarter.shifted(-horizon)} or earlier "
            f"(its outcome is published {horizon} quarter{'s' if horizon > 1 else ''} later)",
            found=examples(sorted(delivered)),
            way_out="refresh a later quarter, or deliver earlier ones",
        )
    newest = closed[-1]
    embargoed = [vintage for vintage in closed if vintage.shifted(horizon) <= newest]
    if not embargoed:
        return VintagePlan((newest,), None, "only one closed vintage is clear of the label horizon")
    wanted = {embargoed[-1].shifted(-step * split.vintage_step) for step in range(split.development_vintages)}
    return VintagePlan(tuple(vintage for vintage in embargoed if vintage in wanted), newest)
