"""What is put on a server: schedules that mean what they say, and notices that hold whatever a name holds."""

import json
from pathlib import Path

import pytest
import yaml
from jinja2.sandbox import SandboxedEnvironment

from deployments import automations
from schemas.retraining import DriftDetected
from schemas.terms import Quarter

FILE = Path(automations.__file__).with_name("prefect.yaml")


@pytest.fixture(scope="module")
def deployments():
    found = yaml.safe_load(FILE.read_text())["deployments"]
    return {one["entrypoint"].split(":")[1]: one for one in found}


def test_every_flow_that_is_deployed_is_there_with_one_run_at_a_time(deployments):
    assert deployments.keys() == {
        "quarterly_refresh",
        "drift_monitor",
        "promotion",
        "outcomes_analysis",
        "score_portfolio",
    }
    for name, one in deployments.items():
        assert one["entrypoint"] == f"flows/{name}.py:{name}"
        assert (FILE.parents[1] / "flows" / f"{name}.py").is_file()
        assert one["concurrency_limit"]["limit"] == 1
        # Another portfolio's run may be planned for the same hour: none may be cancelled for it.
        assert one["concurrency_limit"]["collision_strategy"] == "ENQUEUE"
        assert "creditnet" in one["tags"]
        assert one["work_pool"]["name"] == "{{ $CREDITNET_WORK_POOL }}"
        assert "triggers" not in one, "events are answered in automations.py, and in one place only"


def test_the_schedules_have_a_time_zone(deployments):
    schedules = [schedule for one in deployments.values() for schedule in one.get("schedules", ())]
    assert {schedule["cron"] for schedule in schedules} == {"0 6 1 1,4,7,10 *", "0 5 * * 1", "0 4 2 * *"}
    assert all(schedule["timezone"] == "{{ $CREDITNET_TIME_ZONE }}" for schedule in schedules)


def test_a_notice_is_json_whatever_a_name_holds():
    hostile = 'a "quoted" \\ {{ name }}\n<script>'
    render = SandboxedEnvironment().from_string
    run = {"name": hostile, "id": "1"}
    told = json.loads(render(automations._RUN_NOTICE % ("failed", "e")).render(flow_run=run))
    assert (told["text"], told["run"]) == (f"creditnet: {hostile} failed", "1")
    payload = DriftDetected(
        id="1", portfolio=hostile, source="s", quarter=Quarter(2024, 4), data_dir=None, delivery="d", refresh="r",
        alarms=(), report="/r.html", trigger=hostile,
    ).model_dump(mode="json")  # fmt: skip
    told = json.loads(render(automations._DRIFT_NOTICE).render(event={"event": "e", "payload": payload}))
    assert (told["text"], told["reason"], told["quarter"]) == (f"creditnet: drift in {hostile}", hostile, "2024Q4")


def test_a_parameter_of_a_started_run_keeps_its_type():
    template = automations._from_event("data_dir")["value"]["template"]
    render = SandboxedEnvironment().from_string(template).render
    for value in (None, 'a "b"'):
        assert json.loads(render(event={"payload": {"data_dir": value}})) == value
