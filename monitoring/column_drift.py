"""Drift of columns between two quarters, computed, tested and drawn up by Evidently.

Evidently sees coded column and category names only, and its result is taken as data: its own HTML
would turn a hostile name into a live element. Wasserstein distance, in standard deviations of the
earlier quarter, for numbers; Jensen-Shannon distance for categories. PSI is not used: at .1 it misses
a shift by .3 standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from schemas.results import ColumnDrift, Histogram

if TYPE_CHECKING:
    import pandas as pd

NUMBER_METHOD = "wasserstein"
CATEGORY_METHOD = "jensenshannon"
MISSING_METHOD = "difference of missing shares"


@dataclass(frozen=True)
class Columns:
    """Columns of one quarter by name: numbers (NaN where missing) and category codes with their labels."""

    numbers: Mapping[str, NDArray[np.float64]]
    categories: Mapping[str, tuple[NDArray[np.int64], tuple[str, ...]]]

    def sampled(self, rows: int, seed: int = 0) -> Columns:
        """Keep at most `rows` rows, drawn with a fixed seed."""
        size = len(next(iter([*self.numbers.values(), *(codes for codes, _ in self.categories.values())]), []))
        if size <= rows:
            return self
        kept = np.sort(np.random.default_rng(seed).permutation(size)[:rows])
        return Columns(
            {name: values[kept] for name, values in self.numbers.items()},
            {name: (codes[kept], labels) for name, (codes, labels) in self.categories.items()},
        )


def column_drifts(expected: Columns, actual: Columns, *, limit: float, rows: int) -> tuple[ColumnDrift, ...]:
    """Compare the columns that both quarters have, in the order of the actual quarter."""
    expected, actual = expected.sampled(rows), actual.sampled(rows)
    numbers = [name for name in actual.numbers if name in expected.numbers]
    empty = [n for n in numbers if np.isnan(actual.numbers[n]).all() or np.isnan(expected.numbers[n]).all()]
    numbers = [name for name in numbers if name not in empty]
    categories = [name for name in actual.categories if name in expected.categories]
    nothing = tuple(
        _or_missing(
            ColumnDrift(column=name, method=NUMBER_METHOD, value=None, limit=limit, drifted=False), expected, actual
        )
        for name in empty
    )
    if not numbers and not categories:
        return nothing
    results = _evidently(_coded(expected, numbers, categories), _coded(actual, numbers, categories), limit)
    found = [
        _or_missing(_column(name, NUMBER_METHOD, limit, results[f"n{i}"], None), expected, actual)
        for i, name in enumerate(numbers)
    ] + [
        _column(name, CATEGORY_METHOD, limit, results[f"k{i}"], actual.categories[name][1])
        for i, name in enumerate(categories)
    ]
    return (*found, *nothing)


def _or_missing(found: ColumnDrift, expected: Columns, actual: Columns) -> ColumnDrift:
    """Let missingness speak where it moved further than the values: a feed that stops delivering is drift too."""
    before, after = (float(np.isnan(columns.numbers[found.column]).mean()) for columns in (expected, actual))
    moved = abs(after - before)
    if moved < found.limit or moved <= (found.value or 0.0):
        return found
    return found.model_copy(update={"method": MISSING_METHOD, "value": moved, "drifted": True})


def _coded(columns: Columns, numbers: list[str], categories: list[str]) -> pd.DataFrame:
    import pandas as pd

    coded: dict[str, Any] = {f"n{i}": columns.numbers[name] for i, name in enumerate(numbers)}
    coded |= {
        f"k{i}": np.array([f"v{code}" for code in columns.categories[name][0]], dtype=object)
        for i, name in enumerate(categories)
    }
    return pd.DataFrame(coded)


def _evidently(expected: pd.DataFrame, actual: pd.DataFrame, limit: float) -> dict[str, tuple[float, bool, Any]]:
    """Return value, whether Evidently's test failed, and its distribution figure, by coded column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.tests import lt

    numbers = [name for name in actual.columns if name.startswith("n")]
    categories = [name for name in actual.columns if name.startswith("k")]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    report = Report(
        [
            ValueDrift(column=name, method=method, threshold=limit, tests=[lt(limit)])
            for method, names in ((NUMBER_METHOD, numbers), (CATEGORY_METHOD, categories))
            for name in names
        ]
    )
    snapshot = report.run(
        current_data=Dataset.from_pandas(actual, data_definition=definition),
        reference_data=Dataset.from_pandas(expected, data_definition=definition),
    )
    told = snapshot.dict()
    failed = {test["metric_config"]["params"]["column"]: test["status"] != "SUCCESS" for test in told["tests"]}
    metrics = zip(told["metrics"], snapshot.metric_results.values(), strict=True)
    return {
        described["config"]["column"]: (
            float(described["value"]),
            failed[described["config"]["column"]],
            _distribution(result.widget),
        )
        for described, result in metrics
    }


def _distribution(widgets: Any) -> list[dict[str, Any]]:
    """Return the visible bars of Evidently's distribution figure."""
    tabs = [tab for widget in widgets for tab in getattr(widget, "tabs", None) or ()]
    figures = [tab.widget.params for tab in tabs if tab.title == "DATA DISTRIBUTION"]
    return [bar for bar in figures[0]["data"] if bar.get("visible", True) is True] if figures else []


def _column(
    name: str, method: str, limit: float, result: tuple[float, bool, Any], labels: tuple[str, ...] | None
) -> ColumnDrift:
    value, drifted, bars = result
    return ColumnDrift(
        column=name, method=method, value=value, limit=limit, drifted=drifted, histogram=_histogram(bars, labels)
    )


def _histogram(bars: list[dict[str, Any]], labels: tuple[str, ...] | None) -> Histogram | None:
    heights = {bar["name"]: _heights(bar, numeric=labels is None) for bar in bars}
    if not {"current", "reference"} <= heights.keys():
        return None
    expected, actual = heights["reference"], heights["current"]
    order = sorted({*expected, *actual})
    return Histogram(
        edges=tuple(f"{place:.4g}" if labels is None else _label(labels, int(place)) for place in order),
        expected=_shares(expected, order),
        actual=_shares(actual, order),
    )


def _heights(bar: dict[str, Any], *, numeric: bool) -> dict[float, float]:
    """Return a bar's height by the middle of its bin, or by its category code."""
    places, heights = list(bar["x"]), [float(height) for height in bar["y"]]
    if not numeric:
        return {float(str(code)[1:]): height for code, height in zip(places, heights, strict=True)}
    if len(places) == len(heights) + 1:  # Evidently gives the edges of the bins, one more than there are bars
        places = [(left + right) / 2 for left, right in pairwise(places)]
    return {float(place): height for place, height in zip(places, heights, strict=True)}


def _shares(heights: dict[float, float], order: list[float]) -> tuple[float, ...]:
    total = sum(heights.values()) or 1.0
    return tuple(heights.get(place, 0.0) / total for place in order)


def _label(labels: tuple[str, ...], code: int) -> str:
    return labels[code] if code >= 0 else "missing"
