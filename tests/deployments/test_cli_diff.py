"""`creditnet diff` as a person and as a program meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.terms import Quarter
from tasks.settings import settings
from tests.tasks.published_graphs import publish_graph

CREDITNET = [sys.executable, "-c", "from deployments.cli import main; main()"]


@pytest.fixture
def home(tmp_path, monkeypatch, graphs):
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CREDITNET_DATABASE_URL", raising=False)
    for quarter, key, edges in (("2023Q1", "1" * 64, [("a", "b")]), ("2023Q2", "2" * 64, [("a", "c"), ("a", "b")])):
        graph = graphs.graph_of(["a", "b", "c"], {"supply": edges}, as_of=Quarter.parse(quarter).end)
        publish_graph(settings(), graph, key, portfolio="simulated")
    return tmp_path / "home"


def creditnet(*arguments, code=0):
    done = subprocess.run([*CREDITNET, *arguments], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_people_read_a_summary_and_where_the_files_are(home):
    printed = creditnet("diff", "2023Q1", "2023Q2", "--portfolio", "simulated").stdout
    assert "2023Q1 to 2023Q2" in printed.splitlines()[0]
    assert "1 edges before, 2 after; 1 born, 0 died, 1 kept (Jaccard 0.500)" in printed
    files = [line.strip() for line in printed.partition("files\n")[2].splitlines()]
    assert [Path(file).name for file in files] == ["diff.json", "diff.md", "diff.html"]
    assert all(Path(file).is_file() for file in files)


def test_programs_read_one_object_that_is_the_written_one_and_its_files(home):
    done = creditnet("diff", "2023Q1", "2023Q2", "--json")
    printed = json.loads(done.stdout)
    files = printed.pop("files")
    assert json.loads(Path(files[0]).read_bytes()) == printed
    assert printed["before"] == {
        "quarter": "2023Q1",
        "refresh": "1" * 64,
        "fingerprint": printed["before"]["fingerprint"],
    }
    assert printed["diff"]["relations"][0]["born"] == 1
    assert done.stderr == ""


def test_nothing_but_the_difference_is_made_in_the_home(home):
    creditnet("diff", "2023Q1", "2023Q2")
    assert list((home / "prefect").iterdir()) == []
    assert list((home / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["2023Q1"], 2, "Missing argument"),
        (["2023Q1", "2023Q2", "--portfolio", "nobody"], 3, "There is no portfolio 'nobody'"),
        (["2023Q1", "2023Q3"], 6, "2023Q3 of simulated has not been published"),
        (["2023Q1", "spring"], 9, "'spring' is not a quarter"),
    ],
)
def test_mistakes_have_their_exit_codes(home, arguments, code, message):
    done = creditnet("diff", *arguments, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_changed_graph_has_its_exit_code(home):
    stored = next(home.glob("lake/simulated/2023Q2/*/graphs/*"))
    stored.write_bytes(b"?")
    assert "not the file that was recorded" in creditnet("diff", "2023Q1", "2023Q2", code=8).stderr


def test_help_shows_an_example_and_the_exit_codes():
    printed = creditnet("diff", "--help").stdout
    assert "Example: creditnet diff 2022Q3 2022Q4 --portfolio interbank" in printed
    assert "Exit codes: 0 done" in printed


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['creditnet', '--help']\nfrom deployments.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'polars', 'numpy', 'scipy', 'sqlalchemy', 'prefect', 'yaml'}\n"
        "sys.stderr.write(str(sorted(heavy & sys.modules.keys())))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == "[]"
