"""How scores did once their outcomes were known, and what is to be expected of those whose outcomes are not."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field

from schemas.base import Frozen
from schemas.irb import Light
from schemas.monitoring import Alarm, Reading
from schemas.results import Interval
from schemas.terms import Quarter


class Confusion(Frozen):
    """Firms by what was said of them and what happened; positive is the unfavourable outcome.

    Whole numbers where outcomes are known, expectations where they are estimated.
    """

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @property
    def precision(self) -> float | None:
        """Share of those called unfavourable that are."""
        called = self.true_positives + self.false_positives
        return self.true_positives / called if called else None

    @property
    def recall(self) -> float | None:
        """Share of the unfavourable ones that were called so."""
        there = self.true_positives + self.false_negatives
        return self.true_positives / there if there else None


class PerformanceEstimate(Frozen):
    """What to expect of scores before any outcome is known, if every probability is right.

    Each interval holds what 95 % of outcomes show that are drawn from these probabilities, firm by firm on its own: the
    true spread is wider where firms default together.
    """

    firms: int
    defaults: Interval
    auc: Interval
    accuracy: Interval
    brier: float
    confusion: Confusion


class RealisedCalibration(Frozen):
    """Expected against observed outcomes of one grade, or of all firms together.

    Attributes
    ----------
    firms
        Firm-quarters: a firm counts once for each quarter it was scored in.
    expected_rate
        Mean probability.
    observed_rate
        Share with an unfavourable outcome; interval by community, unless it is none or all of them: drawing again what
        never happened shows no spread.
    by_community
        Share of draws of whole communities in which the rate is at most the expected one: small, the estimates are too
        low. None with fewer than two communities.
    light
        Of `by_community`.
    """

    grade: str
    firms: int
    defaults: int
    expected_rate: float
    observed_rate: Interval
    by_community: float | None
    light: Light


class RealisedVintage(Frozen):
    """What became of the firms that a published refresh scored.

    Attributes
    ----------
    scored, known
        Firms that were scored, and those of them whose outcome is known.
    auc_at_validation, auc_change
        On the sample that the candidate was accepted on, and the AUC now minus that; communities in both samples are
        drawn together.
    estimate
        What had to be expected of the same firms before: it shows what such estimates are worth here.
    """

    quarter: Quarter
    closed: Quarter
    refresh: str
    version: str
    candidate: str
    scored: int
    known: int
    overall: RealisedCalibration
    grades: tuple[RealisedCalibration, ...]
    auc: Interval
    auc_at_validation: Interval
    auc_change: Interval
    accuracy: float
    confusion: Confusion
    estimate: PerformanceEstimate


class AwaitedVintage(Frozen):
    """Scores whose outcomes are not known yet; all that is said of them is an estimate. `version` may be to come."""

    quarter: Quarter
    closes: Quarter
    refresh: str
    version: str | None
    candidate: str
    estimate: PerformanceEstimate


class Performance(Frozen):
    """The scores of all published quarters against what is known at the end of `quarter`.

    Attributes
    ----------
    realised, awaited
        Oldest first.
    grades
        All realised quarters together.
    left_out
        Published quarters of which nothing can be said, each with the reason.
    readings
        The newest realised quarter against the portfolio's limits.
    reason
        Why nothing is assessable; empty otherwise.
    """

    quarter: Quarter
    label: str
    horizon_quarters: int
    realised: tuple[RealisedVintage, ...] = ()
    grades: tuple[RealisedCalibration, ...] = ()
    awaited: tuple[AwaitedVintage, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    reason: str = ""

    @property
    def overlapping(self) -> bool:
        """Tell whether two realised quarters are so near that one outcome counts in both."""
        nearest = (after.quarter < one.closed for one, after in pairwise(self.realised))
        return any(nearest)


class OutcomesAnalysis(Frozen):
    """A delivery's outcomes against the scores published before: what the pages of `creditnet outcomes` show.

    `delivery` is its fingerprint; no graph is made for it.
    """

    title: str
    portfolio: str
    delivery: str
    performance: Performance

    @property
    def quarter(self) -> Quarter:
        """The delivered quarter."""
        return self.performance.quarter


class OutcomesOutcome(Frozen):
    """What a run of the analysis came to: what `creditnet outcomes --json` prints."""

    analysis: OutcomesAnalysis
    files: tuple[str, ...]
