"""`creditnet tune` as a person and as a program meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def test_help_shows_an_example_and_the_exit_codes(creditnet):
    printed = " ".join(creditnet("tune", "--help").stdout.split())
    assert "Example: creditnet tune --portfolio corpnet" in printed
    assert "9 a setting cannot be used" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--no-such-option"], 2, "No such option"),
        (["--portfolio", "nobody"], 3, "There is no portfolio 'nobody'"),
        (["--quarter", "spring"], 9, "'spring' is not a quarter"),
        (["--kinds", "lightgbm,graphsge"], 9, "did you mean graphsage?"),
        (["--study", "Not A Name"], 9, "--study cannot be used"),
        (["--minutes", "0"], 9, "--minutes cannot be used"),
        (["--trials", "-1"], 2, "Invalid value"),
    ],
)
def test_mistakes_have_their_exit_codes(creditnet, tmp_path, arguments, code, message):
    done = creditnet("tune", *arguments, home=tmp_path / "home")
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def killed_after_trials(count, home, *arguments):
    """Start the command and kill it, with all it started, when it has told of so many trials; return what it told."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("creditnet"), *map(str, arguments)],
        env={**os.environ, "CREDITNET_HOME": str(home), "PREFECT_HOME": f"{home}/prefect"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    told = []
    with process.stderr as lines:
        for line in lines:
            told += [line.strip()] if line.strip().startswith("trial ") else []
            if len(told) == count:
                break
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL, "it ended by itself"
    return told


@pytest.mark.flow
def test_a_search_survives_a_kill_and_publishes_a_page_and_no_refresh(creditnet, rheintal, tmp_path):
    portfolio, home = rheintal.deliver(tmp_path / "data"), tmp_path / "home"
    command = (
        "tune",
        "--portfolio",
        portfolio,
        "--data-dir",
        tmp_path / "data",
        "--kinds",
        "logistic",
        "--trials",
        "3",
    )
    told = killed_after_trials(6, home, *command)
    assert told[0].startswith("trial   0  logistic (own)")
    done = creditnet(*command, "--json", home=home)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    files = printed.pop("files")
    assert json.loads(Path(files[0]).read_bytes()) == printed
    assert printed["chosen_auc"] >= printed["current_auc"]
    assert sum(not trial["own"] for trial in printed["trials"]) == 3
    kept = {trial["number"]: trial for trial in printed["trials"]}
    for line in told[:5]:  # the last one may have been told just before it was written down
        number, auc = int(line.split()[1]), line.split("AUC ")[1].split(",")[0]
        assert f"{kept[number]['auc']:.4f}" == auc
        assert line.split(", best")[0] not in done.stderr, "it is not measured again"
    assert [path.name for path in (home / "lake" / "rheintal").iterdir()] == ["tunes"]
    assert [path.name for path in (home / "work").iterdir()] == ["studies"]
