"""What the graph layer costs beside pandas, networkit, networkx and a plain blocked product.

    make bench-graph                                        # everything
    python -m benchmarks.graph --only build_10m growth      # single steps; the others keep their results

Writes benchmarks/results/graph.json, a table in docs/benchmarks.md and docs/images/graph-cost.svg. Each
measurement runs in a process of its own on one thread; see `benchmarks.graph_steps` for what is in each time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recording import RESULTS, ROOT, commit, document, reached, record

SEED = 0
MILLION = 1_000_000
FIRMS = MILLION
GROWTH_ROWS = tuple(size * MILLION for size in (1, 2, 5, 10, 20, 50))
ROWS_A_FIRM = 10
PICTURE = ROOT / "docs" / "images" / "graph-cost.svg"
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")} | {
    "POLARS_MAX_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
Result = dict[str, Any]


class Scratch:
    """A folder of generated relation tables, each written once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, rows: int, firms: int) -> str:
        """Return the path of a table; making it does not count into the memory of whoever reads it."""
        path = self.folder / f"{rows}-{firms}.parquet"
        if not path.exists():
            step("table", path=str(path), rows=rows, firms=firms, seed=SEED)
        return str(path)


def step(name: str, **arguments: object) -> Result:
    """Run one step of `benchmarks.graph_steps` in its own process."""
    print(f"  {name} {json.dumps(arguments)}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.graph_steps", name, json.dumps(arguments)],
        env={**os.environ, **ONE_THREAD},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def build_10m(scratch: Scratch) -> Result:
    """Build ten million rows, in turns with pandas."""
    path = scratch.table(10 * MILLION, FIRMS)
    ours, theirs = [], []
    for _ in range(2):
        ours.append(step("build", path=path, firms=FIRMS, repeats=2))
        theirs.append(step("build_pandas", path=path, firms=FIRMS, repeats=2))
    for key in ("edges", "pattern"):
        assert len({run[key] for run in ours + theirs}) == 1, f"both must come to the same {key}"
    assert math.isclose(ours[0]["total_weight"], theirs[0]["total_weight"], rel_tol=1e-9)
    best, best_pandas = (min(runs, key=lambda run: run["seconds"]) for runs in (ours, theirs))
    return best | {"peak_gb": max(run["peak_gb"] for run in ours), "pandas": best_pandas}


def build_50m(scratch: Scratch) -> Result:
    """Build fifty million rows once."""
    return step("build", path=scratch.table(50 * MILLION, FIRMS), firms=FIRMS, repeats=1)


def growth(scratch: Scratch) -> Result:
    """Build 1M to 50M rows of as many firms, and of firms growing along with the rows."""
    series = {
        "same firms": dict.fromkeys(GROWTH_ROWS, FIRMS),
        "firms in proportion": {rows: rows // ROWS_A_FIRM for rows in GROWTH_ROWS},
    }
    times = {
        name: {
            str(rows): step("build", path=scratch.table(rows, firms), firms=firms, repeats=2)["seconds"]
            for rows, firms in sizes.items()
        }
        for name, sizes in series.items()
    }
    return {"seconds": times, "exponent": {name: _exponent(measured) for name, measured in times.items()}}


MEASUREMENTS: dict[str, Callable[[Scratch], Result]] = {
    "build_10m": build_10m,
    "build_50m": build_50m,
    "growth": growth,
    "fingerprint": lambda _: step("fingerprint", firms=FIRMS, edges=10 * MILLION, seed=SEED, repeats=5),
    "communities_1m": lambda _: step("communities", firms=FIRMS, edges=10 * MILLION, seed=SEED, repeats=3),
    "drift_stats": lambda _: step("drift_statistics", firms=100_000, edges=MILLION, seed=SEED, repeats=5),
    "similarity_50k": lambda _: step("similarity", documents=50_000, components=300, cut_off=0.4, seed=SEED, repeats=2),
}


def reach(steps: dict[str, Result]) -> list[Result]:
    """Return the targets and what was measured; null for a step that was not."""

    def value(name: str, measured: Callable[[Result], float]) -> float | None:
        return round(measured(steps[name]), 3) if name in steps else None

    return [
        reached(
            "build_10m_ratio_pandas", value("build_10m", lambda r: r["pandas"]["seconds"] / r["seconds"]), at_least=4
        ),
        reached("build_10m_peak_gb", value("build_10m", lambda r: r["peak_gb"]), at_most=2.2),
        reached("build_50m_peak_gb", value("build_50m", lambda r: r["peak_gb"]), at_most=10),
        reached("fingerprint_gb_per_core_s", value("fingerprint", lambda r: r["gb_per_core_s"]), at_least=1),
        reached(
            "communities_1m_ratio_networkit",
            value("communities_1m", lambda r: r["seconds"] / r["seconds_networkit"]),
            at_most=1.1,
        ),
        reached(
            "drift_stats_ratio_networkx",
            value("drift_stats", lambda r: r["seconds_networkx"] / r["seconds"]),
            at_least=50,
        ),
        reached(
            "similarity_50k_ratio_blocked",
            value("similarity_50k", lambda r: r["seconds_blocked"] / r["seconds"]),
            at_least=1,
        ),
        reached("growth_exponent", value("growth", lambda r: r["exponent"]["same firms"]), at_most=1.15),
    ]


def main() -> None:
    """Measure what was asked for and write JSON, table and picture."""
    parser = argparse.ArgumentParser(description="measure the graph layer")
    parser.add_argument("--only", nargs="+", choices=sorted(MEASUREMENTS), default=list(MEASUREMENTS), metavar="STEP")
    wanted = parser.parse_args().only
    results = RESULTS / "graph.json"
    steps: dict[str, Result] = json.loads(results.read_text())["steps"] if results.exists() else {}
    with tempfile.TemporaryDirectory(prefix="creditnet-graph-") as folder:
        for name in wanted:
            print(name, file=sys.stderr)
            steps[name] = MEASUREMENTS[name](Scratch(Path(folder))) | {"commit": commit()}
            # Each step is kept as soon as it is known: the whole takes a quarter of an hour.
            record("graph", {"reach": reach(steps), "steps": steps}, seeds=[SEED])
    _write_table(steps)
    if "growth" in steps:
        _draw(steps["growth"])
    for line in reach(steps):
        print(line)


def _exponent(seconds: dict[str, float]) -> float:
    """Return the slope of log time against log rows."""
    rows, taken = np.array([int(size) for size in seconds]), np.array(list(seconds.values()))
    return float(np.polyfit(np.log(rows), np.log(taken), 1)[0])


def _write_table(steps: dict[str, Result]) -> None:
    head = ["| step | here | beside | ratio | target |", "|---|---|---|---|---|"]
    rows = [row for name, lines in TABLE_ROWS.items() if name in steps for row in lines(steps[name])]
    table = [*head, *("| " + " | ".join(cells) + " |" for cells in rows)]
    document("graph", "\n".join(table))


def _build_rows(run: Result) -> Iterator[tuple[str, ...]]:
    peer = run["pandas"]
    yield (
        f"10M rows to {run['edges']:,} edges of 1M firms",
        f"{run['seconds']:.1f} s",
        f"pandas {peer['seconds']:.1f} s",
        f"{peer['seconds'] / run['seconds']:.1f}",
        "at least 4",
    )
    what = f"its peak memory, {run['input_gb']:.2f} GB of input included"
    yield what, f"{run['peak_gb']:.2f} GB", f"pandas {peer['peak_gb']:.2f} GB", "", "at most 2.2 GB"


def _large_build_rows(run: Result) -> Iterator[tuple[str, ...]]:
    what = f"50M rows to {run['edges']:,} edges: peak memory, {run['input_gb']:.2f} GB of input included"
    yield what, f"{run['peak_gb']:.2f} GB, {run['seconds']:.0f} s", "", "", "at most 10 GB"


def _growth_rows(run: Result) -> Iterator[tuple[str, ...]]:
    exponent = run["exponent"]
    yield "exponent of time in rows, 1M to 50M, 1M firms", f"{exponent['same firms']:.2f}", "", "", "at most 1.15"
    what = f"the same, with a firm for {ROWS_A_FIRM} rows"
    yield what, f"{exponent['firms in proportion']:.2f}", "", "", ""


def _fingerprint_rows(run: Result) -> Iterator[tuple[str, ...]]:
    what = f"fingerprint of {run['edges']:,} edges and 1M firms, a core"
    yield what, f"{run['gb_per_core_s']:.2f} GB/s", "", "", "at least 1 GB/s"


def _community_rows(run: Result) -> Iterator[tuple[str, ...]]:
    yield (
        f"communities of 1M firms and {run['edges']:,} edges, modularity",
        f"{run['seconds']:.1f} s, {run['modularity']:.4f}",
        f"networkit {run['seconds_networkit']:.1f} s, {run['modularity_networkit']:.4f}",
        f"{run['seconds'] / run['seconds_networkit']:.2f}",
        "at most 1.1",
    )


def _statistics_rows(run: Result) -> Iterator[tuple[str, ...]]:
    yield (
        "degree, concentration, PageRank, clustering and cores of 100k firms and 1M edges",
        f"{run['seconds']:.2f} s",
        f"networkx {run['seconds_networkx']:.1f} s",
        f"{run['seconds_networkx'] / run['seconds']:.0f}",
        "at least 50",
    )


def _similarity_rows(run: Result) -> Iterator[tuple[str, ...]]:
    ours, blocked, naive = run["seconds"], run["seconds_blocked"], run["seconds_naive_extrapolated"]
    what = f"similar texts, 50,000 x 300, {run['pairs']:,} pairs"
    yield what, f"{ours:.1f} s", f"blocked product {blocked:.1f} s", f"{blocked / ours:.1f}", "at least 1"
    yield (
        "the same beside a loop over pairs (1,000 rows, multiplied up)",
        f"{ours:.1f} s",
        f"{naive / 60:.0f} min",
        f"{naive / ours:.0f}",
        "",
    )


TABLE_ROWS: dict[str, Callable[[Result], Iterator[tuple[str, ...]]]] = {
    "build_10m": _build_rows,
    "build_50m": _large_build_rows,
    "growth": _growth_rows,
    "fingerprint": _fingerprint_rows,
    "communities_1m": _community_rows,
    "drift_stats": _statistics_rows,
    "similarity_50k": _similarity_rows,
}


def _draw(result: Result) -> None:
    from monitoring.canvas import PALETTE, Chart, canvas

    with canvas(5.4, 3.2) as (figure, axes):
        for (name, measured), colour, marker in zip(result["seconds"].items(), PALETTE, "os", strict=False):
            rows = np.array([int(size) for size in measured])
            label = {"same firms": "1M firms", "firms in proportion": f"a firm for {ROWS_A_FIRM} rows"}[name]
            axes.loglog(rows, list(measured.values()), marker, ls="-", color=colour, label=label)
        first = next(iter(measured.values()))
        axes.loglog(
            rows, first * rows * np.log(rows) / (rows[0] * np.log(rows[0])), ":", color="#666666", label="m log m"
        )
        axes.set_xlabel("rows of the relation table")
        axes.set_ylabel("seconds on one thread")
        axes.legend()
    PICTURE.write_text(Chart("seconds to build the edges against rows", figure).svg())


if __name__ == "__main__":
    main()
