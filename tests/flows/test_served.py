"""A served home on a real server and worker: drift retrains, schedules are planned, people are asked and told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.flows import retraining_proof as proof
from tests.tasks import postgresql as servers

pytestmark = [pytest.mark.flow, pytest.mark.served, pytest.mark.timeout(1800)]


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self) -> None:
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.told = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def drifts(hook):
    """Return what the webhook was told of drift; on a slow machine it may hear of late runs too."""
    return [told for told in hook.told if told["event"] == "creditnet.drift.detected"]


def command(home, *words):
    """Run the installed command beside a served home."""
    done = subprocess.run(
        [Path(sys.executable).with_name("creditnet"), *words],
        env=proof.own_environment(home),
        capture_output=True, text=True, timeout=proof.PATIENCE, cwd=home.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_drift_retrains_and_nothing_else_does(hook, tmp_path):
    seen = {}

    def look(prefect, home):
        seen["status"] = json.loads(command(home, "status", "--json"))
        seen["processes"] = [psutil.Process(one["pid"]) for one in seen["status"]["services"]]
        seen["processes"] += [child for one in seen["processes"] for child in one.children(recursive=True)]
        seen["before"] = {one["name"]: one["id"] for one in prefect.ask("automations/filter", {})}
        environment = proof.own_environment(home) | {"PREFECT_API_URL": f"{prefect.url}/api"}
        again = [sys.executable, "-m", "deployments.automations"]
        subprocess.run(again, env=environment, check=True, capture_output=True, cwd=proof.ROOT)
        # The second time there is no webhook to tell, so what told it is gone and nothing else has changed.
        seen["after"] = {one["name"]: one["id"] for one in prefect.ask("automations/filter", {})}
        seen["asked"] = prefect.by_automation("promotion")
        seen["artifacts"] = {one["key"]: one["data"] for one in prefect.ask("artifacts/latest/filter", {})}
        proof.served.until(lambda: len(drifts(hook)) == 2, 30, "both notices of drift")
        seen["scored"] = scored_after_approval(prefect, home)

    url = f"http://127.0.0.1:{hook.server_port}/hook"
    assert proof.counted(tmp_path, look, CREDITNET_WEBHOOK_URL=url) == (2, 0)

    status = seen["status"]
    assert all(one["runs"] for one in status["services"])
    planned = {one["deployment"]: one["at"] for one in status["next_runs"]}
    assert planned.keys() >= {"quarterly_refresh/served", "drift_monitor/served", "outcomes_analysis/served"}
    assert planned["outcomes_analysis/served"][8:16] == "02T04:00"
    assert planned["quarterly_refresh/served"][5:16] in {f"{month}-01T06:00" for month in ("01", "04", "07", "10")}
    [bank] = status["portfolios"]
    assert bank["last_refresh"]["quarter"] == "2025Q1"
    assert bank["last_refresh"]["trigger"].startswith("drift ")
    assert (bank["champion"], bank["open_approvals"]) == ("1", ["1"])

    [asked] = seen["asked"]
    assert (asked["parameters"]["portfolio"], asked["parameters"]["version"]) == ("rheintal", "1")

    assert seen["scored"]["parameters"] == {"portfolio": "rheintal"}
    [scores] = (tmp_path / "home").glob("lake/rheintal/scores/2025Q1-version-1-*/scores.parquet")
    assert scores.stat().st_size > 0

    kept = {name: key for name, key in seen["before"].items() if "tell" not in name}
    assert seen["after"] == kept
    assert len(kept) == 4
    assert len(seen["before"]) == 8
    assert [told["quarter"] for told in drifts(hook)] == ["2024Q4", "2025Q1"]
    assert "feature staff" in drifts(hook)[0]["reason"]

    assert not [process for process in seen["processes"] if process.is_running()]
    assert {f"rheintal-{name}" for name in ("candidates", "gates", "fairness", "verdict", "drift")} <= seen[
        "artifacts"
    ].keys()
    values = [row["value"] for row in json.loads(seen["artifacts"]["rheintal-gates"]) if row["value"] is not None]
    assert values == [round(value, 3) for value in values]
    with proof.serving(tmp_path / "home", "ui") as prefect:
        assert prefect.ask("flow_runs/count", {"flows": {"name": {"any_": ["drift_monitor"]}}}) >= 3
    reasons(tmp_path / "home")


def scored_after_approval(prefect, home):
    """Approve the champion of the bootstrap by two names; return the run by which the automation has it score."""
    for name in ("Ann", "Bo"):
        command(home, "approve", "1", "--by", name, "--reason", "card read", "--portfolio", "rheintal")
    return prefect.until_ended(lambda: next(iter(prefect.by_automation("score_portfolio")), None), "scoring")


def reasons(home):
    """The reason stands in the audit log, on the refresh and on its card."""
    log = json.loads(command(home, "audit", "show", "--json"))["entries"]
    drifts = [entry["details"] for entry in log if entry["event"] == "creditnet.drift.detected"]
    assert [(one["quarter"], one["allowed"]) for one in drifts] == [("2024Q4", True), ("2025Q1", True)]
    started = [entry["details"]["trigger"] for entry in log if entry["event"] == "refresh.started"]
    assert [trigger.split(":")[0] for trigger in started[1:]] == [f"drift {one['id']}" for one in drifts]
    cards = sorted(home.glob("lake/rheintal/*/*/documents/model_card.md"))
    assert drifts[-1]["id"] in cards[-1].read_text()


def test_it_is_the_same_on_postgresql(postgresql, tmp_path):
    catalogue, prefect = postgresql
    # Nothing is proposed, so that no promotion is started: that is the other test's.
    settings = {"gates": {"minimum_auc": 1.0, "least_group_size": 10}}
    environment = {"CREDITNET_DATABASE_URL": catalogue, "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect}
    assert proof.counted(tmp_path, settings=settings, **environment) == (2, 0)


@pytest.fixture
def postgresql():
    """URLs of two databases of a real server, for the catalogue and for Prefect."""
    programs = servers.binaries()
    if programs is None:
        (pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip)("needs PostgreSQL's server programs")
    with servers.server(programs) as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+pg8000://"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("creditnet", "prefect"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        server = url.removesuffix("/postgres")
        yield f"{server}/creditnet", server.replace("postgresql://", "postgresql+asyncpg://") + "/prefect"
