"""A published refresh is made again, and a difference is found where it begins."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.flows import drifting
from tests.flows.conftest import in_home

pytestmark = pytest.mark.flow


@pytest.fixture
def reproduce(prefect_server):
    def run(home, version, **options):
        from flows.reproduction import reproduction
        from tasks.settings import prepare_environment, settings

        with in_home(home):
            prepare_environment(settings())
            return reproduction("rheintal", version, **options)

    return run


def test_a_refresh_comes_out_the_same_to_the_byte_and_leaves_nothing_behind(published, reproduce):
    home = published.home.path
    before = {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*")}
    head, found = published.home.catalogue.audit_head(), reproduce(home, "2")
    assert (found.outcome, found.first_difference, found.remarks) == ("same", None, ())
    assert found.refresh == published.third.refresh.refresh
    stages = ("code", "lock", "settings", "delivery", "admission", "graph", "split", "model", "probabilities")
    assert list(dict.fromkeys(one.stage for one in found.compared)) == [
        *(*stages, "evaluation", "scores", "reason codes"),
        *("judgement", "score drift"),
    ]
    hashes = {one.subject.split()[0]: one.found for one in found.compared if one.stage == "model"}
    assert hashes == published.third.refresh.content_hashes
    assert {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*")} == before
    assert published.home.catalogue.audit_head() == head
    assert not list((home / "work").glob("reproduce-*"))
    assert os.environ.get("CREDITNET_HOME") != str(home)


def test_limits_come_from_the_same_quarters_again(make_home, reproduce, tmp_path):
    portfolio, home = drifting.deliver(tmp_path / "data"), make_home(tmp_path / "home")
    for quarter in (drifting.FIRST, "2024Q3", "2024Q4"):
        if quarter != drifting.FIRST:
            drifting.deliver_quarter(tmp_path / "data", quarter, "nothing")
        home.refresh(portfolio, quarter, tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in (home.path / "lake").rglob("*")}
    found = reproduce(home.path, "3")
    assert [one for one in found.compared if one.same is not True] == []
    assert {path: path.stat().st_mtime_ns for path in (home.path / "lake").rglob("*")} == before


def test_other_code_is_named_by_the_command_and_nothing_is_fitted(published, prefect_server, monkeypatch, capfd):
    from deployments import cli
    from tasks.identity import code_files

    other = code_files() | {"models/splits.py": "0" * 64}
    monkeypatch.setattr("tasks.reproducing.code_files", lambda: other)
    monkeypatch.setenv("PREFECT_API_URL", prefect_server["PREFECT_API_URL"])

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["creditnet", "reproduce", *arguments, "--portfolio", "rheintal"])
        with in_home(published.home.path), pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capfd.readouterr()

    code, printed = run("1", "--json")
    found = json.loads(printed.out)
    assert (code, found["outcome"], found["first_difference"]["stage"]) == (12, "different", "code")
    assert found["first_difference"]["reason"] == "not the same: models/splits.py"
    assert [one["stage"] for one in found["compared"]] == ["code", "lock", "settings", "delivery"]
    code, printed = run("7")
    assert (code, printed.out) == (6, "")
    assert "Version 7 of rheintal has not been published." in printed.err


def test_made_again_by_other_code_it_differs_where_the_code_acts(published, reproduce, monkeypatch):
    from tasks import evaluation
    from tasks.identity import code_files

    original = evaluation.evaluation
    monkeypatch.setattr(
        evaluation, "evaluation", lambda *given: original(*given).model_copy(update={"choice_reason": "another"})
    )
    other = code_files() | {"models/evaluation.py": "0" * 64}
    monkeypatch.setattr("tasks.reproducing.code_files", lambda: other)
    found = reproduce(published.home.path, "2", anyway=True)
    assert [one.stage for one in found.compared if one.same is False] == ["code", "evaluation"]
    assert found.first_difference.stage == "code"


def test_a_real_home_is_whole_and_changed_scores_and_registered_files_are_named(published, published_copy):
    from tasks.verifying import verified_home

    with in_home(published_copy.path):
        report = verified_home()
        assert (report.whole, report.refreshes, report.damages) == (True, 2, ())
        with sqlite3.connect(published_copy.path / "catalogue.db") as catalogue:
            catalogue.execute("UPDATE scores SET probability = 0.5 WHERE firm_id = 'NULL'")
        found = verified_home(registry=False).damages
        assert len(found) == 2
        assert all("the score of firm NULL is (0.5, " in damage.problem for damage in found)
        # The registry of a copied home still names the artifacts of the first one.
        old, new = (str(home.path / "mlflow" / "artifacts") for home in (published.home, published_copy))
        with sqlite3.connect(published_copy.path / "mlflow" / "mlflow.db") as registry:
            registry.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", (old, new))
        for spec in Path(new).rglob("spec.json"):
            spec.write_bytes(b"{}")
        named = [one.where for one in verified_home().damages if one.where.startswith("registry")]
        assert len(named) == 2
        assert named[0].startswith(f"registry, creditnet-rheintal 1: {new}")
