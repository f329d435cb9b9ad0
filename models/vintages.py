"""Which quarters a refresh learns from.

An outcome of vintage v is known `horizon` quarters after v. Refresh t may use the vintages that are
closed by t. The newest closed one is kept for the out-of-time sample; development then ends one
horizon before it, so that every outcome it learns from was known when the out-of-time vintage was
observed (the embargo of the label horizon).

Example: a 12-month outcome (horizon 4) and a refresh at 2024Q4. The newest closed vintage is
2023Q4; development ends with 2022Q4, whose outcomes were known at the end of 2023Q4.

The scheme `temporal` validates on the newest of these development vintages and learns from what was
known when they were observed (2021Q4 and earlier). A rolling origin does the same at earlier vintages,
one horizon apart, so that no outcome is measured twice: 2023Q4, 2022Q4, 2021Q4 and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemas.errors import NotEnoughData, examples
from schemas.splits import SplitSpec
from schemas.terms import Quarter, Scheme


@dataclass(frozen=True)
class Window:
    """Vintages that are judged, and those whose outcomes were known when the first of them was observed."""

    learnt: tuple[Quarter, ...]
    judged: tuple[Quarter, ...]


@dataclass(frozen=True)
class VintagePlan:
    """The vintages for development (ascending) and the one out of time; `reason` says why it is missing.

    `temporal` validates on vintages, and `origins` descend from the newest; both are only planned where the
    portfolio asks for them.
    """

    development: tuple[Quarter, ...]
    out_of_time: Quarter | None
    reason: str = ""
    temporal: Window | None = None
    origins: tuple[Window, ...] = ()

    @property
    def every(self) -> tuple[Quarter, ...]:
        """All vintages, ascending."""
        newest = () if self.out_of_time is None else (self.out_of_time,)
        windows = (*self.origins, *([self.temporal] if self.temporal else []))
        needed = [vintage for window in windows for vintage in (*window.learnt, *window.judged)]
        return tuple(sorted({*self.development, *newest, *needed}))


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
    development = _known_at(newest, closed, horizon, split)
    if not development:
        return VintagePlan((newest,), None, "only one closed vintage is clear of the label horizon")
    validated = development[-split.validation_vintages :]
    learnt = _known_at(validated[0], closed, horizon, split)
    return VintagePlan(
        development,
        newest,
        temporal=Window(learnt, validated) if Scheme.TEMPORAL in split.schemes else None,
        origins=rolling_origins(closed, horizon, split, split.origins),
    )


def rolling_origins(closed: Sequence[Quarter], horizon: int, split: SplitSpec, count: int) -> tuple[Window, ...]:
    """Return up to `count` origins back from the newest of the closed vintages, leaving out those without a past."""
    if not closed or not horizon:
        return ()
    newest = max(closed)
    wanted = [newest.shifted(-horizon * step) for step in range(count)]
    windows = [Window(_known_at(origin, closed, horizon, split), (origin,)) for origin in wanted if origin in closed]
    return tuple(window for window in windows if window.learnt)


def _known_at(origin: Quarter, closed: Sequence[Quarter], horizon: int, split: SplitSpec) -> tuple[Quarter, ...]:
    """Return the vintages to learn from whose outcomes were known when `origin` was observed, ascending."""
    known = sorted(vintage for vintage in closed if vintage.shifted(horizon) <= origin)
    if not known:
        return ()
    wanted = {known[-1].shifted(-step * split.vintage_step) for step in range(split.development_vintages)}
    return tuple(vintage for vintage in known if vintage in wanted)
