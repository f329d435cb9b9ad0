"""Alarms of the drift gates: what a quarter's drift against an earlier one amounts to."""

from __future__ import annotations

from collections.abc import Iterator

from models.corporate_graph import CorporateGraph
from monitoring.feature_drift import feature_drift
from monitoring.graph_drift import graph_drift
from schemas.monitoring import Alarm, AlarmKind, QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.results import Drift
from schemas.terms import Quarter


def gate_monitoring(expected: CorporateGraph, actual: CorporateGraph, portfolio: PortfolioSpec) -> QuarterMonitoring:
    """Compare two quarters' graphs; what is beyond its limit alarms if the gate of its kind is broken.

    The gate on features is broken by more than `gates.drifted_feature_share` of them, the gate on the graph by any of
    its statistics.
    """
    features, graph = feature_drift(expected, actual, portfolio), graph_drift(expected, actual, portfolio.gates)
    share = features.drifted_share
    broken = share is not None and share > portfolio.gates.drifted_feature_share
    readings = (*_readings("feature", features, broken=broken), *_readings("graph", graph, broken=True))
    return QuarterMonitoring(
        portfolio=portfolio.name,
        quarter=Quarter.of(actual.as_of),
        expected_quarter=features.expected_quarter,
        baseline=(),
        readings=readings,
        alarms=tuple(_alarm(reading, features.expected_quarter) for reading in readings if reading.alarmed),
    )


def _readings(kind: AlarmKind, drift: Drift, *, broken: bool) -> Iterator[Reading]:
    for column in drift.columns:
        yield Reading(
            kind=kind,
            subject=column.column,
            statistic=column.method,
            value=column.value,
            limit=column.limit,
            alarmed=broken and column.drifted,
            reason="" if column.value is not None else "nothing to compare",
        )


def _alarm(reading: Reading, expected: Quarter | None) -> Alarm:
    value, limit = reading.value or 0.0, reading.limit or 0.0
    return Alarm(
        kind=reading.kind,
        subject=reading.subject,
        statistic=reading.statistic,
        value=value,
        limit=limit,
        sentence=f"The {reading.kind} {reading.subject} moved by {value:.3f} since {expected} ({reading.statistic}; "
        f"limit {limit:g}).",
    )
