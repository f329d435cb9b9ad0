"""`creditnet fetch` as a person and as a program meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.fetch.publishers import interbank_columns

CREDITNET = [sys.executable, "-c", "from deployments.cli import main; main()"]


@pytest.fixture
def source(tmp_path):
    """One quarter of a publisher whose files nobody has recorded."""
    folder = tmp_path / "source"
    folder.mkdir()
    names = interbank_columns()
    lines = [",".join(names.values()), ",".join("1" for _ in names)]
    (folder / "nodes_2016Q1.csv").write_text("\n".join(lines))
    (folder / "edge_2016Q1.csv").write_text("Sourceid,Targetid,Weights\n1,1,2\n")
    return folder


def creditnet(*arguments, code=0, cwd, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("CREDITNET_")}
    done = subprocess.run(
        [*CREDITNET, "fetch", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**known, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        cwd=cwd,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_people_read_what_was_made_and_how_to_use_it(source, tmp_path):
    done = creditnet("interbank", "--from", source, "--accept-new-hashes", cwd=tmp_path)
    assert "2016Q1/banks.parquet" in done.stdout
    assert "2 files had no recorded SHA-256" in done.stdout
    assert f"creditnet refresh --portfolio interbank --data-dir {tmp_path / 'data'}" in done.stdout
    assert "nodes_2016Q1.csv" in done.stderr
    assert (tmp_path / "data/interbank/2016Q1/exposures.parquet").is_file()


def test_the_folder_is_made_where_the_data_is_looked_for(source, tmp_path):
    creditnet("interbank", "--from", source, "--accept-new-hashes", cwd=tmp_path, CREDITNET_DATA=str(tmp_path / "lake"))
    assert (tmp_path / "lake/interbank/hashes.json").is_file()


def test_programs_read_one_object(source, tmp_path):
    done = creditnet("interbank", "--from", source, "--to", "mine", "--accept-new-hashes", "--json", cwd=tmp_path)
    printed = json.loads(done.stdout)
    assert printed["folder"] == str(tmp_path / "mine")
    assert printed["tables"][0] == {"file": "2016Q1/banks.parquet", "rows": 1}
    assert [file["recorded"] for file in printed["sources"]] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["smesd"], 2, "not one of 'corpnet', 'interbank'"),
        (["corpnet", "--from", "nowhere"], 4, "does not exist"),
        (["corpnet", "--from", "source"], 4, "tabular_data.csv cannot be read"),
        (["interbank", "--from", "source"], 8, "no recorded SHA-256"),
        (["interbank", "--from", "source", "--to", "source"], 9, "exists already"),
    ],
)
def test_mistakes_have_their_exit_codes(source, tmp_path, arguments, code, message):
    done = creditnet(*arguments, code=code, cwd=tmp_path)
    assert message in done.stderr
    assert done.stdout == ""


def test_nothing_outside_is_asked_unless_the_mirror_is_there(tmp_path):
    done = creditnet("corpnet", code=4, cwd=tmp_path, CREDITNET_FETCH_URL="http://127.0.0.1:9", no_proxy="127.0.0.1")
    assert "http://127.0.0.1:9/awslabs/sagemaker-graph-based-credit-scoring/c05beb8/datasets/" in done.stderr


def test_help_says_that_it_reaches_outside_and_shows_an_example(tmp_path):
    printed = creditnet("--help", cwd=tmp_path).stdout
    assert "Example: creditnet fetch corpnet --from" in printed
    assert "CREDITNET_FETCH_URL" in printed
    assert "Exit codes: 0 done" in printed
