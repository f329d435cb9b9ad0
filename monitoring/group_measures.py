"""How groups of firms fare by a score: adverse impact, equal opportunity and calibration, with intervals.

Firms of one community share much, so that intervals come from whole communities drawn with replacement
(`models.bootstrap`). Groups below the declared minimum get no statistic: they are counted, named, and not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.bootstrap import cluster_weights, percentile_interval
from schemas.fair_lending import GroupMeasures, Score, ScoreFairness
from schemas.portfolio import ColumnSpec
from schemas.results import Interval
from schemas.specs import GatesSpec

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: in no group, because a value is not known
NOBODY = -1
_NONE = Interval(value=None)
_NO_OUTCOME = "no held-out outcome is known"


@dataclass(frozen=True)
class Grouping:
    """The groups of one attribute, or of two together, that firms may belong to.

    Attributes
    ----------
    groups
        Each with its value of every attribute; `reference` is the place of the reference group among them.
    """

    columns: tuple[ColumnSpec, ...]
    groups: tuple[tuple[str, ...], ...]
    reference: int

    @classmethod
    def of(cls, columns: Sequence[ColumnSpec]) -> Grouping:
        """Return all combinations of the values of the attributes."""
        groups = tuple(product(*(column.values for column in columns)))
        return cls(tuple(columns), groups, groups.index(tuple(str(column.reference) for column in columns)))

    def codes(self, attributes: pl.DataFrame) -> NDArray[np.int64]:
        """Return each row's place among the groups, (n,); `NOBODY` where a value is not known."""
        codes, known = np.zeros(len(attributes), dtype=np.int64), np.ones(len(attributes), dtype=np.bool_)
        for column in self.columns:
            places = {value: place for place, value in enumerate(column.values)}
            own = attributes[column.name].replace_strict(places, default=NOBODY, return_dtype=pl.Int64).to_numpy()
            known &= own != NOBODY
            codes = codes * len(column.values) + own
        return np.where(known, codes, NOBODY)


def groupings(protected: Sequence[ColumnSpec], watched: Sequence[ColumnSpec] = ()) -> tuple[Grouping, ...]:
    """Return every attribute by itself, then every two of them of which one at least is protected."""
    every = (*protected, *watched)
    pairs = [pair for pair in combinations(every, 2) if pair[0] in protected]
    return tuple(Grouping.of(columns) for columns in (*((column,) for column in every), *pairs))


class Resampled:
    """Sums over groups on the rows as they are and on resamples of whole communities.

    Parameters
    ----------
    communities : (n,)
        As in `models.bootstrap.cluster_weights`, whose resamples these are.
    """

    def __init__(self, communities: NDArray[np.str_], *, draws: int, seed: int) -> None:
        self.names, self._of_row = np.unique(communities, return_inverse=True)
        drawn = cluster_weights(self.names, draws=draws, seed=seed)
        self._weights = np.concatenate([np.ones((1, len(self.names))), drawn])

    def sums(self, codes: NDArray[np.int64], groups: int, values: Floats | Flags | None = None) -> Floats:
        """Sum `values` (ones by default) over the rows of each group: (1 + draws, groups), rows as they are first."""
        there = codes != NOBODY
        cells = self._of_row[there] * groups + codes[there]
        weights = None if values is None else np.asarray(values, dtype=np.float64)[there]
        # Rows are summed up by community first, of which there are few.
        table = np.bincount(cells, weights=weights, minlength=len(self.names) * groups)
        return np.asarray(self._weights @ table.reshape(len(self.names), groups).astype(np.float64))

    def interval(self, statistic: Floats) -> Interval:
        """Return a statistic, (1 + draws,), NaN where undefined, with its 95 % interval over communities."""
        value = None if np.isnan(statistic[0]) else float(statistic[0])
        return percentile_interval(value, statistic[1:], self.names)


@dataclass(frozen=True)
class ScoredRows:
    """Rows with what a score says of them.

    Attributes
    ----------
    favourable : (n,)
        Whether the prediction is a favourable one.
    estimate, observed : (n,), optional
        The score, and what it ought to be on average, where outcomes are known.
    turned_out_well : (n,), optional
        Whether the outcome was favourable.
    """

    attributes: pl.DataFrame
    resampled: Resampled
    favourable: Flags
    estimate: Floats | None = None
    observed: Floats | None = None
    turned_out_well: Flags | None = None


def score_fairness(
    score: Score, scored: ScoredRows, known: ScoredRows | None, groups: Sequence[Grouping], gates: GatesSpec
) -> ScoreFairness:
    """Measure every group by one score.

    Parameters
    ----------
    scored
        The firms of the quarter.
    known
        Held-out firm-quarters with outcomes; None if there are none.
    """
    found = [
        measured
        for grouping in groups
        for measured in _measured(grouping, _Impact(grouping, scored, gates), known, gates)
    ]
    return ScoreFairness(score=score, groups=tuple(found))


def impact_ratios(grouping: Grouping, scored: ScoredRows, gates: GatesSpec) -> dict[int, Floats]:
    """Return the impact ratio of each group that is judged, (1 + draws,), by its place; the reference has none."""
    impact = _Impact(grouping, scored, gates)
    return {
        place: impact.ratio(place)
        for place in range(len(grouping.groups))
        if place != grouping.reference and not impact.reason(place)
    }


class _Impact:
    """Favourable predictions by group."""

    def __init__(self, grouping: Grouping, rows: ScoredRows, gates: GatesSpec) -> None:
        codes, size = grouping.codes(rows.attributes), len(grouping.groups)
        self.resampled, self.reference, self.least = rows.resampled, grouping.reference, gates.least_group_size
        self.firms = rows.resampled.sums(codes, size)
        self.rates = _ratio(rows.resampled.sums(codes, size, rows.favourable), self.firms)

    def ratio(self, place: int) -> Floats:
        return _ratio(self.rates[:, place], self.rates[:, self.reference])

    def unfavourable_ratio(self, place: int) -> Floats:
        return _ratio(1 - self.rates[:, place], 1 - self.rates[:, self.reference])

    def reason(self, place: int) -> str:
        """Say why a group is not judged."""
        count, base = self.firms[0, place], self.firms[0, self.reference]
        if count < self.least:
            return f"{count:,.0f} firms, fewer than {self.least}"
        if base < self.least:
            return f"the reference group has {base:,.0f} firms, fewer than {self.least}"
        return "" if self.rates[0, self.reference] else "the reference group has no favourable prediction"


class _Outcomes:
    """Favourable predictions among those that turned out well, and estimates beside what was observed, by group."""

    def __init__(self, grouping: Grouping, rows: ScoredRows, gates: GatesSpec) -> None:
        assert rows.estimate is not None
        assert rows.observed is not None
        assert rows.turned_out_well is not None
        codes, size = grouping.codes(rows.attributes), len(grouping.groups)
        self.resampled, self.reference, self.least = rows.resampled, grouping.reference, gates.least_group_outcomes
        self.rows = rows.resampled.sums(codes, size)
        self.well = rows.resampled.sums(codes, size, rows.turned_out_well)
        self.favoured = _ratio(rows.resampled.sums(codes, size, rows.turned_out_well & rows.favourable), self.well)
        self.estimates = _ratio(rows.resampled.sums(codes, size, rows.estimate), self.rows)
        self.observed = _ratio(rows.resampled.sums(codes, size, rows.observed), self.rows)

    def opportunity_reason(self, place: int) -> str:
        for of, which in ((place, ""), (self.reference, "the reference group has ")):
            if self.well[0, of] < self.least:
                return f"{which}{self.well[0, of]:,.0f} favourable outcomes, fewer than {self.least}"
        return ""

    def calibration_reason(self, place: int) -> str:
        badly = self.rows[0, place] - self.well[0, place]
        for count, which in ((self.well[0, place], "favourable"), (badly, "unfavourable")):
            if count < self.least:
                return f"{count:,.0f} {which} outcomes, fewer than {self.least}"
        return ""


def _measured(
    grouping: Grouping, impact: _Impact, known: ScoredRows | None, gates: GatesSpec
) -> Iterator[GroupMeasures]:
    outcomes = None if known is None else _Outcomes(grouping, known, gates)
    for place, group in enumerate(grouping.groups):
        rate, reason = impact.rates[0, place], impact.reason(place)
        judged = place != grouping.reference and not reason
        measured = GroupMeasures(
            attributes=tuple(column.name for column in grouping.columns),
            group=group,
            reference=grouping.groups[grouping.reference],
            firms=int(impact.firms[0, place]),
            favourable_rate=None if np.isnan(rate) else float(rate),
            impact_ratio=impact.resampled.interval(impact.ratio(place)) if judged else _NONE,
            unfavourable_ratio=impact.resampled.interval(impact.unfavourable_ratio(place)) if judged else _NONE,
            impact_reason=reason,
            opportunity_reason=_NO_OUTCOME,
            calibration_reason=_NO_OUTCOME,
        )
        yield measured if outcomes is None else measured.model_copy(update=_of_outcomes(outcomes, place))


def _of_outcomes(outcomes: _Outcomes, place: int) -> dict[str, object]:
    opportunity, calibration = outcomes.opportunity_reason(place), outcomes.calibration_reason(place)
    rows, resampled = int(outcomes.rows[0, place]), outcomes.resampled
    difference = outcomes.favoured[:, place] - outcomes.favoured[:, outcomes.reference]
    gap = outcomes.estimates[:, place] - outcomes.observed[:, place]
    compared = place != outcomes.reference
    return {
        "outcomes": rows,
        "favourable_outcomes": int(outcomes.well[0, place]),
        "opportunity_difference": resampled.interval(difference) if compared and not opportunity else _NONE,
        "mean_estimate": float(outcomes.estimates[0, place]) if rows else None,
        "mean_observed": float(outcomes.observed[0, place]) if rows else None,
        "calibration_gap": _NONE if calibration else resampled.interval(gap),
        "opportunity_reason": opportunity,
        "calibration_reason": calibration,
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.full_like(part, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
