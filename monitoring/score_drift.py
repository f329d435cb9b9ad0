"""Score drift: how firms' scores and grades moved since the quarter published before, and what moved them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.column_distances import STABILITY_INDEX, number_measures
from models.measures import Direction, Measured, Vector, share, undefined
from models.rating_scale import grades_of
from models.score_shift import ShiftParts
from monitoring.baseline import held_against_history
from monitoring.quarter import raised_alarms, values_by_statistic
from monitoring.trends import telling_trends
from schemas.monitoring import QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.score_drift import FirmShift, PartName, ScoreDrift, ScoreMigration, ShiftPart
from schemas.terms import Quarter

#: the subject of every reading
SCORES = "scores"
GRADE_CHANGED = "firms in another grade"
MEAN_SHIFT = "mean shift"
_BY = "mean absolute shift by {}"
#: firms that are shown one by one
MOST = 15
_BINS = 10


@dataclass(frozen=True)
class Scored:
    """The scores of a quarter.

    Attributes
    ----------
    firms : (n,) str
        Ascending.
    scores : (n,)
        Probability of an unfavourable outcome.
    classes : (n,) str
        Predicted class.
    """

    quarter: Quarter
    candidate: str
    firms: NDArray[np.str_]
    scores: Vector
    classes: NDArray[np.str_]

    @classmethod
    def of(cls, quarter: Quarter, candidate: str, rows: pl.DataFrame) -> Scored:
        """Take the scores as they are published: ``firm_id``, ``unfavourable_probability``, ``predicted_class``."""
        rows = rows.sort("firm_id")
        return cls(
            quarter,
            candidate,
            rows["firm_id"].to_numpy().astype(np.str_),
            rows["unfavourable_probability"].to_numpy(),
            rows["predicted_class"].to_numpy().astype(np.str_),
        )


@dataclass(frozen=True)
class ComparedScores:
    """Two quarters' scores, with the places of the firms that are in both."""

    before: Scored
    after: Scored
    portfolio: PortfolioSpec

    @cached_property
    def in_both(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the firms of both quarters are in each, ascending by id."""
        _, rows, places = np.intersect1d(self.before.firms, self.after.firms, assume_unique=True, return_indices=True)
        return rows, places

    def shared(self) -> tuple[Vector, Vector]:
        """Return the scores then and now of the firms of both quarters, (n,) each."""
        rows, places = self.in_both
        return self.before.scores[rows], self.after.scores[places]

    def grades(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the grades then and now, by today's master scale; 0 is the best."""
        scale = self.portfolio.master_scale
        return grades_of(self.before.scores, scale), grades_of(self.after.scores, scale)


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
        migrations=(_grade_migration(compared), _class_migration(compared)) if some else (),
        parts=tuple(_summaries(parts)) if parts is not None and some else (),
        parts_reason=parts_reason,
        largest=tuple(
            _shift(row) for row in firm_shifts(compared, parts).head(min(MOST, len(rows))).iter_rows(named=True)
        ),
    )


def firm_shifts(compared: ComparedScores, parts: ShiftParts | None) -> pl.DataFrame:
    """Return a row a firm: those of both quarters, the furthest moved first, then the new ones and those that left."""
    names = [grade.name for grade in compared.portfolio.master_scale.grades]
    grades = [np.array(names)[codes] for codes in compared.grades()]
    sides = [
        pl.DataFrame(
            {
                "firm_id": side.firms,
                side_name: side.scores,
                f"grade_{side_name}": codes,
                f"class_{side_name}": side.classes,
            }
        )
        for side_name, side, codes in zip(("before", "after"), (compared.before, compared.after), grades, strict=True)
    ]
    rows, _ = compared.in_both
    nothing = np.full(len(rows), np.nan)
    taken = {
        "own": None if parts is None else parts.own,
        "neighbourhood": None if parts is None else parts.neighbourhood,
        "inputs": None if parts is None else parts.inputs,
        "model": None if parts is None else parts.model,
    }
    columns = {name: nothing if values is None else values for name, values in taken.items()}
    shifts = pl.DataFrame({"firm_id": compared.before.firms[rows], **columns}).with_columns(
        pl.col(*columns).fill_nan(None)
    )
    return (
        sides[0]
        .join(sides[1], on="firm_id", how="full", coalesce=True)
        .join(shifts, on="firm_id", how="left")
        .with_columns(
            shift=pl.col("after") - pl.col("before"),
            found=pl.when(pl.col("before").is_null())
            .then(pl.lit("new"))
            .when(pl.col("after").is_null())
            .then(pl.lit("gone"))
            .otherwise(pl.lit("both")),
        )
        .sort(
            pl.col("found").replace_strict({"both": 0, "new": 1, "gone": 2}),
            pl.col("shift").abs(),
            "firm_id",
            descending=[False, True, False],
        )
        .select("firm_id", "found", "before", "after", "shift", *columns, pl.col("^(grade|class)_.*$"))
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
        statistic=f"{one.statistic}, fixed limit",
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


def _grade_migration(compared: ComparedScores) -> ScoreMigration:
    old, new = compared.grades()
    names = tuple(grade.name for grade in compared.portfolio.master_scale.grades)
    rank = np.arange(len(names))
    return _migration("grade", compared, (old, new), names, rank)


def _class_migration(compared: ComparedScores) -> ScoreMigration:
    target = compared.portfolio.target
    place = {name: number for number, name in enumerate(target.classes)}
    codes = [
        np.array([place[name] for name in side.classes.tolist()], dtype=np.int64)
        for side in (compared.before, compared.after)
    ]
    rank = np.array([name not in target.favourable for name in target.classes], dtype=np.int64)
    return _migration("class", compared, (codes[0], codes[1]), target.classes, rank)


def _migration(
    by: str,
    compared: ComparedScores,
    codes: tuple[NDArray[np.int64], NDArray[np.int64]],
    names: tuple[str, ...],
    rank: NDArray[np.int64],
) -> ScoreMigration:
    rows, places = compared.in_both
    size = len(names)
    was, now = codes[0][rows], codes[1][places]
    counts = np.bincount(was * size + now, minlength=size**2).reshape(size, size)
    left, came = (
        np.bincount(np.delete(code, kept), minlength=size) for code, kept in zip(codes, (rows, places), strict=True)
    )
    return ScoreMigration(
        by="grade" if by == "grade" else "class",
        names=names,
        counts=tuple(tuple(row) for row in counts.tolist()),
        new=tuple(came.tolist()),
        gone=tuple(left.tolist()),
        stayed=float((was == now).mean()),
        worse=float((rank[now] > rank[was]).mean()),
        better=float((rank[now] < rank[was]).mean()),
    )


def _shift(row: dict[str, object]) -> FirmShift:
    return FirmShift.model_validate({name: row[name] for name in FirmShift.model_fields})
