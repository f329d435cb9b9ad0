"""What GDAN owes to beta, the weight of its dimension attention, and to its depth: one setting varied at a time.

    make bench-sensitivity

Writes benchmarks/results/sensitivity.json, the table in docs/benchmarks.md and a curve a data set and setting in
docs/images. Everything that is not varied stands as `benchmarks.smesd` has it. Nothing is chosen by what is found here.
The curves are those of Wei and others 2024, Graph Dimension Attention Networks for Enterprise Credit Assessment: beta
is in its equation 7 and its section "Parameter analysis", depth among the layer numbers that it tried.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from benchmarks import corpnet, smesd
from benchmarks.firms import published_folder
from benchmarks.published import markdown
from benchmarks.recording import ROOT, document, record
from models.candidates import fitted_candidate
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData
from monitoring.canvas import DASHES, MARKERS, PALETTE, Chart, canvas
from monitoring.charts import GRID
from schemas.candidates import GdanSpec
from schemas.terms import Sample
from tasks.portfolios import load_portfolio

IMAGES = ROOT / "docs" / "images"
SEEDS = [0, 1, 2, 3, 4]
#: the paper's five, and one beyond: it says that a large beta over-fits
VALUES: Mapping[str, tuple[float, ...]] = {"beta": (0, 0.01, 0.1, 0.5, 1, 2), "layers": (1, 2, 3, 4)}
AXES = {"beta": "beta, weight of dimension attention", "layers": "layers, how far a firm hears"}
JUDGED = {"validation": Sample.VALIDATION, "test": Sample.PUBLISHED_TEST}
MEASURES = ("auc", "f1", "accuracy", "mcc")

Runs = list[dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Ground:
    """A data set, what GDAN is told there, and how it is measured."""

    name: str
    graph: CorporateGraph
    settings: Mapping[str, object]
    fitting: Callable[[int], FittingData]
    measures: Callable[[Sample, FloatMatrix], Mapping[str, float]]

    def spec(self, **varied: float) -> GdanSpec:
        """Return the candidate with some settings varied."""
        return TypeAdapter(GdanSpec).validate_python({"name": "gdan", **self.settings, **varied})

    def runs(self, spec: GdanSpec) -> Runs:
        """Fit it with every seed; return the measures of each sample."""
        fitted = (fitted_candidate(spec, self.fitting(seed)).probabilities(self.graph) for seed in SEEDS)
        return [
            {name: {one: self.measures(sample, found)[one] for one in MEASURES} for name, sample in JUDGED.items()}
            for found in fitted
        ]


def main() -> None:
    """Vary, measure, draw and write."""
    grounds = [_smesd(), _corpnet()]
    rows = [row for ground in grounds for row in _varied(ground)]
    for ground in grounds:
        for setting in VALUES:
            drawn = _chart(ground, setting, _of(rows, ground.name, setting))
            (IMAGES / f"sensitivity-{ground.name}-{setting}.svg").write_text(drawn.svg())
    record("sensitivity", {"rows": rows, "processor_s": round(time.process_time())}, seeds=SEEDS)
    document("sensitivity", _written(grounds, rows))


def _smesd() -> Ground:
    data = smesd.sampled(load_portfolio("smesd"), published_folder("smesd"))
    return Ground("smesd", data.graph, smesd.GDAN, data.fitting, data.measures)


def _corpnet() -> Ground:
    firms = corpnet.prepared(load_portfolio("corpnet"), published_folder("corpnet"))
    development, validation = firms.of(Sample.DEVELOPMENT), firms.of(Sample.VALIDATION)
    return Ground(
        "corpnet",
        firms.graph,
        {**smesd.GDAN, "features": smesd.OWN},
        lambda seed: firms.fitting(development, validation, seed),
        lambda sample, found: firms.measures(firms.of(sample), found),
    )


def _varied(ground: Ground) -> Iterator[dict[str, Any]]:
    """Measure each value of each setting; what two curves have in common is fitted once."""
    runs = cache(ground.runs)
    for setting, values in VALUES.items():
        for value in values:
            spec = ground.spec(**{setting: value})
            found = runs(spec)
            row: dict[str, Any] = {"data": ground.name, "setting": setting, "value": value}
            for sample in JUDGED:
                for measure in MEASURES:
                    told = [run[sample][measure] for run in found]
                    row[f"{sample}_{measure}"] = statistics.fmean(told)
                    row[f"{sample}_{measure}_sd"] = statistics.stdev(told)
            yield row | {"as_in_smesd": spec == ground.spec(), "runs": found}
            print(
                f"{ground.name}, {setting} {value:g}: AUC {row['validation_auc']:.4f} on validation, "
                f"{row['test_auc']:.4f} on test, {time.process_time():.0f} s",
                file=sys.stderr,
                flush=True,
            )


def _of(rows: Sequence[dict[str, Any]], data: str, setting: str) -> list[dict[str, Any]]:
    return [row for row in rows if (row["data"], row["setting"]) == (data, setting)]


def _chart(ground: Ground, setting: str, rows: Sequence[dict[str, Any]]) -> Chart:
    """Draw mean AUC over seeds against the values tried, evenly spaced, with a standard deviation either side."""
    places = np.arange(len(rows))
    with canvas(4.2, 3.1) as (figure, axes):
        for turn, sample in enumerate(JUDGED):
            mean = np.array([row[f"{sample}_auc"] for row in rows])
            spread = np.array([row[f"{sample}_auc_sd"] for row in rows])
            look = {"color": PALETTE[turn], "marker": MARKERS[turn], "linestyle": DASHES[1 - turn]}
            axes.fill_between(places, mean - spread, mean + spread, color=PALETTE[turn], alpha=0.18, linewidth=0)
            axes.plot(places, mean, markersize=5, label=sample, **look)
        used = next(place for place, row in enumerate(rows) if row["as_in_smesd"])
        axes.axvline(used, color="#767676", linewidth=0.8, linestyle=":", label="as in the table of SMEsD")
        axes.set_xticks(places, [f"{row['value']:g}" for row in rows])
        axes.set(xlabel=AXES[setting], ylabel=f"AUC on {ground.name}, mean ± sd of {len(SEEDS)} seeds")
        axes.grid(axis="y", color=GRID)
        figure.legend(loc="outside upper center", ncols=3, fontsize=7, handlelength=3)
    told = ", ".join(f"{row['value']:g}: {row['validation_auc']:.3f} and {row['test_auc']:.3f}" for row in rows)
    return Chart(f"AUC of GDAN on {ground.name}, validation and test, by {setting}. {told}.", figure)


def _written(grounds: Sequence[Ground], rows: Sequence[dict[str, Any]]) -> str:
    pictures = [
        [
            f"![AUC of GDAN by {setting} on {ground.name}](images/sensitivity-{ground.name}-{setting}.svg)"
            for setting in VALUES
        ]
        for ground in grounds
    ]
    best = {id(max(_of(rows, ground.name, one), key=_on_validation)) for ground in grounds for one in VALUES}
    lines = [
        [
            row["data"],
            row["setting"],
            f"{row['value']:g}" + (" (as in the table of SMEsD)" if row["as_in_smesd"] else ""),
            ("**{}**" if id(row) in best else "{}").format(_spread(row, "validation_auc")),
            *(_spread(row, f"test_{measure}") for measure in ("auc", "f1", "accuracy")),
        ]
        for row in rows
    ]
    head = ["data", "setting", "value", "AUC, validation", "AUC, test", "F1, test", "accuracy, test"]
    return markdown(["by beta", "by depth"], pictures) + "\n\n" + markdown(head, lines)


def _on_validation(row: Mapping[str, Any]) -> float:
    return float(row["validation_auc"])


def _spread(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]:.3f} ± {row[f'{key}_sd']:.3f}"


if __name__ == "__main__":
    main()
