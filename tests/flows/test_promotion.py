"""The promotion flow on a real server: it suspends with a form, and people's answers are applied once each."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: Drives the server from a process of its own, as the UI would: deploy, start, answer the form, look.
DRIVER = """
import json, sys, time
from pathlib import Path
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.flow_runs import resume_flow_run

root = sys.argv[1]
source = flow.from_source(source=root, entrypoint="flows/promotion.py:promotion")
source.deploy(name="here", work_pool_name="here", build=False, push=False, print_next_steps=False)
run = run_deployment("promotion/here", parameters={"portfolio": "simulated", "version": "1"}, timeout=0)
client = get_client(sync_client=True)

def reached(kinds, seen):
    for _ in range(240):
        state = client.read_flow_run(run.id).state
        if state.name in kinds and state.id not in seen:
            seen.add(state.id)
            return state
        time.sleep(0.5)
    raise SystemExit(f"waited in vain for {kinds}: {state.name} {state.message}")

seen, told = set(), []
try:
    reached({"Suspended"}, seen)
    resume_flow_run(run.id, run_input={"decision": "maybe", "name": "Ann", "comment": "?"})
except Exception as error:
    told.append(str(error))
for answer in json.loads(sys.argv[2]):
    resume_flow_run(run.id, run_input=answer)
    told.append(reached({"Suspended", "Completed", "Failed", "Crashed"}, seen).name)
tasks = [one.name for one in client.read_task_runs() if one.flow_run_id == run.id]
artifacts = client.read_artifacts()
print(json.dumps({"told": told, "tasks": sorted(tasks), "artifacts": [one.data for one in artifacts]}))
"""


def helper(name: str, folder: str):
    path = Path(__file__).parents[1] / folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"promotion_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.flow
@pytest.mark.slow
def test_people_decide_in_the_ui_and_every_answer_counts_once(tmp_path, monkeypatch):
    versions, served = helper("published_versions", "tasks"), helper("served", "flows")
    home = tmp_path / "home"
    monkeypatch.setenv("CREDITNET_HOME", str(home))
    for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    from tasks.catalogue import open_catalogue
    from tasks.settings import settings

    versions.publish_version(settings(), 1)
    answers = [
        {"decision": "approve", "name": "Ann", "comment": "card read"},
        {"decision": "approve", "name": "ann ", "comment": "once more"},
        {"decision": "approve", "name": "Bob", "comment": "gaps are known"},
    ]
    with served.served(home) as environment:
        driven = subprocess.run(
            [sys.executable, "-c", DRIVER, str(served.ROOT), json.dumps(answers)],
            env=os.environ | environment, check=False, capture_output=True, text=True, timeout=400,
        )  # fmt: skip
    assert driven.returncode == 0, driven.stderr + (home / "worker.log").read_text()
    found = json.loads(driven.stdout.splitlines()[-1])
    assert found["told"][1:] == ["Suspended", "Suspended", "Completed"]
    assert "Cannot resume this run" in found["told"][0]
    assert "maybe" in found["told"][0]
    catalogue = open_catalogue(f"sqlite:///{home}/catalogue.db")
    [proposal] = catalogue.promotions.proposals("simulated", open_only=False)
    assert [(vote.name, vote.choice, vote.reason) for vote in proposal.votes] == [
        ("Ann", "approve", "card read"),
        ("Bob", "approve", "gaps are known"),
    ]
    assert (proposal.status, catalogue.champion("simulated").made_by) == ("approved", "Ann, Bob")
    assert versions.registry_aliases() == {"challenger": "1", "champion": "1"}
    assert catalogue.verified_audit({}).facts > 0
    assert any("asked for by system" in str(data) for data in found["artifacts"])
    shutil.rmtree(home)
