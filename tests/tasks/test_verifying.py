"""A whole home is whole, and whatever is changed in it is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from schemas.references import DeliveryRef
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue
from tasks.contents import written_index
from tasks.lake import write_file
from tasks.settings import settings
from tasks.verifying import verified_home
from tests.tasks.published_versions import publish_version

CARD = "lake/simulated/2023Q2/key-simulated-1/documents/model_card.md"


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory) -> Path:
    """Two published versions, a delivery and a page; not to be changed."""
    from schemas.audits import SplitAudit
    from tasks.split_auditing import written_audit

    home = tmp_path_factory.mktemp("verified") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        publish_version(settings(), 1)
        publish_version(settings(), 2)
        table = write_file(home, "lake/deliveries/simulated/2023Q2/d/firms.parquet", b"firms")
        delivery = DeliveryRef(
            portfolio="simulated", quarter=Quarter(2023, 2), fingerprint="d", tables={"firms": table}
        )
        open_catalogue(settings().database_url).record_delivery(delivery)
        written_audit(
            SplitAudit(
                portfolio="simulated", title="t", quarter=Quarter(2023, 2), fingerprint="g", refresh=None,
                samples=(), missing={}, measures=(), origins=(), findings=(),
            )
        )  # fmt: skip
    return home


@pytest.fixture
def home(filled_home, tmp_path, monkeypatch) -> Path:
    copy = shutil.copytree(filled_home, tmp_path / "home")
    monkeypatch.setenv("CREDITNET_HOME", str(copy))
    for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return copy


def damages(**options):
    return {(one.where, one.problem) for one in verified_home(**{"registry": False} | options).damages}


def flipped(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def change(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "catalogue.db") as connection:
        connection.execute(statement)


def test_a_home_that_nobody_touched_is_whole(home):
    report = verified_home()
    assert report.whole
    assert (report.refreshes, report.pruned, report.deliveries, report.pages) == (2, 0, 1, 1)
    # Manifest and card of each version, a table, manifest and pages of an audit, the index.
    assert report.files == 2 * 2 + 1 + 4 + 1
    assert (report.unrecorded, report.audit.head) == ((), open_catalogue(settings().database_url).audit_head())


@pytest.mark.parametrize("name", ["*/*/*/manifest.json", "*/*/*/documents/*.md", "deliveries/*/*/*/*", "*/audits/*/*"])
def test_one_bit_of_any_file_is_named(home, name):
    paths = sorted((home / "lake").glob(name))
    assert paths
    for path in paths:
        kept = path.read_bytes()
        flipped(path)
        assert {where for where, _ in damages()} == {path.relative_to(home).as_posix()}
        path.write_bytes(kept)
    assert damages() == set()


def test_files_that_are_gone_or_new_are_named(home):
    (home / CARD).rename((home / CARD).with_name("other.md"))
    folder = str(Path(CARD).parents[1])
    assert damages() == {
        (f"{folder}/documents/model_card.md", "is missing"),
        (f"{folder}/documents/other.md", "is not listed"),
    }


def test_a_changed_index_is_named_and_written_anew(home):
    (home / "index.html").write_text((home / "index.html").read_text().replace("passed", "failed"))
    assert {where for where, _ in damages()} == {"index.html"}
    written_index()
    assert damages() == set()


def test_what_nothing_records_is_listed_and_no_damage(home):
    (home / "lake/simulated/2023Q2/left-behind").mkdir()
    (home / "lake/simulated/2023Q2/left-behind/scores.parquet").write_bytes(b"half")
    report = verified_home(registry=False)
    assert report.whole
    assert report.unrecorded == ("lake/simulated/2023Q2/left-behind/scores.parquet",)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE refreshes SET manifest_sha256 = 'x' WHERE model_version = '1'", "audit log"),
        (
            "UPDATE refreshes SET graph_fingerprint = 'g2' WHERE model_version = '1'",
            "catalogue, refresh key-simulated-1",
        ),
        ("UPDATE audit_log SET actor = 'nobody' WHERE sequence = 1", "audit log"),
        ("UPDATE deliveries SET tables = replace(tables, 'sha256\":\"', 'sha256\":\"0')", "lake/deliveries/"),
    ],
)
def test_a_changed_catalogue_is_named(home, statement, where):
    change(home, statement)
    found = {place for place, _ in damages()}
    assert any(place.startswith(where) for place in found), found


def test_of_a_pruned_refresh_the_manifest_is_checked(home):
    from tasks.retention import prune

    for version in (3, 4, 5):
        publish_version(settings(), version, gates=())
    assert [one.version for one in prune("simulated", 2, really=True).pruned] == ["3"]
    report = verified_home(registry=False)
    assert (report.whole, report.refreshes, report.pruned) == (True, 5, 1)
    flipped(home / "lake/simulated/2023Q4/key-simulated-3/manifest.json")
    assert {where for where, _ in damages()} == {"lake/simulated/2023Q4/key-simulated-3/manifest.json"}


def test_the_command_prints_the_damage_and_exits_with_8(home, monkeypatch, capfd):
    from deployments import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["creditnet", "verify", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capfd.readouterr().out

    assert run("--no-registry")[1].startswith(
        "The home is what was recorded.\n  10 files read: 2 refreshes (0 pruned), 1 del"
    )
    flipped(home / CARD)
    code, out = run("--no-registry")
    assert (code, out.splitlines()[:2]) == (8, ["1 things are not what was recorded:", f"  ✗ {CARD} has changed"])
    code, out = run("--no-registry", "--json")
    assert (code, json.loads(out)["damages"]) == (8, [{"where": CARD, "problem": "has changed"}])
