"""The chosen candidate judged as a rating system: calibration by grade, separation, concentration, migrations.

The mathematics is in `models.irb_calibration` and `models.irb_stability`; here it becomes what a validator reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.bootstrap import cluster_weights, score_intervals
from models.discrimination import scores
from models.irb_calibration import (
    GradeDraws,
    binomial_p,
    grade_draws,
    grade_p_by_community,
    hosmer_lemeshow,
    hosmer_lemeshow_p_by_community,
    jeffreys_p,
    spiegelhalter,
    spiegelhalter_p_by_community,
)
from models.irb_stability import (
    auc_decline_p,
    auc_variance,
    concentration_p,
    herfindahl,
    herfindahl_indices,
    migration_counts,
    stability_p,
    stability_p_by_draws,
    weighted_bandwidths,
)
from models.rating_scale import grades_of
from schemas.irb import (
    AucComparison,
    CalibrationTest,
    Concentration,
    JointTest,
    Light,
    Migration,
    SampleTests,
    UnstableCell,
)
from schemas.rating import MasterScaleSpec
from schemas.results import Interval
from schemas.terms import Quarter, Sample

#: so many that a p-value of one in a thousand can be told from none
DRAWS = 2000
#: green up to a confidence of 95 %, red from 99.9 % on (Oesterreichische Nationalbank and FMA, 2004, Rating Models and
#: Validation, section 6.2.2)
YELLOW, RED = 0.05, 0.001
#: a migration counts as unstable from this confidence on
UNSTABLE = 0.05


@dataclass(frozen=True)
class RatedRows:
    """Firm-quarters with what was estimated and what happened.

    Attributes
    ----------
    outcome : (n,) bool
        Whether the unfavourable outcome occurred.
    probability : (n,)
        Its estimated probability.
    communities : (n,)
        Names.
    """

    outcome: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float64]
    communities: npt.NDArray[np.str_]


@dataclass(frozen=True)
class RatedFirms:
    """Firms of one quarter; (n,) each."""

    quarter: Quarter
    firms: npt.NDArray[np.str_]
    probability: npt.NDArray[np.float64]
    communities: npt.NDArray[np.str_]


def traffic_light(p_value: float | None) -> Light:
    """Return the colour of a one-sided p-value."""
    if p_value is None:
        return "not assessable"
    return "green" if p_value >= YELLOW else "yellow" if p_value >= RED else "red"


def sample_tests(sample: Sample, rows: RatedRows, scale: MasterScaleSpec, *, seed: int) -> SampleTests:
    """Test calibration on one sample: grade by grade, and on the whole.

    Parameters
    ----------
    rows
        At least one.
    """
    K = len(scale.grades)
    grades = grades_of(rows.probability, scale)
    drawn = grade_draws(rows.outcome, rows.probability, grades, rows.communities, count=K, draws=DRAWS, seed=seed)
    firms = np.bincount(grades, minlength=K)
    defaults = np.bincount(grades, rows.outcome, minlength=K)
    means = np.bincount(grades, rows.probability, minlength=K) / np.maximum(firms, 1)
    statistic, degrees, p_value = hosmer_lemeshow(defaults, firms, means)
    brier = spiegelhalter(rows.outcome, rows.probability)
    return SampleTests(
        sample=sample,
        communities=drawn.communities,
        grades=tuple(
            _tested(scale.grades[k].name, int(firms[k]), int(defaults[k]), float(means[k]), drawn, k)
            for k in np.flatnonzero(firms).tolist()
        ),
        portfolio=_tested("all", len(grades), int(defaults.sum()), float(rows.probability.mean()), drawn, None),
        joint=(
            JointTest(
                test="Hosmer-Lemeshow",
                statistic=statistic,
                degrees=degrees,
                p_value=p_value,
                by_community=hosmer_lemeshow_p_by_community(defaults, firms, means, drawn),
            ),
            JointTest(
                test="Spiegelhalter",
                statistic=brier[0] if brier else None,
                degrees=None,
                p_value=brier[1] if brier else None,
                by_community=spiegelhalter_p_by_community(rows.outcome, rows.probability, drawn) if brier else None,
            ),
        ),
        brier=_brier(rows, seed=seed),
    )


def auc_comparison(
    initial: tuple[Sample, RatedRows], current: tuple[Sample, RatedRows], *, draws: int, seed: int
) -> AucComparison | None:
    """Compare how well two samples are separated; None where one of them has fewer than two of a kind."""
    if any(min(rows.outcome.sum(), (~rows.outcome).sum()) < 2 for _, rows in (initial, current)):
        return None
    (before, _), (now, variance) = (auc_variance(rows.outcome, rows.probability) for _, rows in (initial, current))
    return AucComparison(
        initial_sample=initial[0],
        current_sample=current[0],
        initial=before,
        current=now,
        standard_error=math.sqrt(variance),
        p_value=auc_decline_p(before, now, variance),
        by_community=_decline_by_community(initial[1], current[1], draws=draws, seed=seed),
    )


def concentration(
    initial: npt.NDArray[np.float64], current: RatedFirms, scale: MasterScaleSpec, *, seed: int
) -> Concentration:
    """Compare how unevenly firms lie in the grades.

    Parameters
    ----------
    initial : (m,)
        Probabilities of the firm-quarters that the candidate was developed on.
    """
    K = len(scale.grades)
    before = herfindahl(np.bincount(grades_of(initial, scale), minlength=K))
    grades = grades_of(current.probability, scale)
    now = herfindahl(np.bincount(grades, minlength=K))
    names, cluster = np.unique(current.communities, return_inverse=True)
    cells = np.bincount(cluster * K + grades, minlength=len(names) * K).reshape(len(names), K)
    drawn = herfindahl_indices(cluster_weights(names, draws=DRAWS, seed=seed) @ cells)
    return Concentration(
        initial=before[1],
        current=now[1],
        p_value=concentration_p(before[0], now[0], K),
        current_interval=_interval(now[1], drawn, len(names)),
    )


def migration(before: RatedFirms, after: RatedFirms, scale: MasterScaleSpec, *, seed: int) -> Migration | None:
    """Follow the firms that were rated in two quarters; None if there is none."""
    _, old, new = np.intersect1d(before.firms, after.firms, return_indices=True)
    if not len(old):
        return None
    K = len(scale.grades)
    then, now = grades_of(before.probability[old], scale), grades_of(after.probability[new], scale)
    counts = migration_counts(then, now, K)
    names, cluster = np.unique(after.communities[new], return_inverse=True)
    cells = np.bincount(cluster * K**2 + then * K + now, minlength=len(names) * K**2).reshape(len(names), K**2)
    drawn = (cluster_weights(names, draws=DRAWS, seed=seed) @ cells).reshape(DRAWS, K, K)
    upper, lower = weighted_bandwidths(counts)
    drawn_upper, drawn_lower = weighted_bandwidths(drawn)
    by_draws = stability_p_by_draws(drawn) if len(names) > 1 else np.full((K, K), math.nan)
    p_values = stability_p(counts)
    return Migration(
        before=before.quarter,
        after=after.quarter,
        firms=len(old),
        counts=tuple(tuple(row) for row in counts.tolist()),
        stayed=float(np.trace(counts) / len(old)),
        upward=_interval(float(upper), drawn_upper, len(names)),
        downward=_interval(float(lower), drawn_lower, len(names)),
        unstable=tuple(
            UnstableCell(
                before=scale.grades[i].name,
                after=scale.grades[j].name,
                firms=int(counts[i, j]),
                p_value=float(p_values[i, j]),
                by_community=None if math.isnan(by_draws[i, j]) else float(by_draws[i, j]),
            )
            for i, j in np.argwhere(p_values < UNSTABLE).tolist()
        ),
    )


def _tested(name: str, firms: int, defaults: int, mean: float, drawn: GradeDraws, grade: int | None) -> CalibrationTest:
    binomial, by_community = binomial_p(defaults, firms, mean), grade_p_by_community(drawn, grade)
    return CalibrationTest(
        grade=name,
        firm_quarters=firms,
        defaults=defaults,
        mean_pd=mean,
        observed_rate=defaults / firms,
        jeffreys=jeffreys_p(defaults, firms, mean),
        binomial=binomial,
        by_community=by_community,
        # Jeffreys' prior alone makes one firm without default yellow in the best grade.
        light=traffic_light(binomial),
        light_by_community=traffic_light(by_community),
    )


def _brier(rows: RatedRows, *, seed: int) -> Interval:
    both = _two_classes(rows.probability)
    truth = rows.outcome.astype(np.int64)
    return score_intervals(truth, both, rows.communities, threshold=0.5, seed=seed)["brier"]


def _decline_by_community(initial: RatedRows, current: RatedRows, *, draws: int, seed: int) -> float | None:
    # A community in both samples comes along in both, or the difference would vary too much.
    communities = np.concatenate([initial.communities, current.communities])
    if len(np.unique(communities)) < 2:
        return None
    weights = cluster_weights(communities, draws=draws, seed=seed)
    parts = (weights[:, : len(initial.outcome)], weights[:, len(initial.outcome) :])
    before, now = (
        scores(rows.outcome.astype(np.int64), _two_classes(rows.probability), weights=part)["auc"]
        for rows, part in zip((initial, current), parts, strict=True)
    )
    decline = (before - now)[~np.isnan(before - now)]
    if 2 * len(decline) < draws:
        return None
    return float((1 + np.sum(decline <= 0)) / (1 + len(decline)))


def _two_classes(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    clipped = np.clip(probability, 0.0, 1.0)
    return np.stack([1 - clipped, clipped], axis=-1)


def _interval(value: float, drawn: npt.NDArray[np.float64], communities: int) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if math.isnan(value):
        return Interval(value=None)
    if communities < 2 or 2 * len(defined) < len(drawn):
        return Interval(value=value)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))
