"""Score drift: how firms' scores and grades moved since the quarter published before, and what moved them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from models.column_distances import STABILITY_INDEX, number_measures
from models.measures import Direction, Measured, Vector, share, undefined
from models.score_shift import ShiftParts
from monitoring.baseline import held_against_history
from monitoring.quarter import FIXED, raised_alarms, values_by_statistic
from monitoring.score_migration import class_migration, grade_migration
from monitoring.scored_quarters import ComparedScores, firm_shifts
from monitoring.trends import telling_trends
from schemas.monitoring import QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.score_drift import FirmShift, PartName, ScoreDrift, ShiftPart

#: the subject of every reading
SCORES = "scores"
GRADE_CHANGED = "firms in another grade"
MEAN_SHIFT = "mean shift"
_BY = "mean absolute shift by {}"
#: firms that are shown one by one
MOST = 15
_BINS = 10


def score_drift(compared: ComparedScores, parts: ShiftParts | None, parts_reason: str = "") -> ScoreDrift:
    """Compare the scores of two quarters.

    Parameters
    ----------
    parts
        Of the shifts of the firms in both, ascending by id; None where they could not be taken apart.
    parts_reason
        Why they could not, or why own features and neighbourhood could not be told apart.
    """
    before, after = compared.shared()
    rows, places = compared.in_both
    some = len(rows) > 0
    return ScoreDrift(
        expected_quarter=compared.before.quarter,
        candidate_before=compared.before.candidate,
        candidate=compared.after.candidate,
        firms=len(rows),
        new=len(compared.after.firms) - len(places),
        gone=len(compared.before.firms) - len(rows),
        mean_before=float(before.mean()) if some else None,
        mean_after=float(after.mean()) if some else None,
        stability_index=next((one.value for one in _distances(compared) if one.statistic == STABILITY_INDEX), None),
        migrations=(grade_migration(compared), class_migration(compared)) if some else (),
        parts=tuple(_summaries(parts)) if parts is not None and some else (),
        parts_reason=parts_reason,
        largest=tuple(
            _shift(row) for row in firm_shifts(compared, parts).head(min(MOST, len(rows))).iter_rows(named=True)
        ),
    )


def score_measures(compared: ComparedScores, parts: ShiftParts | None) -> tuple[Measured, ...]:
    """Return the numbers that are held against the earlier quarters, each with its sampling error."""
    before, after = compared.shared()
    rows, places = compared.in_both
    old, new = compared.grades()
    found = [*_distances(compared), share(SCORES, GRADE_CHANGED, old[rows] != new[places])]
    found.append(_mean(MEAN_SHIFT, after - before))
    if parts is not None:
        found += [_mean(_BY.format(name), np.abs(values), "up") for name, values in _named(parts)]
    return tuple(found)


def with_scores(
    found: QuarterMonitoring,
    measured: Sequence[Measured],
    earlier: Sequence[QuarterMonitoring],
    portfolio: PortfolioSpec,
) -> QuarterMonitoring:
    """Add readings of the scores to a quarter's monitoring, and what alarms and trends follow from them.

    While there are fewer earlier quarters than `gates.baseline_quarters`, the population stability index is held
    against `gates.score_drift_limit`.
    """
    gates = portfolio.gates
    readings = held_against_history("score", measured, values_by_statistic(earlier), gates)
    if not any(reading.limit is not None for reading in readings):
        readings = (
            *readings,
            *(_fixed(one, gates.score_drift_limit) for one in measured if one.statistic == STABILITY_INDEX),
        )
    return found.model_copy(
        update={
            "readings": (*found.readings, *readings),
            "alarms": (*found.alarms, *raised_alarms(readings)),
            "trends": telling_trends(found.quarter, (*found.readings, *readings), earlier),
        }
    )


def _fixed(one: Measured, limit: float) -> Reading:
    return Reading(
        kind="score",
        subject=one.subject,
        statistic=f"{one.statistic}{FIXED}",
        value=one.value,
        limit=limit,
        alarmed=one.value is not None and one.value > limit,
        reason=one.reason,
    )


def _distances(compared: ComparedScores) -> Iterator[Measured]:
    """Yield the distances of all scores then and now, each held against its own past."""
    before, after = compared.before.scores, compared.after.scores
    for one in number_measures(SCORES, before, after):
        if one.statistic == STABILITY_INDEX:
            # What it is on average where nothing moved: chi-squared with a degree of freedom less than bins.
            error = (_BINS - 1) * (1 / len(before) + 1 / len(after))
            yield Measured(SCORES, STABILITY_INDEX, one.value, error, "up")
        elif one.direction != "shown":
            yield one


def _mean(statistic: str, values: Vector, direction: Direction = "both") -> Measured:
    if len(values) < 2:
        return undefined(SCORES, statistic, f"{len(values)} firms in both quarters")
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return Measured(SCORES, statistic, float(values.mean()), error, direction)


def _named(parts: ShiftParts) -> Iterator[tuple[PartName, Vector]]:
    if parts.own is None or parts.neighbourhood is None:
        yield "inputs", parts.inputs
    else:
        yield "own features", parts.own
        yield "neighbourhood", parts.neighbourhood
    yield "model", parts.model


def _summaries(parts: ShiftParts) -> Iterator[ShiftPart]:
    sizes = {name: float(np.abs(values).mean()) for name, values in _named(parts)}
    total = sum(sizes.values())
    for name, values in _named(parts):
        yield ShiftPart(
            part=name,
            mean=float(values.mean()),
            mean_absolute=sizes[name],
            share=sizes[name] / total if total else None,
        )


def _shift(row: dict[str, object]) -> FirmShift:
    return FirmShift.model_validate({name: row[name] for name in FirmShift.model_fields})
