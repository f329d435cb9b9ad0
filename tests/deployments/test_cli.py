"""The command line: one JSON object on stdout, people's lines on stderr, and an exit code that says what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemas import errors
from schemas.results import GateResult, Refresh, RefreshOutcome, Verdict
from schemas.terms import Judgement, Quarter
from tasks.portfolios import bundled_names

METRICS = {"auc", "f1", "accuracy", "mcc", "balanced_accuracy", "precision", "recall"}


class TestWithoutAServer:
    def test_help_names_the_commands_and_every_exit_code(self, creditnet):
        found = creditnet("--help")
        assert found.returncode == 0
        assert all(name in found.stdout for name in ("refresh", "portfolios", "portfolio"))
        codes = " ".join(found.stdout.split())
        kinds = [getattr(errors, name) for name in dir(errors)]
        own = {kind.exit_code for kind in kinds if isinstance(kind, type) and issubclass(kind, errors.CreditnetError)}
        assert all(f"{code} " in codes[codes.index("Exit codes") :] for code in {0, 2} | own)

    def test_nothing_heavy_is_imported_for_it(self):
        program = (
            "import sys, deployments.cli\n"
            "print(sorted({'torch', 'prefect', 'mlflow', 'polars', 'pandas', 'dgl', 'sqlalchemy'} & set(sys.modules)))"
        )
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert found.stdout == "[]\n"

    def test_the_bundled_portfolios_are_listed(self, creditnet):
        printed = json.loads(creditnet("portfolios", "--json").stdout)
        assert [entry["name"] for entry in printed["portfolios"]] == bundled_names()
        assert all(set(entry) >= {"name", "title", "source", "target"} for entry in printed["portfolios"])

    def test_a_portfolio_file_is_checked(self, creditnet, rheintal):
        found = creditnet("portfolio", "check", rheintal.PORTFOLIO)
        assert found.returncode == 0
        assert found.stdout == f"{rheintal.PORTFOLIO} is correct: rheintal, 4 features, 2 relations, 6 candidates.\n"

    def test_a_portfolio_file_with_a_mistake_is_explained(self, creditnet, rheintal, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(rheintal.PORTFOLIO.read_text(encoding="utf-8").replace("title:", "titel:"), encoding="utf-8")
        found = creditnet("portfolio", "check", path)
        assert (found.returncode, found.stdout) == (3, "")
        assert found.stderr == (
            f"\nError: {path} has 2 mistakes:\n"
            "  1. title: is missing\n"
            "  2. titel: is not a setting; did you mean title?\n"
            "  way out: correct the file and run `creditnet portfolio check` on it again\n"
        )

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--portfolio", "interbnk"], 3, "There is no portfolio 'interbnk'."),
            (["--portfolio", "nowhere.yaml"], 3, "The portfolio file nowhere.yaml cannot be read."),
            (["--quarter", "Q4-2024"], 9, "'Q4-2024' is not a quarter."),
            (["--quarters", "2024Q4"], 2, "No such option: --quarters"),
        ],
    )
    def test_mistakes_that_can_be_seen_at_once_cost_no_server(self, creditnet, tmp_path, arguments, code, message):
        found = creditnet("refresh", "--json", *arguments, home=tmp_path / "home")
        assert (found.returncode, found.stdout) == (code, "")
        assert message in found.stderr
        assert "Traceback" not in found.stderr
        assert not (tmp_path / "home").exists()

    def test_a_home_that_cannot_be_used_is_a_setting(self, creditnet, tmp_path):
        (tmp_path / "home").write_text("a file")
        found = creditnet("refresh", home=tmp_path / "home", PREFECT_HOME=str(tmp_path))
        assert (found.returncode, found.stdout) == (9, "")
        assert "Error: The home folder cannot be used." in found.stderr


def outcome(*, already_published=False):
    gates = [("auc", 0.75, Judgement.PASS), ("leak", 0.9, Judgement.FAIL), ("drift", None, Judgement.NOT_ASSESSABLE)]
    refresh = Refresh(
        portfolio="simulated",
        quarter=Quarter(2024, 4),
        fingerprint="g1",
        refresh="k1",
        candidates={"logistic": {"validation": {"auc": 0.75, "f1": None}}},
        verdict=Verdict(outcome="failed", chosen="logistic", summary="logistic fails 1 gate.", graph_helped="no"),
        gates=tuple(
            GateResult(gate=name, value=value, limit=0.7, comparison="at most", verdict=verdict)
            for name, value, verdict in gates
        ),
        documents=("/home/card.html",),
        stages={"receive": 1.25, "fit logistic": 2.5},
        model_version="creditnet-simulated 1",
        content_hashes={"logistic": "00"},
        files=("/home/card.html",),
    )
    return RefreshOutcome(refresh=refresh, already_published=already_published)


class TestPrinting:
    """The flow is replaced by its result; what libraries write meanwhile must not reach stdout."""

    @pytest.fixture
    def refresh(self, monkeypatch, capfd):
        from deployments import cli

        def run(*arguments, result):
            def noisy(*_args):
                os.write(1, b"written by a library in C\n")
                if isinstance(result, Exception):
                    raise result
                return result

            monkeypatch.setattr(cli, "_run_refresh", noisy)
            monkeypatch.setattr(sys, "argv", ["creditnet", "refresh", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            out, err = capfd.readouterr()
            return SimpleNamespace(code=ended.value.code or 0, out=out, err=err)

        return run

    def test_json_is_the_only_thing_on_stdout(self, refresh):
        found = refresh("--json", result=outcome())
        assert found.code == 0
        assert json.loads(found.out) == outcome().refresh.model_dump(mode="json")
        assert found.out.count("\n") == 1
        assert "written by a library in C" in found.err

    def test_what_python_prints_meanwhile_goes_to_stderr(self):
        program = (
            "import json, sys\n"
            "from types import SimpleNamespace\n"
            "from deployments import cli\n"
            "refresh = SimpleNamespace(model_dump=lambda mode: {'done': True})\n"
            "def noisy(*_):\n"
            "    print('printed by a library')\n"
            "    return SimpleNamespace(refresh=refresh, already_published=False)\n"
            "cli._run_refresh = noisy\n"
            "sys.argv = ['creditnet', 'refresh', '--json']\n"
            "cli.main()"
        )
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert (found.stdout, found.stderr) == ('{"done": true}\n', "printed by a library\n")

    def test_a_no_op_prints_the_same_object_and_says_so(self, refresh):
        printed = json.loads(refresh("--json", result=outcome(already_published=True)).out)
        assert printed.pop("already_published") is True
        assert printed == outcome().refresh.model_dump(mode="json")

    def test_people_read_the_verdict_the_failed_gate_and_the_files(self, refresh):
        found = refresh(result=outcome())
        assert found.code == 0
        assert "2024Q4" in found.out
        assert "verdict      failed: logistic fails 1 gate." in found.out
        assert "1 passed, 1 failed, 1 not assessable" in found.out
        assert "failed: leak = 0.900, limit at most 0.7" in found.out
        assert "/home/card.html" in found.out
        assert "already" not in found.out
        assert "by a library" not in found.out

    def test_people_are_told_that_nothing_changed(self, refresh):
        assert "(published before; nothing changed)" in refresh(result=outcome(already_published=True)).out

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            ("PortfolioError", 3),
            ("DeliveryError", 4),
            ("DeliveryRefused", 5),
            ("NotEnoughData", 6),
            ("RefreshBusy", 7),
            ("IntegrityError", 8),
            ("SettingsError", 9),
            ("CreditnetError", 1),
        ],
    )
    def test_each_error_has_its_exit_code_and_leaves_stdout_empty(self, refresh, kind, code):
        error = getattr(errors, kind)("It is so.", expected="this", found="that", way_out="go there")
        found = refresh("--json", result=error)
        assert (found.code, found.out) == (code, "")
        assert found.err.endswith("\nError: It is so.\n  expected: this\n  found: that\n  way out: go there\n")


@pytest.mark.flow
class TestRefresh:
    """The command as it is installed, with a server of its own."""

    @pytest.fixture(scope="module")
    @staticmethod
    def runs(creditnet, rheintal, tmp_path_factory):
        """A refresh whose gates fail, the same again, and a delivery that is refused."""
        folder = tmp_path_factory.mktemp("cli")
        portfolio = rheintal.deliver(folder / "data")
        strict = portfolio.read_text(encoding="utf-8").replace("minimum_auc: 0.5", "minimum_auc: 0.99")
        portfolio.write_text(strict, encoding="utf-8")
        refresh = ["refresh", "--portfolio", portfolio, "--data-dir", folder / "data", "--quarter", "2024Q2", "--json"]
        first, again = (creditnet(*refresh, home=folder / "home") for _ in range(2))
        customers = folder / "data/rheintal/kunden_2024Q2.csv"
        customers.write_text(customers.read_text(encoding="utf-8").replace("Handel", "Handwerk"), encoding="utf-8")
        return SimpleNamespace(
            first=first, again=again, refused=creditnet(*refresh, home=folder / "home"), home=folder / "home"
        )

    def test_failed_gates_are_a_published_verdict_and_exit_code_0(self, runs):
        assert runs.first.returncode == 0, runs.first.stderr
        printed = json.loads(runs.first.stdout)
        assert runs.first.stdout.count("\n") == 1
        assert printed["verdict"]["outcome"] == "failed"
        assert "already_published" not in printed
        assert (printed["portfolio"], printed["quarter"]) == ("rheintal", "2024Q2")
        assert set(printed) >= {"fingerprint", "candidates", "verdict", "gates", "documents", "stages"}
        assert all(
            set(metrics) == METRICS for samples in printed["candidates"].values() for metrics in samples.values()
        )
        assert all(Path(path).is_relative_to(runs.home) and Path(path).is_file() for path in printed["documents"])
        assert {gate["verdict"] for gate in printed["gates"]} >= {"fail"}

    def test_people_follow_the_stages_on_stderr(self, runs):
        for stage in json.loads(runs.first.stdout)["stages"]:
            assert f"✓ {stage} " in runs.first.stderr

    def test_a_no_op_prints_the_object_of_the_refresh_that_published(self, runs):
        assert runs.again.returncode == 0, runs.again.stderr
        assert json.loads(runs.again.stdout) == {**json.loads(runs.first.stdout), "already_published": True}

    def test_a_refused_delivery_is_no_success(self, runs):
        assert (runs.refused.returncode, runs.refused.stdout) == (5, "")
        message = runs.refused.stderr[runs.refused.stderr.index("Error: ") :]
        assert message.startswith(
            "Error: The delivery is refused: too many bad rows in firms, relations:trade, filings, outcomes.\n"
            "firms: 40 of 240 rows (16.67%; tolerated 0.00%)\n"
            "    sector breaks 'one of Bau, Handel, Maschinenbau': row 2 'Handwerk', row 5 'Handwerk', "
            "row 8 'Handwerk', row 11 'Handwerk', row 14 'Handwerk' and 35 more\n"
        )
        assert "Traceback" not in runs.refused.stderr

    def test_the_state_is_private(self, runs):
        assert (runs.home.stat().st_mode & 0o077) == 0
