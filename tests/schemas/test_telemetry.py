"""Nothing reports home: the switches are thrown before any library can read them."""

import json
import os
import subprocess
import sys

from schemas.telemetry import TELEMETRY_SWITCHES, silence_telemetry

SHOW = "import schemas, os, json, sys; print(json.dumps([dict(os.environ), sorted(sys.modules)]))"


def imported_schemas(**environment):
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(shown.stdout)


def test_importing_schemas_throws_every_switch_whatever_the_environment_says():
    hostile = dict.fromkeys(TELEMETRY_SWITCHES, "please report")
    environment, modules = imported_schemas(**hostile)
    assert {name: environment[name] for name in TELEMETRY_SWITCHES} == TELEMETRY_SWITCHES
    third_party = {"evidently", "great_expectations", "mlflow", "prefect", "pandera", "autogluon"}
    assert not third_party & set(modules), "a library imported before the switches would not see them"


def test_silencing_twice_changes_nothing(monkeypatch):
    for name in TELEMETRY_SWITCHES:
        monkeypatch.setenv(name, "0")
    silence_telemetry()
    silence_telemetry()
    assert {name: os.environ[name] for name in TELEMETRY_SWITCHES} == TELEMETRY_SWITCHES
