"""`creditnet audit-splits` as a person and as a program meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_help_shows_an_example_and_the_exit_codes(creditnet):
    printed = " ".join(creditnet("audit-splits", "--help").stdout.split())
    assert "Example: creditnet audit-splits corpnet --data-dir ../data --json" in printed
    assert "10 so with --fail-beyond" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--no-such-option"], 2, "No such option"),
        (["nobody"], 3, "There is no portfolio 'nobody'"),
        (["simulated", "--quarter", "spring"], 9, "'spring' is not a quarter"),
        (["corpnet", "--origins", "3"], 9, "it has no rolling origins"),
        (["simulated", "--origins", "-1"], 2, "Invalid value"),
    ],
)
def test_mistakes_have_their_exit_codes(creditnet, tmp_path, arguments, code, message):
    done = creditnet("audit-splits", *arguments, home=tmp_path / "home")
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.flow
def test_a_delivery_is_audited_without_a_refresh_and_nothing_is_published(creditnet, rheintal, tmp_path):
    portfolio, home = rheintal.deliver(tmp_path / "data"), tmp_path / "home"
    command = ("audit-splits", portfolio, "--data-dir", tmp_path / "data")
    done = creditnet(*command, "--json", "--fail-beyond", home=home)
    printed = json.loads(done.stdout)
    assert done.returncode == (10 if any(finding["beyond"] for finding in printed["findings"]) else 0), done.stderr
    assert printed["refresh"] is None
    assert {measure["scheme"] for measure in printed["measures"]} == {
        "random",
        "published",
        "entity",
        "community",
        "temporal",
    }
    files = printed.pop("files")
    assert json.loads(Path(files[0]).read_bytes()) == printed
    assert list((home / "work").iterdir()) == []
    assert [path.name for path in (home / "lake" / "rheintal").iterdir()] == ["audits"]
