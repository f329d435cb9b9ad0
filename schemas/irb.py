"""Tests of a rating system as a validator reports them, each beside what holds when firms default together."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.rating import MasterScaleSpec
from schemas.results import Interval
from schemas.terms import Quarter, Sample

Light = Literal["green", "yellow", "red", "not assessable"]


class CalibrationTest(Frozen):
    """Whether the defaults of one grade, or of the portfolio, are more than its probability of default explains.

    Attributes
    ----------
    mean_pd
        Of the firm-quarters in it.
    jeffreys, binomial
        One-sided p-values that take defaults as independent: small ones say that the PD is too low.
    by_community
        The same question answered by drawing whole communities; None where they are fewer than two.
    light
        Of the binomial test.
    """

    grade: str
    firm_quarters: int
    defaults: int
    mean_pd: float
    observed_rate: float
    jeffreys: float
    binomial: float
    by_community: float | None
    light: Light
    light_by_community: Light


class JointTest(Frozen):
    """One number for all grades or all firms. `degrees` are those of the chi-squared distribution, if it is one."""

    test: Literal["Hosmer-Lemeshow", "Spiegelhalter"]
    statistic: float | None
    degrees: int | None
    p_value: float | None
    by_community: float | None


class SampleTests(Frozen):
    """Calibration on one sample, grade by grade (populated ones only), and on the whole."""

    sample: Sample
    communities: int
    grades: tuple[CalibrationTest, ...]
    portfolio: CalibrationTest
    joint: tuple[JointTest, ...]
    brier: Interval


class AucComparison(Frozen):
    """Whether the model separates worse now than when it was first validated.

    `p_value` takes firms as independent, `by_community` draws communities; small ones say that it does.
    """

    initial_sample: Sample
    current_sample: Sample
    initial: float
    current: float
    standard_error: float
    p_value: float
    by_community: float | None


class Concentration(Frozen):
    """How unevenly firms lie in the grades: Herfindahl index from 0 (evenly) to 1 (all in one), then and now.

    A small `p_value` says that they are more concentrated now.
    """

    initial: float
    current: float
    p_value: float | None
    current_interval: Interval


class UnstableCell(Frozen):
    """A migration that is more frequent than the one next to it that lies closer to staying."""

    before: str
    after: str
    firms: int
    p_value: float
    by_community: float | None


class Migration(Frozen):
    """How firms moved between grades from one quarter to a later one.

    Attributes
    ----------
    counts
        A row a grade before, a column a grade after.
    upward, downward
        Matrix weighted bandwidths: how far those firms that moved to worse (`upward` in PD) or better grades moved,
        as a share of the farthest they could have. None where none moved.
    """

    before: Quarter
    after: Quarter
    firms: int
    counts: tuple[tuple[int, ...], ...]
    stayed: float
    upward: Interval
    downward: Interval
    unstable: tuple[UnstableCell, ...]


class IrbValidation(Frozen):
    """All tests of the chosen candidate as a rating system; what could not be assessed is None with a reason."""

    candidate: str
    scale: MasterScaleSpec
    samples: tuple[SampleTests, ...]
    auc: AucComparison | None
    concentration: Concentration | None
    migration: Migration | None
    reasons: dict[str, str]
