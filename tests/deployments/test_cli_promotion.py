"""The commands on promotion, audit log and housekeeping: one JSON object on stdout, and an exit code a kind."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import pytest

from schemas import errors
from tasks.settings import settings
from tests.tasks.published_versions import PASSED, publish_version, registry_aliases


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory):
    """A home with two published versions, the second asked for by Ann; not to be changed."""
    home = tmp_path_factory.mktemp("filled") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        publish_version(settings(), 1)
        publish_version(settings(), 2, by="Ann")
    return home


@pytest.fixture
def home(filled_home, tmp_path, monkeypatch):
    for name in ("CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    copy = shutil.copytree(filled_home, tmp_path / "home")
    copy.chmod(0o700)
    monkeypatch.setenv("CREDITNET_HOME", str(copy))
    return copy


@pytest.fixture
def run(home, monkeypatch, capfd):
    """Run the command line in this process."""
    from deployments import cli

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["creditnet", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return SimpleNamespace(code=ended.value.code or 0, out=out, err=err)

    return command


def decided(by, reason="card read"):
    return ("--by", by, "--reason", reason)


class TestPromoting:
    def test_a_version_becomes_champion_and_goes_again(self, run):
        found = run("approve", "2", *decided("Bob"), "--json")
        printed = json.loads(found.out)
        assert (found.code, printed["status"], printed["champion"]) == (0, "approved", "2")
        # This home has cards and no models.
        assert "The decision stands; the champion has yet to score" in found.err
        assert registry_aliases() == {"challenger": "2", "champion": "2"}
        assert "champion     version 1" in run("rollback", *decided("Cid", "complaints")).out
        assert registry_aliases()["champion"] == "1"
        assert run("propose", "2", *decided("Ann")).out.startswith("simulated version 2: open, 1 more to approve it")
        assert run("reject", "2", *decided("Bob")).out.startswith("simulated version 2: rejected")

    def test_a_server_is_told_of_what_a_person_proposes_and_of_no_vote(self, run, monkeypatch):
        told = []
        monkeypatch.setattr("tasks.notices.announce_proposal", lambda proposal: told.append(proposal.version))
        run("reject", "2", *decided("Bob"))
        run("propose", "2", *decided("Ann"))
        assert told == []
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
        run("reject", "2", *decided("Bob"))
        run("propose", "2", *decided("Ann"))
        run("approve", "1", *decided("Bob"))
        assert told == ["2"]

    def test_proposals_are_listed(self, run):
        printed = json.loads(run("proposals", "--json").out)["proposals"]
        assert [(one["version"], one["requested_by"], one["approvals_missing"]) for one in printed] == [
            ("1", "system", 2),
            ("2", "Ann", 1),
        ]
        run("approve", "2", *decided("Bob"))
        assert run("proposals", "--portfolio", "simulated").out == "No version waits for approval.\n"
        listed = run("proposals", "--all").out
        assert "simulated version 1, 2023Q2: superseded" in listed
        assert "approve      Bob" in listed

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (("approve", "2", *decided("ann ")), 11, "four eyes"),
            (("approve", "7", *decided("Bob")), 11, "Version 7 of simulated is not proposed."),
            (("approve", "2", *decided("Bob", " ")), 11, "A decision needs a reason."),
            (("approve", "2", *decided("system")), 9, "This cannot be a person's name."),
            (("approve", "2", *decided("Bob"), "--portfolio", "nowhere"), 3, "There is no portfolio"),
            (("approve", "2", "--by", "Bob"), 2, "--reason"),
            (("rollback", *decided("Bob")), 11, "no earlier champion"),
            (("propose", "1", *decided("Bob")), 11, "is proposed already"),
            (("refresh", "--by", "system"), 9, "This cannot be a person's name."),
            (("score", "--portfolio", "nowhere"), 3, "There is no portfolio"),
            (("outcomes", "--portfolio", "nowhere"), 3, "There is no portfolio"),
            (("outcomes", "--quarter", "2024Q9"), 9, "is not a quarter"),
        ],
    )
    def test_each_refusal_has_its_code_and_says_why(self, run, arguments, code, message):
        found = run(*arguments)
        assert (found.code, found.out) == (code, "")
        assert message in found.err
        assert "Traceback" not in found.err

    def test_a_card_that_was_changed_is_not_approved(self, run, home):
        next(home.glob("lake/*/*/key-simulated-2/documents/model_card.md")).write_text("better")
        found = run("approve", "2", *decided("Bob"))
        assert found.code == errors.IntegrityError.exit_code
        assert "model_card.md has changed" in found.err


class TestAuditLog:
    def test_a_whole_log_is_verified_and_shown(self, run):
        run("approve", "2", *decided("Bob"))
        printed = json.loads(run("audit", "verify", "--json").out)
        assert (printed["rows"], printed["unwitnessed_rows"]) == (10, 0)
        shown = json.loads(run("audit", "show", "--last", "2", "--json").out)["entries"]
        assert [one["event"] for one in shown] == ["champion.promoted", "proposal.closed"]
        assert shown[-1]["hash"] == printed["head"]
        assert run("audit", "verify", "--head", printed["head"], "--no-registry").code == 0
        text = run("audit", "show").out
        assert text.count("\n") == 10
        assert "vote.made" in text
        assert "Bob" in text

    def test_what_does_not_fit_has_its_own_code(self, run, home):
        assert run("audit", "verify", "--head", "f00d", "--no-registry").code == 8
        with sqlite3.connect(home / "catalogue.db") as connection:
            connection.execute("DELETE FROM audit_log WHERE sequence = 6")
        connection.close()
        found = run("audit", "verify", "--no-registry")
        assert (found.code, found.out) == (8, "")
        assert "contradict each other" in found.err


class TestHousekeeping:
    def test_refreshes_are_listed(self, run):
        printed = json.loads(run("refreshes", "--json").out)["refreshes"]
        assert [(one["version"], one["aliases"]) for one in printed] == [("1", ["champion"]), ("2", ["challenger"])]
        assert "version 2" in run("refreshes", "--portfolio", "simulated").out

    def test_pruning_tells_first(self, run):
        for version in (3, 4, 5):
            publish_version(settings(), version, gates=PASSED[1:])
        told = json.loads(run("prune", "--keep", "2", "--json").out)
        assert ([one["version"] for one in told["pruned"]], told["done"]) == (["3"], False)
        assert run("prune", "--keep", "2", "--yes").out.startswith("simulated: 0.0 MB freed\n  goes   2023Q4 version 3")
        assert "pruned" in run("refreshes").out
        assert run("prune", "--keep", "1").code == 9
        assert run("audit", "verify", "--no-registry").code == 0

    def test_the_doctor_says_what_to_do_and_ends_with_its_code(self, run, home):
        home.chmod(0o755)
        found = run("doctor", "--json")
        assert found.code == 9
        [check] = [one for one in json.loads(found.out)["checks"] if one["check"] == "home"]
        assert check["way_out"].startswith("chmod 700")
        assert "way out: chmod 700" in run("doctor").out


def test_help_needs_nothing_heavy():
    program = (
        "import sys, deployments.cli\n"
        "print(sorted({'torch', 'prefect', 'mlflow', 'polars', 'sqlalchemy', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "command",
    ["proposals", "propose", "approve", "reject", "rollback", "refreshes", "prune", "doctor", "outcomes", "score"],
)
def test_help_has_an_example_and_the_exit_codes(run, command):
    found = " ".join(run(command, "--help").out.split())
    assert f"Example: creditnet {command}" in found
    assert "Exit codes: 0" in found
