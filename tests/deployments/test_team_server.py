"""The files for a team server: units that systemd accepts, settings that something reads, containers that fit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deployments" / "team_server"
UNITS = sorted((FOLDER / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip)("needs systemd-analyze")
    # The programs of this environment stand in for those of the server: systemd looks whether they are there.
    here = str(Path(sys.executable).parent)
    for one in UNITS:
        (tmp_path / one.name).write_text(one.read_text().replace("/opt/creditnet/.venv/bin", here))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_a_unit_without_its_program_is_not_accepted(tmp_path):
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip)("needs systemd-analyze")
    path = tmp_path / "broken.service"
    path.write_text("[Service]\nExecStart=/nowhere/prefect server start\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0


def test_every_setting_of_the_example_is_one_that_something_reads():
    names = re.findall(r"^#?([A-Z_]+)=", (FOLDER / "creditnet.env.example").read_text(), re.MULTILINE)
    root = FOLDER.parents[1]
    ours = "".join(
        path.read_text()
        for folder in ("tasks", "deployments")
        for path in (root / folder).rglob("*")
        if path.suffix in {".py", ".yaml"} and FOLDER not in path.parents
    )
    from prefect import settings

    known = {*re.findall(r"CREDITNET_[A-Z_]+", ours), *(name for name in names if hasattr(settings, name))}
    assert sorted(set(names) - known) == []
    assert {"CREDITNET_DATABASE_URL", "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"} <= set(names)


def test_the_containers_copy_what_is_installed_and_expose_nothing_but_loopback():
    docker = (FOLDER / "Dockerfile").read_text()
    root = FOLDER.parents[1]
    for source in re.findall(r"COPY --chown=creditnet (.+) \S+$", docker, re.MULTILINE):
        assert all((root / name).exists() for name in source.split())
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert services.keys() == {"database", "server", "deploy", "worker"}
    ports = [port for one in services.values() for port in one.get("ports", ())]
    assert ports == ["127.0.0.1:4200:4200"]
    assert "PREFECT_SERVER_API_AUTH_STRING" in services["server"]["environment"]
    assert (FOLDER / "databases.sql").is_file()
