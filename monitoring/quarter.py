"""The monitoring of one quarter: what moved since the quarter before, held against what ordinarily moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from models.column_distances import (
    CHANCE,
    KOLMOGOROV_SMIRNOV,
    adjusted_chances,
    category_measures,
    kolmogorov_smirnov_chance,
    number_measures,
    went_missing,
)
from models.corporate_graph import CorporateGraph
from models.graph_comparison import ComparedGraph, graph_measures
from models.measures import Measured
from models.text_drift import TextMove, text_measures
from monitoring.baseline import held_against_history
from monitoring.column_drift import Columns
from monitoring.feature_drift import feature_columns
from monitoring.trends import telling_trends
from schemas.monitoring import Alarm, AlarmKind, QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.results import Drift
from schemas.specs import GatesSpec
from schemas.terms import Quarter

#: how statistics end that are held against a fixed limit
FIXED = ", fixed limit"


class Measures(NamedTuple):
    """What was measured of a quarter's features and graph against the quarter before."""

    features: tuple[Measured, ...]
    graph: tuple[Measured, ...]


def quarter_measures(
    before: ComparedGraph, after: ComparedGraph, portfolio: PortfolioSpec, texts: Sequence[TextMove] = ()
) -> Measures:
    """Measure a quarter against the one before: every feature and the texts, then the graph."""
    features = feature_measures(before.graph, after.graph, portfolio)
    return Measures((*features, *text_measures(texts)), graph_measures(before, after))


def feature_measures(before: CorporateGraph, after: CorporateGraph, portfolio: PortfolioSpec) -> tuple[Measured, ...]:
    """Measure every feature against the quarter before: distances on at most `gates.drift_rows` firms."""
    old, new = feature_columns(before, portfolio), feature_columns(after, portfolio)
    found = list(_went_missing(before, after, old, new))
    old, new = (columns.sampled(portfolio.gates.drift_rows) for columns in (old, new))
    for name in (name for name in new.numbers if name in old.numbers):
        found += number_measures(name, old.numbers[name], new.numbers[name])
    for name in (name for name in new.categories if name in old.categories):
        codes, values = new.categories[name]
        found += category_measures(name, old.categories[name][0], codes, len(values))
    return (*found, *_corrected_chances(found, old, new))


def _corrected_chances(found: Iterable[Measured], old: Columns, new: Columns) -> Iterator[Measured]:
    """Tell of each column how likely its distance is where nothing moved, corrected for the number of columns.

    Shown and held against nothing: of many firms the smallest move is significant, which is why limits come from
    what columns ordinarily do.
    """
    distances = [one for one in found if one.statistic == KOLMOGOROV_SMIRNOV and one.value is not None]
    sizes = [[int((~np.isnan(side.numbers[one.subject])).sum()) for side in (old, new)] for one in distances]
    chances = [kolmogorov_smirnov_chance(one.value or 0.0, *size) for one, size in zip(distances, sizes, strict=True)]
    for one, chance in zip(distances, adjusted_chances(chances), strict=True):
        yield Measured(one.subject, CHANCE, float(chance), direction="shown")


def _went_missing(before: CorporateGraph, after: CorporateGraph, old: Columns, new: Columns) -> Iterator[Measured]:
    _, rows, places = np.intersect1d(before.firms, after.firms, assume_unique=True, return_indices=True)
    for name in (name for name in new.numbers if name in old.numbers):
        yield went_missing(name, ~np.isnan(old.numbers[name][rows]), ~np.isnan(new.numbers[name][places]))
    for name in (name for name in new.categories if name in old.categories):
        yield went_missing(name, old.categories[name][0][rows] >= 0, new.categories[name][0][places] >= 0)


def monitored_quarter(
    portfolio: PortfolioSpec,
    quarter: Quarter,
    measures: Measures,
    earlier: Sequence[QuarterMonitoring],
    fixed: tuple[Drift, Drift],
) -> QuarterMonitoring:
    """Hold what was measured against the earlier quarters, and raise the alarms.

    Parameters
    ----------
    earlier
        The monitoring of the earlier published quarters, oldest first.
    fixed
        Feature drift and graph drift against fixed limits: they ring while there are fewer earlier quarters than
        `gates.baseline_quarters`.
    """
    history = values_by_statistic(earlier)
    readings: list[Reading] = []
    kinds: tuple[tuple[AlarmKind, tuple[Measured, ...], Drift], ...] = (
        ("feature", measures.features, fixed[0]),
        ("graph", measures.graph, fixed[1]),
    )
    for kind, measured, drift in kinds:
        found = held_against_history(kind, measured, history, portfolio.gates)
        if not any(reading.limit is not None for reading in found):
            found = (*found, *_against_fixed_limits(kind, drift, portfolio.gates))
        readings += found
    return QuarterMonitoring(
        portfolio=portfolio.name,
        quarter=quarter,
        expected_quarter=fixed[0].expected_quarter,
        baseline=tuple(one.quarter for one in earlier),
        readings=tuple(readings),
        alarms=raised_alarms(readings),
        trends=telling_trends(quarter, readings, earlier),
    )


def values_by_statistic(earlier: Sequence[QuarterMonitoring]) -> dict[tuple[str, str], list[float]]:
    """Return the values of each statistic of each subject, in the order of the quarters."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in earlier:
        for reading in one.readings:
            if reading.value is not None:
                values[reading.subject, reading.statistic].append(reading.value)
    return dict(values)


def raised_alarms(readings: Iterable[Reading]) -> tuple[Alarm, ...]:
    """Return one alarm for each subject that rings: of its statistic that lies furthest off, naming the others."""
    ringing: dict[tuple[AlarmKind, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.alarmed:
            ringing[reading.kind, reading.subject].append(reading)
    return tuple(_alarm(found) for found in ringing.values())


def _alarm(found: list[Reading]) -> Alarm:
    worst = max(found, key=lambda reading: abs(reading.score) if reading.score is not None else float("inf"))
    value, limit = worst.value or 0.0, worst.limit or 0.0
    others = [reading.statistic for reading in found if reading is not worst]
    return Alarm(
        kind=worst.kind,
        subject=worst.subject,
        statistic=worst.statistic,
        value=value,
        limit=limit,
        sentence=_sentence(worst, value, limit) + (f" So are: {'; '.join(others)}." if others else ""),
    )


def _sentence(reading: Reading, value: float, limit: float) -> str:
    side, statistic = "above" if value > limit else "below", reading.statistic.removesuffix(FIXED)
    text = f"{reading.subject}: {statistic} is {value:.4g}, {side} the"
    if reading.expected is None:
        return f"{text} fixed limit of {limit:.4g}."
    return f"{text} limit of {limit:.4g}; the quarters before made {reading.expected:.4g} expected."


def _against_fixed_limits(kind: AlarmKind, drift: Drift, gates: GatesSpec) -> Iterable[Reading]:
    """Hold columns against their fixed limits; features only if more of them drifted than the gate allows."""
    share = drift.drifted_share or 0.0
    broken = kind != "feature" or share > gates.drifted_feature_share
    return (
        Reading(
            kind=kind,
            subject=column.column,
            statistic=f"{column.method}{FIXED}",
            value=column.value,
            limit=column.limit,
            alarmed=broken and column.drifted,
            reason="" if column.value is not None else "no value in one of the quarters",
        )
        for column in drift.columns
    )
