"""Whether documents obey what was delivered, and whether refreshes come out the same: counted for `bench-explain`.

`python -m benchmarks.documents_proof hostile` and `... reproduce [PORTFOLIO ...]` print the counts alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from benchmarks.recording import ROOT
from tasks.chromium import found_chromium
from tasks.portfolios import bundled_names
from tasks.settings import settings

#: the exit code of `creditnet reproduce` if something came out otherwise
_DIFFERENT = 12
_ELSEWHERE = ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_HOME")


def live_elements() -> int | None:
    """Return how many elements of hostile names are alive in the documents (`tests.flows.hostile`); none are wanted.

    A small bank with such names in every place is refreshed twice (two minutes). None where there is no Chromium.
    """
    return _obeyed()[0] if found_chromium(settings()) else None


def outside_requests() -> int | None:
    """Return how many requests the same documents make of anybody; None where there is no Chromium."""
    return _obeyed()[1] if found_chromium(settings()) else None


def not_reproduced(portfolios: Sequence[str] = ()) -> int | None:
    """Refresh portfolios (all that are bundled), make each again, and return how many came out otherwise.

    Half an hour for all four. None where CREDITNET_DATA does not name the published data.
    """
    if settings().data_dir is None:
        return None
    return sum(not _reproduced(name) for name in portfolios or bundled_names())


@cache
def _obeyed() -> tuple[int, int]:
    with _own_home() as environment:
        # A process of its own: settings, server and home are those of one process.
        live, requests = json.loads(_output([sys.executable, "-m", "benchmarks.documents_proof", "count"], environment))
    return live, requests


def _reproduced(portfolio: str) -> bool:
    creditnet = str(Path(sys.executable).with_name("creditnet"))
    with _own_home() as environment:
        _output([creditnet, "refresh", "--portfolio", portfolio, "--json"], environment)
        command = [creditnet, "reproduce", "1", "--portfolio", portfolio, "--json"]
        return json.loads(_output(command, environment, _DIFFERENT))["outcome"] == "same"


@contextmanager
def _own_home() -> Iterator[dict[str, str]]:
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    with tempfile.TemporaryDirectory(prefix="creditnet-proof-", ignore_cleanup_errors=True) as folder:
        yield kept | {"CREDITNET_HOME": f"{folder}/home", "PYTHONPATH": str(ROOT)}


def _output(command: list[str], environment: dict[str, str], allowed: int = 0) -> str:
    run = subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    if run.returncode not in (0, allowed):
        raise subprocess.CalledProcessError(run.returncode, command, run.stdout)
    return run.stdout


def _count(folder: Path) -> tuple[int, int]:
    """Publish the hostile bank in the home of the settings and count."""
    from deployments.console import stdout_kept
    from deployments.embedded import starting_server
    from tasks.settings import prepare_environment
    from tests.flows import hostile
    from tests.flows.browser import chromium

    with stdout_kept():
        prepare_environment(settings())
        with starting_server() as ready:
            ready()
            hostile.publish(hostile.deliver(folder / "data"), folder / "data")
        with chromium(sys.exit) as browser:
            return hostile.total(hostile.all_obeyed(browser, settings().home))


def main() -> None:
    """Print the counts that are asked for."""
    what, *portfolios = sys.argv[1:] or ["hostile"]
    if what == "count":
        print(json.dumps(_count(settings().home.parent)))
    elif what == "reproduce":
        print(json.dumps({"not_reproduced": not_reproduced(portfolios)}))
    else:
        print(json.dumps({"live_elements": live_elements(), "outside_requests": outside_requests()}))


if __name__ == "__main__":
    main()
