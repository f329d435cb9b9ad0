"""Rating classes of the next quarter on 28 quarters of banks, beside the published accuracies (`make bench-interbank`).

Every quarter from 2017Q1 on is predicted as at its end: from the fundamentals of that quarter and of earlier ones, and
from the ratings whose quarter had come by then. Which model's prediction counts is decided quarter by quarter, by
accuracy over the four vintages whose ratings were known last; nothing of the quarter itself or of a later one is used.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sklearn.metrics import f1_score, matthews_corrcoef

from benchmarks.firms import published_folder
from benchmarks.published import Row, row, write
from benchmarks.recording import reached
from models.candidates import fitted_candidate
from models.corporate_graph import CorporateGraph, FloatMatrix, block_diagonal, constructed_graph
from models.ensemble import combined
from models.fitted import FittingData
from models.inputs import with_inputs
from schemas.candidates import LightGBMSpec, SingleSpec
from schemas.history import HistorySpec
from schemas.portfolio import PortfolioSpec
from schemas.specs import TrainingSpec
from schemas.terms import Quarter
from tasks.portfolios import load_portfolio

SEEDS = (0, 1, 2, 3, 4)
YEARS = ("2018", "2019", "2020", "2021", "2022")
FIRST = Quarter(2017, 1)
#: vintages whose accuracy decides which model predicts next
LOOK_BACK = 4
PUBLISHED = {
    "GCN": (0.4405, 0.5709, 0.6211, 0.6408, 0.6384),
    "GAT": (0.4987, 0.6082, 0.6601, 0.6891, 0.6887),
    "TGAR": (0.5810, 0.6511, 0.7112, 0.7539, 0.7536),
    "HFTCRNet": (0.6563, 0.6405, 0.6600, 0.6935, 0.7130),
    "DPTAP": (0.5320, 0.5539, 0.6189, 0.6745, 0.7234),
}
TARGETS = dict(zip(YEARS, (0.656, 0.651, 0.711, 0.754, 0.754), strict=True))
HISTORY = HistorySpec(outcomes=2, changes=(1,))
_TREES = {"kind": "lightgbm", "rounds": 60, "learning_rate": 0.12, "column_share": 0.4, "row_share": 0.7}
_PERSISTENCE, _ENSEMBLE, _SELECTED = "persistence", "mean of the four", "selected quarter by quarter"

Labels = NDArray[np.int64]
Runs = dict[str, dict[Quarter, Labels]]


@dataclass(frozen=True)
class Entrant:
    """A candidate, and how many of the newest closed vintages it learns from."""

    spec: SingleSpec
    vintages: int


def _entrants() -> tuple[Entrant, ...]:
    described = (
        ({"name": "lightgbm", "features": "own"}, 1),
        ({"name": "lightgbm_history", "features": "history"}, 1),
        ({"name": "lightgbm_history_2", "features": "history"}, 2),
        ({"name": "lightgbm_history_4", "features": "history", "half_life_quarters": 1}, 4),
    )
    read = TypeAdapter(LightGBMSpec).validate_python
    return tuple(Entrant(read(_TREES | one), vintages) for one, vintages in described)


def main() -> None:
    """Measure, and write the result and its table."""
    graphs, truth = vintages(published_folder("interbank"))
    quarters = sorted(graphs)
    asked = [quarter for quarter in quarters if quarter >= FIRST]
    runs = [predictions(graphs, truth, asked, seed) for seed in SEEDS]
    rows = [one for year in YEARS for one in _rows(year, runs, truth)]
    chosen = {one["sample"]: one["accuracy"] for one in rows if one["chosen"]}
    write(
        "interbank",
        rows,
        [
            {"sample": year, "model": model, "accuracy": accuracies[place]}
            for place, year in enumerate(YEARS)
            for model, accuracies in PUBLISHED.items()
        ],
        seeds=list(SEEDS),
        reach=[reached(f"accuracy_{year}", chosen[year], at_least=least) for year, least in TARGETS.items()],
        measures=("accuracy", "macro_f1", "mcc"),
        by_quarter=_by_quarter(runs, truth),
    )


def vintages(folder: Path) -> tuple[dict[Quarter, CorporateGraph], dict[Quarter, Labels]]:
    """Return each quarter's banks with their inputs as known at its end, and their classes one quarter later.

    Exposures are left out: they are reconstructed, and no candidate here looks at them.
    """
    whole = load_portfolio("interbank")
    graph = whole.graph.model_copy(update={"history": HISTORY})
    portfolio = whole.model_copy(update={"relations": (), "graph": graph})
    tables = _tables(folder, portfolio)
    quarters = sorted(Quarter.parse(vintage) for vintage in tables["outcomes"]["vintage"].unique())
    built = {
        quarter: with_inputs(constructed_graph(tables, portfolio, quarter.end).graph, tables, portfolio)
        for quarter in quarters
    }
    classes = {name: index for index, name in enumerate(portfolio.target.classes)}
    truth = {
        quarter: pl.DataFrame({"firm_id": one.firms})
        .join(tables["outcomes"].filter(vintage=str(quarter)), on="firm_id", how="left", maintain_order="left")[
            "outcome"
        ]
        .replace_strict(classes, return_dtype=pl.Int64)
        .to_numpy()
        for quarter, one in built.items()
    }
    return built, truth


def _tables(folder: Path, portfolio: PortfolioSpec) -> dict[str, pl.DataFrame]:
    if portfolio.filings is None:
        raise ValueError("the bundled portfolio has filings")
    columns = [column.name for column in portfolio.filings.columns]
    firms, filings, outcomes = [], [], []
    for path in sorted(folder.glob("20*/banks.parquet")):
        quarter = Quarter.parse(path.parent.name)
        following = quarter.shifted(1)
        banks = pl.read_parquet(path).with_columns(
            firm_id=pl.col("bank_id").cast(pl.String),
            published_on=pl.lit(quarter.end),
            valid_until=pl.lit(following.end),
            period=pl.lit(str(quarter)),
        )
        firms.append(banks.select("firm_id", "published_on", "valid_until"))
        filings.append(banks.select("firm_id", "period", "published_on", "valid_until", *columns))
        outcomes.append(
            banks.select(
                "firm_id",
                vintage=pl.lit(str(quarter)),
                outcome=pl.col("rating_next_quarter").cast(pl.String),
                published_on=pl.lit(following.end),
            )
        )
    return {"firms": pl.concat(firms), "filings": pl.concat(filings), "outcomes": pl.concat(outcomes)}


def predictions(
    graphs: Mapping[Quarter, CorporateGraph], truth: Mapping[Quarter, Labels], asked: Sequence[Quarter], seed: int
) -> Runs:
    """Return each model's classes of each quarter, as predicted at its end, and those of the selected model."""
    found: Runs = {}
    for quarter in asked:
        probabilities = {one.spec.name: _fitted(one, graphs, truth, quarter, seed) for one in _entrants()}
        probabilities[_ENSEMBLE] = combined(list(probabilities.values()), np.full(len(probabilities), 0.25))
        for name, values in probabilities.items():
            found.setdefault(name, {})[quarter] = values.argmax(axis=1)
        found.setdefault(_PERSISTENCE, {})[quarter] = truth[quarter.shifted(-1)]
    names = [name for name in found if name != _PERSISTENCE]  # that one is a yardstick, no candidate
    selected: dict[Quarter, Labels] = {}
    for quarter in asked:
        known = [past for past in asked if quarter.shifted(-LOOK_BACK) <= past < quarter]
        # The simpler model, which stands before the other, wins ties; and where nothing is known yet.
        best = max(names, key=lambda name: statistics.fmean(_right(found[name], truth, known)) if known else 0.0)
        selected[quarter] = found[best][quarter]
    return found | {_SELECTED: selected}


def _fitted(
    entrant: Entrant,
    graphs: Mapping[Quarter, CorporateGraph],
    truth: Mapping[Quarter, Labels],
    quarter: Quarter,
    seed: int,
) -> FloatMatrix:
    # The newest vintage whose ratings are known at the quarter's end is the one before it.
    learnt = [quarter.shifted(-back) for back in range(entrant.vintages, 0, -1)]
    learnt = [vintage for vintage in learnt if vintage in graphs and vintage.shifted(-1) in graphs]
    graph = block_diagonal([graphs[vintage] for vintage in learnt])
    everyone = np.ones(graph.size, dtype=bool)
    data = FittingData(
        graph=graph,
        truth=np.concatenate([truth[vintage] for vintage in learnt]),
        development=everyone,
        validation=~everyone,
        communities=graph.firms,
        classes=4,
        training=TrainingSpec(seed=seed, threads=1),
    )
    return fitted_candidate(entrant.spec, data).probabilities(graphs[quarter])


def _right(predicted: Mapping[Quarter, Labels], truth: Mapping[Quarter, Labels], of: Sequence[Quarter]) -> list[float]:
    return [float((predicted[quarter] == truth[quarter]).mean()) for quarter in of]


def _rows(year: str, runs: Sequence[Runs], truth: Mapping[Quarter, Labels]) -> list[Row]:
    rows = []
    for name in runs[0]:
        measured = [_measures(run[name], truth, year) for run in runs]
        family: Any = "ensemble" if name in (_ENSEMBLE, _SELECTED) else "tabular"
        # Persistence draws nothing: one run is all there is.
        kept = measured[:1] if name == _PERSISTENCE else measured
        rows.append(row(year, name, family, kept, chosen=name == _SELECTED))
    return rows


def _measures(predicted: Mapping[Quarter, Labels], truth: Mapping[Quarter, Labels], year: str) -> dict[str, float]:
    pairs = [(truth[quarter], predicted[quarter]) for quarter in predicted if str(quarter).startswith(year)]
    return {
        "accuracy": statistics.fmean(float((actual == found).mean()) for actual, found in pairs),
        "macro_f1": statistics.fmean(float(f1_score(actual, found, average="macro")) for actual, found in pairs),
        "mcc": statistics.fmean(float(matthews_corrcoef(actual, found)) for actual, found in pairs),
    }


def _by_quarter(runs: Sequence[Runs], truth: Mapping[Quarter, Labels]) -> dict[str, dict[str, float]]:
    return {
        name: {
            str(quarter): statistics.fmean(_right(run[name], truth, [quarter])[0] for run in runs)
            for quarter in runs[0][name]
        }
        for name in runs[0]
    }


if __name__ == "__main__":
    main()
