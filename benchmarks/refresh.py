"""How long the first refresh takes: three runs of `simulated`, each from an empty home.

    make bench-refresh

Writes benchmarks/results/refresh.json. The time is that of the whole command, imports and the start
of the embedded server included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recording import reached, record

RUNS = 3
TARGET_S = 150
NOOP_TARGET_S = 30
COMMAND = Path(sys.executable).with_name("creditnet")


def main() -> None:
    """Run, check that all runs came to the same, and write the result."""
    runs, again = [], []
    for number in range(1, RUNS + 1):
        with tempfile.TemporaryDirectory() as home:
            seconds, refresh = _timed(home)
            runs.append({"seconds": round(seconds, 2), "stages": refresh["stages"], **_identity(refresh)})
            seconds, repeated = _timed(home)
            assert repeated["already_published"], "the second run of the same refresh must change nothing"
            again.append(round(seconds, 2))
        print(f"run {number}: {runs[-1]['seconds']:.1f} s; the same again: {again[-1]:.1f} s", file=sys.stderr)
    identities = [{key: run[key] for key in ("fingerprint", "content_hashes")} for run in runs]
    assert all(identity == identities[0] for identity in identities), "runs from scratch must agree to the bit"
    median = statistics.median(run["seconds"] for run in runs)
    path = record(
        "refresh",
        {
            "reach": [
                reached("refresh_median_s", median, at_most=TARGET_S),
                reached("no_op_median_s", statistics.median(again), at_most=NOOP_TARGET_S),
            ],
            "runs": runs,
            "no_op_seconds": again,
        },
        seeds=[7],
    )
    print(f"median {median:.1f} s (target {TARGET_S} s), written to {path}")


def _timed(home: str) -> tuple[float, dict]:
    begun = time.perf_counter()
    done = subprocess.run(
        [COMMAND, "refresh", "--portfolio", "simulated", "--json"],
        env={**os.environ, "CREDITNET_HOME": home},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - begun, json.loads(done.stdout)


def _identity(refresh: dict) -> dict:
    return {key: refresh[key] for key in ("fingerprint", "content_hashes")}


if __name__ == "__main__":
    main()
