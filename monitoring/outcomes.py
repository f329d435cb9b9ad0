"""Published scores against what became of the firms, and what to expect of those whose outcomes are not known yet.

A refresh scores the firms of a quarter; one label horizon later their outcomes are known, and nothing was fitted on
them when they were scored. Calibration is told by quarter and by grade, separation against the sample the candidate
was accepted on. Until then there is an estimate from the probabilities alone (`models.performance_estimation`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.bootstrap import DEFINED_SHARE, TAIL, AucChange, auc_change
from models.irb_calibration import GradeDraws, grade_draws, grade_p_by_community
from models.performance_estimation import drawn_performance, expected_auc, expected_confusion
from models.rating_scale import grades_of
from monitoring.calibration import excess_calibration_gap
from monitoring.irb import DRAWS, RatedRows, traffic_light
from schemas.monitoring import Alarm, Reading
from schemas.performance import (
    AwaitedVintage,
    Confusion,
    Performance,
    PerformanceEstimate,
    RealisedCalibration,
    RealisedVintage,
)
from schemas.portfolio import PortfolioSpec
from schemas.results import Interval
from schemas.terms import Quarter

#: a firm whose outcome is not known
UNKNOWN = -1
#: with fewer of either class, an AUC says what those few firms happened to be
_LEAST_A_CLASS = 2


@dataclass(frozen=True)
class ScoredQuarter:
    """The firms of a quarter as a refresh scored them; n firms.

    Attributes
    ----------
    version
        In the model registry; None where it is still to be registered.
    probability, called : (n,)
        Of the unfavourable outcome, and whether the firm was called unfavourable.
    communities : (n,)
        Names; those of `validation` are of the same naming.
    outcome : (n,) int64, optional
        1 where the unfavourable outcome occurred, 0 where it did not, `UNKNOWN`; None while the quarter is not closed.
    validation
        The rows that the candidate was accepted on.
    """

    quarter: Quarter
    refresh: str
    version: str | None
    candidate: str
    probability: npt.NDArray[np.float64]
    called: npt.NDArray[np.bool_]
    communities: npt.NDArray[np.str_]
    outcome: npt.NDArray[np.int64] | None = None
    validation: RatedRows | None = None


def performance(
    scored: Sequence[ScoredQuarter], portfolio: PortfolioSpec, quarter: Quarter, left_out: Mapping[str, str]
) -> Performance:
    """Judge published scores by the outcomes known at the end of a quarter.

    Parameters
    ----------
    scored
        One a quarter, oldest first. Those without any known outcome are awaited.
    left_out
        Published quarters of which nothing can be said, each with the reason.
    """
    horizon = portfolio.target.horizon_quarters
    closed = [one for one in scored if one.outcome is not None and (one.outcome != UNKNOWN).any()]
    open_ones = [one for one in scored if one.outcome is None]
    unknown = {
        str(one.quarter): "its outcomes are due, and none of them has been delivered"
        for one in scored
        if one.outcome is not None and not (one.outcome != UNKNOWN).any()
    }
    realised = tuple(_realised(one, portfolio) for one in closed)
    readings = _readings(closed[-1], realised[-1], portfolio) if realised else ()
    return Performance(
        quarter=quarter,
        label=portfolio.target.label,
        horizon_quarters=horizon,
        realised=realised,
        grades=_pooled(closed, portfolio) if realised else (),
        awaited=tuple(_awaited(one, portfolio) for one in open_ones),
        left_out={**left_out, **unknown},
        readings=readings,
        alarms=tuple(_alarm(one, realised[-1].quarter) for one in readings if one.alarmed),
        reason="" if scored or left_out else "nothing of this portfolio has been published",
    )


def estimate(
    probability: npt.NDArray[np.float64], called: npt.NDArray[np.bool_], *, draws: int, seed: int
) -> PerformanceEstimate:
    """Say what to expect of scores if every probability is right (`models.performance_estimation`).

    Parameters
    ----------
    probability, called : (n,)
        As in `ScoredQuarter`; n >= 1.
    """
    tp, fp, fn, tn = expected_confusion(probability, called)
    drawn = drawn_performance(probability, called, draws=draws, seed=seed)
    return PerformanceEstimate(
        firms=len(probability),
        defaults=_within(tp + fn, drawn.defaults),
        auc=_within(expected_auc(probability), drawn.auc),
        accuracy=_within((tp + tn) / len(probability), drawn.accuracy),
        brier=float(np.mean(probability * (1 - probability))),
        confusion=Confusion(true_positives=tp, false_positives=fp, false_negatives=fn, true_negatives=tn),
    )


def _realised(one: ScoredQuarter, portfolio: PortfolioSpec) -> RealisedVintage:
    settings, scale = portfolio.evaluation, portfolio.master_scale
    known = _known(one)
    happened, called = known.outcome, one.called[one.outcome != UNKNOWN]
    grades = grades_of(known.probability, scale)
    drawn = grade_draws(
        happened, known.probability, grades, known.communities, count=len(scale.grades), draws=DRAWS, seed=settings.seed
    )
    auc = _auc(known, one.validation, draws=settings.bootstrap_draws, seed=settings.seed)
    return RealisedVintage(
        quarter=one.quarter,
        closed=one.quarter.shifted(portfolio.target.horizon_quarters),
        refresh=one.refresh,
        version=one.version or "",
        candidate=one.candidate,
        scored=len(one.probability),
        known=len(happened),
        overall=_calibration("all", known, drawn, None),
        grades=tuple(
            _calibration(scale.grades[grade].name, known, drawn, grade, grades == grade)
            for grade in np.unique(grades).tolist()
        ),
        auc=auc.current,
        auc_at_validation=auc.initial,
        auc_change=auc.change,
        accuracy=float(np.mean(happened == called)),
        confusion=Confusion(
            true_positives=float(np.sum(happened & called)),
            false_positives=float(np.sum(~happened & called)),
            false_negatives=float(np.sum(happened & ~called)),
            true_negatives=float(np.sum(~happened & ~called)),
        ),
        estimate=estimate(known.probability, called, draws=settings.bootstrap_draws, seed=settings.seed),
    )


def _awaited(one: ScoredQuarter, portfolio: PortfolioSpec) -> AwaitedVintage:
    settings = portfolio.evaluation
    return AwaitedVintage(
        quarter=one.quarter,
        closes=one.quarter.shifted(portfolio.target.horizon_quarters),
        refresh=one.refresh,
        version=one.version,
        candidate=one.candidate,
        estimate=estimate(one.probability, one.called, draws=settings.bootstrap_draws, seed=settings.seed),
    )


def _pooled(closed: Sequence[ScoredQuarter], portfolio: PortfolioSpec) -> tuple[RealisedCalibration, ...]:
    """Return the calibration of each grade over all realised quarters, then of all grades together."""
    parts, scale = [_known(one) for one in closed], portfolio.master_scale
    every = RatedRows(
        outcome=np.concatenate([part.outcome for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
        communities=np.concatenate([part.communities for part in parts]),
    )
    grades = grades_of(every.probability, scale)
    count, seed = len(scale.grades), portfolio.evaluation.seed
    drawn = grade_draws(
        every.outcome, every.probability, grades, every.communities, count=count, draws=DRAWS, seed=seed
    )
    return (
        *(
            _calibration(scale.grades[grade].name, every, drawn, grade, grades == grade)
            for grade in np.unique(grades).tolist()
        ),
        _calibration("all", every, drawn, None),
    )


def _known(one: ScoredQuarter) -> RatedRows:
    assert one.outcome is not None
    there = one.outcome != UNKNOWN
    return RatedRows(one.outcome[there] == 1, one.probability[there], one.communities[there])


def _calibration(
    name: str, rows: RatedRows, drawn: GradeDraws, grade: int | None, inside: npt.NDArray[np.bool_] | None = None
) -> RealisedCalibration:
    outcome = rows.outcome if inside is None else rows.outcome[inside]
    probability = rows.probability if inside is None else rows.probability[inside]
    columns = slice(None) if grade is None else slice(grade, grade + 1)
    communities = drawn.communities if grade is None else int(drawn.communities_by_grade[grade])
    firms, defaults = (counts[:, columns].sum(axis=1) for counts in (drawn.firms, drawn.defaults))
    rates = np.full(len(firms), np.nan)
    np.divide(defaults, firms, out=rates, where=firms > 0)
    rate = float(outcome.mean())
    p_value = grade_p_by_community(drawn, grade)
    return RealisedCalibration(
        grade=name,
        firms=len(outcome),
        defaults=int(outcome.sum()),
        expected_rate=float(probability.mean()),
        observed_rate=_within(rate, rates) if communities > 1 and 0 < rate < 1 else Interval(value=rate),
        by_community=p_value,
        light=traffic_light(p_value),
    )


def _auc(rows: RatedRows, validation: RatedRows | None, *, draws: int, seed: int) -> AucChange:
    if _too_few(rows) or validation is None or _too_few(validation):
        nothing = Interval(value=None)
        alone = nothing if _too_few(rows) else auc_change(_sides(rows), _sides(rows), draws=draws, seed=seed).current
        return AucChange(alone, nothing, nothing)
    return auc_change(_sides(rows), _sides(validation), draws=draws, seed=seed)


def _too_few(rows: RatedRows) -> bool:
    return bool(min(rows.outcome.sum(), (~rows.outcome).sum()) < _LEAST_A_CLASS)


def _sides(
    rows: RatedRows,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.str_]]:
    clipped = np.clip(rows.probability, 0.0, 1.0)
    return rows.outcome.astype(np.int64), np.stack([1 - clipped, clipped], axis=-1), rows.communities


def _readings(one: ScoredQuarter, newest: RealisedVintage, portfolio: PortfolioSpec) -> tuple[Reading, ...]:
    known, gates = _known(one), portfolio.gates
    gap = excess_calibration_gap(known.outcome, known.probability)
    drop = None if newest.auc_change.value is None else -newest.auc_change.value
    missing = "fewer than two firms of a class, now or at validation" if drop is None else ""
    return (
        _reading("AUC below the one at validation", drop, gates.maximum_auc_drop, missing),
        _reading("calibration gap beyond chance", gap, gates.maximum_calibration_gap),
    )


def _reading(statistic: str, value: float | None, limit: float, reason: str = "") -> Reading:
    return Reading(
        kind="performance",
        subject="model",
        statistic=statistic,
        value=value,
        limit=limit,
        alarmed=value is not None and value > limit,
        reason=reason,
    )


def _alarm(reading: Reading, quarter: Quarter) -> Alarm:
    assert reading.value is not None
    assert reading.limit is not None
    return Alarm(
        kind="performance",
        subject=reading.subject,
        statistic=reading.statistic,
        value=reading.value,
        limit=reading.limit,
        sentence=f"The scores of {quarter}: {reading.statistic} is {reading.value:.3f}, limit {reading.limit:g}.",
    )


def _within(value: float | None, drawn: npt.NDArray[np.float64]) -> Interval:
    """Return a value with the middle 95 % of its draws, if it is defined in at least half of them."""
    defined = drawn[~np.isnan(drawn)]
    if value is None or math.isnan(value) or len(defined) < DEFINED_SHARE * len(drawn):
        return Interval(value=value)
    low, high = np.quantile(defined, [TAIL, 1 - TAIL])
    return Interval(value=value, low=float(low), high=float(high))
