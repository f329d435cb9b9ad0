"""What a search for better settings was asked for, and what it found."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from schemas.base import Frozen
from schemas.results import Interval
from schemas.terms import Quarter, Scheme


class SearchSpec(Frozen):
    """How long to search, and where.

    `trials` counts those of the search over all workers and runs of the study, not the portfolio's own candidates,
    which are always measured. After `minutes` of one run no further trial begins. `study` names the study; without it,
    portfolio, data, settings, code and kinds do.
    """

    trials: Annotated[int, Field(ge=0)] = 30
    minutes: Annotated[float, Field(gt=0)] | None = None
    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")] | None = None
    kinds: tuple[str, ...] = ()


class TrialState(StrEnum):
    """How a trial ended: measured to its end, given up as worse than its like, or not possible."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


class TrialRecord(Frozen):
    """One trial.

    `settings` are what the search knows of it; an own candidate's may lie outside the search and are then left out.
    `auc` is of validation: where the trial was pruned, of the epoch at which it was.
    """

    number: int
    state: TrialState
    kind: str
    #: name of the portfolio's own candidate that it measures, empty for one of the search
    own: str = ""
    settings: dict[str, str | bool | int | float]
    auc: float | None = None
    epochs: int | None = None
    seconds: float | None = None
    reason: str = ""


class OwnResult(Frozen):
    """One of the portfolio's own candidates on validation; `reason` says why there is no AUC."""

    name: str
    auc: float | None
    reason: str = ""


class SettingImportance(Frozen):
    """How much a setting had to do with reaching the best trials, as a share of all settings."""

    setting: str
    share: float


class Tuning(Frozen):
    """All of it: the trials, what is in use now, what the search found, and which of them to use.

    Attributes
    ----------
    fingerprint
        Of the quarter's graph.
    scheme, firms_from
        Whose validation judged, and whom the portfolio says the scores are for (empty if it does not).
    current
        What selection chooses among the portfolio's own candidates.
    best
        Number of the search's trial with the highest AUC on validation, None if none was measured.
    difference
        AUC of that trial minus that of `current`, paired and by community.
    improved
        Whether the search's best is significantly better, so that it is `chosen`; otherwise `current` is.
    candidate
        The settings of what was chosen, and `snippet` as they stand in a portfolio file.
    """

    portfolio: str
    title: str
    quarter: Quarter
    fingerprint: str
    study: str
    scheme: Scheme
    firms_from: str
    kinds: tuple[str, ...]
    seed: int
    trials: tuple[TrialRecord, ...]
    own: tuple[OwnResult, ...]
    current: str
    current_auc: float
    best: int | None
    best_auc: float | None
    difference: Interval
    improved: bool
    chosen: str
    chosen_auc: float
    reason: str
    candidate: dict[str, Any]
    snippet: str
    importances: tuple[SettingImportance, ...] = ()
    importances_missing: str = ""

    def counted(self, state: TrialState) -> int:
        """Return how many of the search's trials ended so."""
        return sum(trial.state == state and not trial.own for trial in self.trials)
