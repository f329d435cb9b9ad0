"""The commands that serve a home, where nothing need be started to know the answer."""

import json
import os
import socket
import sys
from types import SimpleNamespace

import pytest

from deployments.serving import Service, _environment
from tasks.serving import Served, ServedState, note_state, served_state
from tasks.settings import settings
from tests.tasks.published_versions import publish_version


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    return tmp_path / "home"


@pytest.fixture
def run(home, monkeypatch, capfd):
    """Run the command line in this process."""
    from deployments import cli

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["creditnet", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return SimpleNamespace(code=ended.value.code or 0, out=out, err=err)

    return command


def test_the_status_of_a_home_that_nobody_serves(home, run):
    publish_version(settings(), 1)
    publish_version(settings(), 2)
    found = json.loads(run("status", "--json").out)
    assert (found["served"], found["services"], found["next_runs"]) == (False, [], None)
    [bank] = found["portfolios"]
    assert (bank["portfolio"], bank["champion"], bank["open_approvals"]) == ("simulated", "1", ["1", "2"])
    assert (bank["last_refresh"]["version"], bank["running"]) == ("2", 0)
    told = run("status").out
    assert "not served" in told
    assert "2023Q3 version 2" in told


def test_a_server_that_does_not_answer_has_told_no_plans(creditnet, home):
    done = creditnet("status", "--json", home=home, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert json.loads(done.stdout)["next_runs"] is None, done.stderr


def test_an_empty_home_has_a_status_too(run):
    found = json.loads(run("status", "--json").out)
    assert (found["portfolios"], found["served"]) == ([], False)


def test_down_ends_nothing_where_nothing_is_served(run):
    done = run("down")
    assert (done.code, done.err) == (0, "nothing was served from this home\n")


def test_a_portfolio_with_mistakes_is_told_before_anything_starts(home, run):
    assert run("up", "--portfolio", "simulatd").code == 3
    assert run("deploy", "--portfolio", "simulatd").code == 3
    assert served_state(home) is None


def test_a_port_that_is_taken_is_told_with_the_way_out(home, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("up", "--port", taken.getsockname()[1])
    assert done.code == 9
    assert "name another one with --port" in done.err
    assert served_state(home) is None


def test_a_home_is_served_once(home, run):
    note_state(home, ServedState(supervisor=Served.of("creditnet up", "", os.getpid())))
    for command in ("up", "ui"):
        done = run(command, "--port", 0)
        assert done.code == 9
        assert "creditnet down" in done.err
    assert served_state(home).supervisor.pid == os.getpid()


def test_there_must_be_a_server_to_deploy_to(run):
    done = run("deploy")
    assert done.code == 9
    assert "PREFECT_API_URL" in done.err


def test_a_worker_finds_the_data_that_this_folder_has(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREDITNET_DATA", "deliveries")
    environment = _environment(settings(), Service(name="Prefect", command=(), url="http://127.0.0.1:1", health=""))
    assert environment["CREDITNET_DATA"] == str(tmp_path / "deliveries")
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
