"""Statistics over all published quarters: those that a reader of this quarter's report should see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.monitoring import QuarterMonitoring, Reading, Trend
from schemas.terms import Quarter

#: trends that are kept of a quarter
MOST = 8


def telling_trends(
    quarter: Quarter, readings: Iterable[Reading], earlier: Sequence[QuarterMonitoring]
) -> tuple[Trend, ...]:
    """Return the trends of the readings that rang, then of those furthest from what was expected, at most `MOST`.

    Parameters
    ----------
    earlier
        The monitoring of the earlier published quarters, oldest first.
    """
    judged = [reading for reading in readings if reading.expected is not None]
    told = sorted(judged, key=lambda one: (not one.alarmed, -abs(one.score or 0.0), one.subject, one.statistic))[:MOST]
    values = [{(one.subject, one.statistic): one.value for one in quarterly.readings} for quarterly in earlier]
    return tuple(
        Trend(
            kind=one.kind,
            subject=one.subject,
            statistic=one.statistic,
            quarters=(*(quarterly.quarter for quarterly in earlier), quarter),
            values=(*(known.get((one.subject, one.statistic)) for known in values), one.value),
            limit=one.limit,
            alarmed=one.alarmed,
        )
        for one in told
    )
