"""Writing down what a benchmark measured, and on what."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def reached(
    what: str, value: float | None, *, at_least: float | None = None, at_most: float | None = None
) -> dict[str, Any]:
    """Return one line of a `reach` list; a value that was not measured is null, never left out."""
    limit = {"at_least": at_least} if at_least is not None else {"at_most": at_most}
    return {"what": what, "value": value, **limit}


def record(name: str, content: dict[str, Any], *, seeds: list[int]) -> Path:
    """Write `benchmarks/results/<name>.json` with commit, seeds and machine."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({**content, "commit": commit(), "seeds": seeds, "machine": _machine()}, indent=1, sort_keys=True)
        + "\n"
    )
    return path


def document(name: str, tables: str) -> None:
    """Put the tables of `benchmarks/<name>.py` between its two marks in `docs/benchmarks.md`."""
    begin, end = f"<!-- {name}: written by benchmarks/{name}.py -->", f"<!-- {name}: end -->"
    text = DOCUMENT.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{DOCUMENT.name} must contain {begin!r} and {end!r} once each")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    DOCUMENT.write_text(f"{before}{begin}\n\n{tables.strip()}\n\n{end}{after}")


def commit() -> str:
    """Return the commit that is measured, and whether it is changed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results", ":!docs")
    return git("rev-parse", "HEAD") + (" with uncommitted changes" if changed else "")


def _machine() -> dict[str, Any]:
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }
