"""Whether monitoring rings when something is planted in a quarter of `interbank`, and only then.

    make bench-drift

Every quarter from 2016Q2 to 2022Q4 is monitored against the one before, with limits from the quarters before that.
From 2018Q1 each kind of drift is planted in each quarter, by itself; a planted quarter is no baseline of later ones.
Writes benchmarks/results/drift.json and a table in docs/benchmarks.md; reads `interbank` from CREDITNET_DATA.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.firms import published_folder
from benchmarks.plantings import (
    doubling_possible,
    halved,
    merged_communities,
    missing_doubled,
    rewired,
    rewired_keeping_degrees,
    shifted,
    zeros_missing,
)
from benchmarks.recording import document, reached, record
from models.corporate_graph import CorporateGraph, corporate_graph
from models.graph_comparison import ComparedGraph
from monitoring.feature_drift import feature_drift
from monitoring.graph_drift import graph_drift
from monitoring.quarter import Measures, feature_measures, monitored_quarter, quarter_measures
from schemas.monitoring import QuarterMonitoring, Reading
from schemas.portfolio import PortfolioSpec
from schemas.results import Drift
from schemas.terms import Quarter
from tasks.portfolios import load_portfolio

SEED = 0
RELATION = "exposure"
FIRST, LAST, PLANTED_FROM = Quarter(2016, 1), Quarter(2022, 4), Quarter(2018, 1)
REWIRED = 0.1
SHIFT = 0.3
#: the kinds of the target; the others are shown beside them
ASKED = ("a tenth of the edges rewired", "a relation halved", "a feature shifted by .3 standard deviations",
         "missingness of a feature doubled", "the two largest communities merged")  # fmt: skip
HARDER = "a tenth of the edges rewired, degrees kept"
SERVED = "benchmarks.drift_served"

Planting = Callable[[ComparedGraph, np.random.Generator], CorporateGraph]
GRAPH_PLANTINGS: dict[str, Planting] = {
    ASKED[0]: lambda it, rng: rewired(it.graph, RELATION, REWIRED, rng),
    HARDER: lambda it, rng: rewired_keeping_degrees(it.graph, RELATION, REWIRED, rng),
    ASKED[1]: lambda it, rng: halved(it.graph, RELATION, rng),
    ASKED[4]: lambda it, rng: merged_communities(it.graph, RELATION, it.communities.names, rng),
}


def main() -> None:
    """Monitor, plant, and write what was found."""
    folder = published_folder("interbank")
    portfolio = load_portfolio("interbank")
    quarters = [quarter for quarter in _quarters() if quarter <= LAST]
    compared = [ComparedGraph.of(delivered(folder, portfolio, quarter), portfolio.graph) for quarter in quarters]
    ordinary = list(_monitored(portfolio, compared))
    found = {
        kind: list(_planted_graphs(portfolio, compared, ordinary, plant)) for kind, plant in GRAPH_PLANTINGS.items()
    }
    shift, every_shift = _planted_columns(portfolio, compared, ordinary, _shifted, lambda _: None)
    with_gaps = [replace(one, graph=zeros_missing(one.graph)) for one in compared]
    gaps = list(_monitored(portfolio, with_gaps, features_only=True))
    doubled, every_doubled = _planted_columns(portfolio, with_gaps, gaps, _doubled, doubling_possible)
    found |= {ASKED[2]: shift, ASKED[3]: doubled}
    _write(found, ordinary, {ASKED[2]: every_shift, ASKED[3]: every_doubled})


def delivered(folder: Path, portfolio: PortfolioSpec, quarter: Quarter) -> CorporateGraph:
    """Build a quarter's graph from its two tables as the portfolio's policies have it: negative exposures set aside."""
    known = {"published_on": quarter.end}
    banks = pl.read_parquet(folder / str(quarter) / "banks.parquet").with_columns(
        firm_id=pl.col("bank_id").cast(pl.String),
        period=pl.lit(str(quarter)),
        **{k: pl.lit(v) for k, v in known.items()},
    )
    exposures = pl.read_parquet(folder / str(quarter) / "exposures.parquet").filter(pl.col("exposure") >= 0)
    edges = exposures.select(
        source=pl.col("source_bank_id").cast(pl.String),
        target=pl.col("target_bank_id").cast(pl.String),
        weight=pl.col("exposure").cast(pl.Float64),
        published_on=pl.lit(quarter.end),
    )
    tables = {"firms": banks.select("firm_id", "published_on"), "filings": banks, f"relations:{RELATION}": edges}
    return corporate_graph(tables, portfolio, quarter.end)


def _quarters() -> Iterator[Quarter]:
    quarter = FIRST
    while quarter <= LAST:
        yield quarter
        quarter = quarter.shifted(1)


def _monitored(
    portfolio: PortfolioSpec, compared: list[ComparedGraph], *, features_only: bool = False
) -> Iterator[QuarterMonitoring]:
    """Monitor every quarter but the first, each with all those before as its baseline."""
    earlier: list[QuarterMonitoring] = []
    for before, after in pairwise(compared):
        measures = (
            Measures(feature_measures(before.graph, after.graph, portfolio), ())
            if features_only
            else quarter_measures(before, after, portfolio)
        )
        found = _held(portfolio, before.graph, after.graph, measures, earlier)
        earlier.append(found)
        print(f"{found.quarter}: {len(found.alarms)} alarms", file=sys.stderr)
        yield found


def _held(
    portfolio: PortfolioSpec,
    before: CorporateGraph,
    after: CorporateGraph,
    measures: Measures,
    earlier: list[QuarterMonitoring],
) -> QuarterMonitoring:
    nothing = Drift(expected_quarter=Quarter.of(before.as_of))
    fixed = nothing, nothing
    if len(earlier) < portfolio.gates.baseline_quarters:  # until then the fixed limits count
        fixed = feature_drift(before, after, portfolio), graph_drift(before, after, portfolio.gates)
    return monitored_quarter(portfolio, Quarter.of(after.as_of), measures, earlier, fixed)


def _planted_graphs(
    portfolio: PortfolioSpec, compared: list[ComparedGraph], ordinary: list[QuarterMonitoring], plant: Planting
) -> Iterator[bool]:
    """Tell of each quarter whether planting made a reading of the graph ring that does not ring without it."""
    for place, was in enumerate(ordinary):
        if was.quarter < PLANTED_FROM:
            continue
        before, after = compared[place], compared[place + 1]
        planted = plant(after, np.random.default_rng([SEED, place]))
        measures = quarter_measures(before, ComparedGraph.of(planted, portfolio.graph), portfolio)
        now = _held(portfolio, before.graph, planted, measures, ordinary[:place])
        yield bool(_ringing(now, "graph") - _ringing(was, "graph"))


def _planted_columns(
    portfolio: PortfolioSpec,
    compared: list[ComparedGraph],
    ordinary: list[QuarterMonitoring],
    plant: Callable[[CorporateGraph, list[int], np.random.Generator], CorporateGraph],
    possible: Callable[[CorporateGraph], list[int] | None],
) -> tuple[list[bool], float]:
    """Plant in one column a quarter, drawn by lot among those that do not ring by themselves.

    Columns are measured one by one, so that planting in all at once tells of each what planting in it alone would.

    Returns
    -------
    Of each quarter whether the column drawn rang, and of all columns of all quarters the share that did.
    """
    drawn, every = [], []
    for place, was in enumerate(ordinary):
        if was.quarter < PLANTED_FROM:
            continue
        before, after = compared[place].graph, compared[place + 1].graph
        rng = np.random.default_rng([SEED, place])
        columns = possible(after)
        columns = list(range(len(after.feature_names))) if columns is None else columns
        quiet = [k for k in columns if after.feature_names[k] not in {one[0] for one in _ringing(was, "feature")}]
        planted = plant(after, quiet, rng)
        measures = Measures(feature_measures(before, planted, portfolio), ())
        now = {one[0] for one in _ringing(_held(portfolio, before, planted, measures, ordinary[:place]), "feature")}
        rang = [after.feature_names[k] in now for k in quiet]
        every += rang
        drawn.append(rang[int(rng.integers(len(rang)))])
    return drawn, float(np.mean(every))


def _shifted(graph: CorporateGraph, columns: list[int], _: np.random.Generator) -> CorporateGraph:
    return shifted(graph, columns, SHIFT)


def _doubled(graph: CorporateGraph, columns: list[int], rng: np.random.Generator) -> CorporateGraph:
    return missing_doubled(graph, columns, rng)


def _ringing(found: QuarterMonitoring, kind: str) -> set[tuple[str, str]]:
    def rings(reading: Reading) -> bool:
        return reading.kind == kind and reading.alarmed

    return {(reading.subject, reading.statistic) for reading in found.readings if rings(reading)}


def _write(found: dict[str, list[bool]], ordinary: list[QuarterMonitoring], every: dict[str, float]) -> None:
    planted = [{"kind": kind, "quarters": len(found[kind]), "detected": sum(found[kind])} for kind in (*ASKED, HARDER)]
    asked = [one for one in planted if one["kind"] in ASKED]
    missed = 1 - sum(one["detected"] for one in asked) / sum(one["quarters"] for one in asked)
    alarms = [alarm for one in ordinary for alarm in one.alarms_of("graph")]
    by_event, without_drift = _retrainings()
    rings = [sum(alarm.kind == "feature" for alarm in one.alarms) for one in ordinary]
    columns = len({reading.subject for reading in ordinary[-1].readings if reading.kind == "feature"})
    content: dict[str, Any] = {
        "planted": planted,
        "detected_of_all_columns": every,
        "false_alarms": len(alarms),
        "false_alarm_sentences": [
            f"{one.quarter}: {alarm.sentence}" for one in ordinary for alarm in one.alarms_of("graph")
        ],
        "quarters": len(ordinary),
        "feature_alarms": {str(one.quarter): count for one, count in zip(ordinary, rings, strict=True)},
        "features": columns,
        "reach": [
            reached("planted_missed_share", missed, at_most=0.05),
            reached("false_alarms", len(alarms), at_most=2),
            reached("retrainings_started_by_event", by_event, at_least=2),
            reached("retrainings_without_drift", without_drift, at_most=0),
        ],
    }
    path = record("drift", content, seeds=[SEED])
    document("drift", _table(planted, every, content))
    print(f"written to {path}")


def _table(planted: list[dict[str, Any]], every: dict[str, float], content: dict[str, Any]) -> str:
    lines = ["| planted, once in each quarter | raised | of all columns |", "|---|---|---|"]
    for one in planted:
        share = f"{every[one['kind']]:.1%}" if one["kind"] in every else ""
        lines.append(f"| {one['kind']} | {one['detected']} of {one['quarters']} | {share} |")
    rang = sum(content["feature_alarms"].values())
    lines += [
        "",
        f"Nothing planted: {content['false_alarms']} graph alarms in {content['quarters']} quarters, "
        f"and {rang} alarms of {content['features']} features.",
        *(f"- {sentence}" for sentence in content["false_alarm_sentences"]),
    ]
    return "\n".join(lines)


def _retrainings() -> tuple[int | None, int | None]:
    """Return how many refreshes drift started in the served proof, and how many were started without any."""
    if importlib.util.find_spec(SERVED) is None:
        return None, None
    counted: tuple[int, int] = importlib.import_module(SERVED).retrainings()
    return counted


if __name__ == "__main__":
    main()
