"""`creditnet tune` as a person and as a program meet it."""

from __future__ import annotations

import json
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


@pytest.mark.flow
def test_a_search_tells_its_progress_and_publishes_a_page_and_no_refresh(creditnet, rheintal, tmp_path):
    portfolio, home = rheintal.deliver(tmp_path / "data"), tmp_path / "home"
    command = ("tune", "--portfolio", portfolio, "--data-dir", tmp_path / "data", "--kinds", "logistic,graphsage")
    done = creditnet(*command, "--trials", "2", "--json", home=home)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    files = printed.pop("files")
    assert json.loads(Path(files[0]).read_bytes()) == printed
    assert printed["chosen_auc"] >= printed["current_auc"]
    assert sum(not trial["own"] for trial in printed["trials"]) == 2
    assert "logistic (own)" in done.stderr
    assert [path.name for path in (home / "lake" / "rheintal").iterdir()] == ["tunes"]
    assert [path.name for path in (home / "work").iterdir()] == ["studies"]
