"""A machine that dies leaves a run that says it is running: the server finds out by its silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deployments.automations import SILENCE
from tests.flows import drifting, served
from tests.flows import retraining_proof as proof

pytestmark = [pytest.mark.flow, pytest.mark.served, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_run_whose_machine_died_is_marked_as_crashed(tmp_path):
    portfolio = drifting.deliver(tmp_path / "data")
    home = tmp_path / "home"
    with proof.up(home, portfolio, tmp_path / "data") as prefect:
        deployment = prefect.ask("deployments/name/quarterly_refresh/served")["id"]
        run = prefect.ask(f"deployments/{deployment}/create_flow_run", {"parameters": {"quarter": drifting.FIRST}})

        def state():
            return prefect.ask(f"flow_runs/{run['id']}")["state"]

        signs = {
            "filter": {
                "event": {"name": ["prefect.flow-run.heartbeat"]},
                "resource": {"id": [f"prefect.flow-run.{run['id']}"]},
            }
        }
        served.until(lambda: prefect.ask("events/filter", signs)["events"], proof.PATIENCE, "a sign of life")
        assert state()["type"] == "RUNNING"

        # The worker halts and its run is killed, so that neither can tell the server.
        worker = psutil.Process(services(home)["worker"])
        worker.suspend()
        try:
            for process in worker.children(recursive=True):
                process.kill()
            found = served.until(
                lambda: (one := state())["type"] == "CRASHED" and one, SILENCE + proof.PATIENCE, "the run to be marked"
            )
        finally:
            worker.resume()
        assert found["message"] == f"No sign of life for {SILENCE} s."


def services(home):
    """Return the process ids of what is served, by name."""
    done = subprocess.run(
        [Path(sys.executable).with_name("creditnet"), "status", "--json"],
        env=proof.own_environment(home), capture_output=True, text=True, check=True, timeout=proof.PATIENCE,
    )  # fmt: skip
    return {one["name"]: one["pid"] for one in json.loads(done.stdout)["services"]}
