"""The proof that drift, and only drift, has a served home retrain: counted on a real server with a real worker.

`counted` is what the test asserts on and what the benchmark of monitoring reports.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.flows import drifting, served

ROOT = Path(__file__).parents[2]
#: seconds that anything may take on a machine that is busy with something else
PATIENCE = 400


class Retrainings(NamedTuple):
    """Refreshes that the automation started and that completed: where drift was planted, and where none was."""

    started_by_event: int
    without_drift: int


class Prefect:
    """The server's API, asked without Prefect's client: the process that asks has another server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, content: object | None = None) -> Any:
        """GET a path, or POST to it if there is content; a server whose database is busy is asked again.

        It answers 503 then, before anything was written, and Prefect's own client asks again too.
        """
        body = None if content is None else json.dumps(content).encode()
        request = Request(f"{self.url}/api/{path}", body, {"Content-Type": "application/json"})
        last = time.monotonic() + PATIENCE
        while True:
            try:
                with urlopen(request, timeout=30) as response:
                    return json.loads(response.read() or b"null")
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > last:
                    raise
            time.sleep(1)

    def run(self, flow: str, **parameters: object) -> dict[str, Any]:
        """Run a deployment and wait until it has completed."""
        deployment = self.ask(f"deployments/name/{flow}/served")["id"]
        started = self.ask(f"deployments/{deployment}/create_flow_run", {"parameters": parameters})["id"]
        return self.until_ended(lambda: self.ask(f"flow_runs/{started}"), f"{flow} {parameters}")

    def by_automation(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow that an automation started, the oldest first."""
        asked = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC", "limit": 50}
        runs = self.ask("flow_runs/filter", asked)
        return [run for run in runs if (run["created_by"] or {}).get("type") == "AUTOMATION"]

    @staticmethod
    def until_ended(look: Callable[[], dict[str, Any] | None], what: str) -> dict[str, Any]:
        """Wait until a run has completed; one that ends otherwise is an error."""

        def ended() -> dict[str, Any] | None:
            run = look()
            state = run["state"] if run else {"type": "none"}
            assert state["type"] not in {"FAILED", "CRASHED", "CANCELLED"}, f"{what}: {state}"
            return run if state["type"] == "COMPLETED" else None

        return served.until(ended, PATIENCE, what)


@contextmanager
def up(home: Path, portfolio: Path, data_dir: Path, **environment: str) -> Iterator[Prefect]:
    """Run `creditnet up` on free ports of loopback."""
    words = ("up", "--portfolio", portfolio, "--data-dir", data_dir, "--mlflow-port", 0, "--reports-port", 0)
    with serving(home, *words, **environment) as prefect:
        yield prefect


@contextmanager
def serving(home: Path, *words: object, **environment: str) -> Iterator[Prefect]:
    """Run a command that serves a home, on a free port, and end it as Ctrl-C in its terminal would."""
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{words[0]}.log"
    command = [Path(sys.executable).with_name("creditnet"), *words, "--port", 0]
    told = own_environment(home) | environment
    with log.open("w") as file:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=told, stdout=file, stderr=file, start_new_session=True
        )
    try:

        def ready() -> str:
            assert process.poll() is None, log.read_text()
            text = log.read_text()
            return text if "ready;" in text else ""

        text = served.until(ready, PATIENCE, f"creditnet {words[0]}")
        yield Prefect(re.search(r"Prefect +(http://[^\s/]+)", text)[1])
    except BaseException:
        for path in sorted((home / "served").glob("*.log")):
            sys.stderr.write(f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}\n")
        raise
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def own_environment(home: Path) -> dict[str, str]:
    """Return the environment of a process that serves this home and no other."""
    others = ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_LOCAL_STORAGE_PATH")
    kept = {name: value for name, value in os.environ.items() if name not in others}
    return kept | {"CREDITNET_HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "PYTHONPATH": str(ROOT)}


def counted(
    folder: Path, look: Callable[[Prefect, Path], object] = lambda *_: None, settings: dict | None = None, **environment
) -> Retrainings:
    """Serve a small bank, plant drift quarter by quarter, and count the refreshes that followed.

    Parameters
    ----------
    folder
        Where deliveries and home go.
    look
        Called with the server and the home before everything is ended.
    settings
        Of the portfolio, over those of `drifting.deliver`.
    environment
        Of all processes: another database, say.
    """
    data_dir, home = folder / "data", folder / "home"
    portfolio = drifting.deliver(data_dir, **(settings or {}))
    with up(home, portfolio, data_dir, **environment) as prefect:
        prefect.run("quarterly_refresh", quarter=drifting.FIRST)
        for quarter, plant in drifting.PLANTED.items():
            drifting.deliver_quarter(data_dir, quarter, plant)
            prefect.run("drift_monitor")
            if plant != "nothing":
                prefect.until_ended(lambda q=quarter: _started(prefect, q), f"the refresh after {plant} drift")
        look(prefect, home)
        runs = prefect.by_automation("quarterly_refresh")
    completed = [run["parameters"]["quarter"] for run in runs if run["state"]["type"] == "COMPLETED"]
    planted = [drifting.PLANTED[quarter] for quarter in completed]
    return Retrainings(len(planted) - planted.count("nothing"), planted.count("nothing"))


def _started(prefect: Prefect, quarter: str) -> dict[str, Any] | None:
    runs = [run for run in prefect.by_automation("quarterly_refresh") if run["parameters"]["quarter"] == quarter]
    return runs[0] if runs else None
