"""How the firms' scores moved since the quarter published before, and why."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.terms import Quarter

#: what moves a score; `inputs` stands for the first two where the earlier model cannot tell them apart
PartName = Literal["own features", "neighbourhood", "inputs", "model"]


class ScoreMigration(Frozen):
    """Firms by where they were (rows) and where they are (columns).

    Attributes
    ----------
    names
        Grades from the best to the worst, or the target's classes.
    counts
        Firms of both quarters, a row a name before, a column a name now.
    new, gone
        Firms of this quarter alone by where they came in, and of the earlier one alone by where they were.
    stayed, worse, better
        Shares of the firms of both quarters. Between classes, worse is from a favourable one to another.
    """

    by: Literal["grade", "class"]
    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    new: tuple[int, ...]
    gone: tuple[int, ...]
    stayed: float
    worse: float
    better: float


class ShiftPart(Frozen):
    """What one cause did to the scores of the firms of both quarters.

    Attributes
    ----------
    mean, mean_absolute
        Of its part of the shifts, in units of probability: where it moved scores on the whole, and how much.
    share
        Of the sum of all causes' mean absolute parts; None where nothing moved.
    """

    part: PartName
    mean: float
    mean_absolute: float
    share: float | None


class FirmShift(Frozen):
    """One firm's shift and its parts, which sum to `after - before`; own and neighbourhood sum to `inputs`."""

    before: float
    after: float
    grade_before: str
    grade_after: str
    own: float | None
    neighbourhood: float | None
    inputs: float | None
    model: float | None


class ScoreDrift(Frozen):
    """The scores of a quarter against those of the quarter published before; a score is unfavourable probability.

    Attributes
    ----------
    reason
        Why nothing was compared; empty if something was.
    candidate_before, candidate
        Who gave the scores then and now.
    firms, new, gone
        Firms of both quarters, of this one alone, of the earlier one alone.
    mean_before, mean_after
        Of the firms of both quarters.
    stability_index
        Population stability index of all scores, in tenths of the earlier ones.
    parts
        Empty where the shifts could not be taken apart. `parts_reason` says why they could not, or why own features and
        neighbourhood are one part.
    largest
        The firms that moved furthest, the furthest first, without their names: those are in the table of all firms.
    """

    expected_quarter: Quarter | None = None
    reason: str = ""
    candidate_before: str = ""
    candidate: str = ""
    firms: int = 0
    new: int = 0
    gone: int = 0
    mean_before: float | None = None
    mean_after: float | None = None
    stability_index: float | None = None
    migrations: tuple[ScoreMigration, ...] = ()
    parts: tuple[ShiftPart, ...] = ()
    parts_reason: str = ""
    largest: tuple[FirmShift, ...] = ()

    @property
    def assessable(self) -> bool:
        """Tell whether there were earlier scores to compare with."""
        return self.expected_quarter is not None
