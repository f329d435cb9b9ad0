"""Listing, retention and the doctor, on a home with published versions."""

import os
import shutil
import socket

import pytest

from monitoring.gates import gate
from schemas.errors import PromotionRefused, RefreshBusy, SettingsError
from schemas.references import RefreshKey
from schemas.terms import Quarter
from tasks import doctor, promotion
from tasks.auditing import verify_audit
from tasks.catalogue import open_catalogue
from tasks.catalogue.database import transaction
from tasks.catalogue.tables import RefreshRow, ScoreRow
from tasks.retention import prune
from tasks.settings import settings
from tests.tasks.published_versions import FIRST, PASSED, publish_version


@pytest.fixture(autouse=True)
def registry(home, empty_registry, empty_catalogue):
    home.chmod(0o700)
    shutil.copy(empty_registry, home / "mlflow" / "mlflow.db")
    shutil.copy(empty_catalogue, home / "catalogue.db")


def catalogue():
    return open_catalogue(settings().database_url)


def folder(version):
    [found] = (settings().home / "lake/simulated").glob(f"*/key-simulated-{version}")
    return found


def files(version):
    return sorted(path.name for path in folder(version).rglob("*") if path.is_file())


def claim(quarter, key="running"):
    parts = {"input_fingerprint": "i", "code_digest": "c", "spec_hash": key, "key": key}
    catalogue().claim(RefreshKey(portfolio="simulated", quarter=quarter, **parts), "drift")


class TestListing:
    def test_every_refresh_is_listed_whatever_came_of_it(self):
        publish_version(settings(), 1)
        claim(Quarter(2024, 1), "broken")
        catalogue().fail("broken", "NotEnoughData: no firm\nmore")
        claim(Quarter(2024, 2))
        found = {one.refresh: one for one in catalogue().housekeeping.refreshes("simulated")}
        assert [found[key].status for key in ("key-simulated-1", "broken", "running")] == [
            "published",
            "failed",
            "running",
        ]
        assert found["key-simulated-1"].aliases == ("challenger", "champion")
        assert (found["key-simulated-1"].version, found["key-simulated-1"].verdict) == ("1", "passed")
        assert found["broken"].error == "NotEnoughData: no firm"
        assert catalogue().housekeeping.refreshes("other") == []


class TestPruning:
    @pytest.fixture
    def six(self):
        """Champions 1 (bootstrap) and 3, version 2 with an open finding, 4 and 5 plain, 6 proposed."""
        failed = gate("fairness: region", 2.0, 1.0, "at most")
        publish_version(settings(), 1, by="Ann")
        publish_version(settings(), 2, gates=(*PASSED, failed))
        publish_version(settings(), 3, by="Ann")
        promotion.decide("simulated", "3", "approve", "Bob", "good")
        for version in (4, 5, 6):
            publish_version(settings(), version, gates=PASSED if version == 6 else PASSED[1:])

    def test_nothing_goes_unless_it_is_said_twice(self, six):
        report = prune("simulated", 2, really=False)
        assert ([one.version for one in report.pruned], report.done) == (["4"], False)
        assert report.freed_bytes > 0
        assert files(4) == ["manifest.json", "model_card.md"]
        assert catalogue().audit_entries()[-1].event != "refresh.pruned"

    def test_what_nothing_needs_goes_and_the_rest_says_why_it_stays(self, six):
        report = prune("simulated", 2, really=True)
        assert [one.version for one in report.pruned] == ["4"]
        assert {one.version: one.kept_because for one in report.kept} == {
            "1": "earlier champion, for a rollback",
            "2": "open finding: fairness: region",
            "3": "champion",
            "5": "one of the newest 2 quarters",
            "6": "open proposal",
        }
        assert files(4) == ["manifest.json"]
        assert all("model_card.md" in files(version) for version in (1, 2, 3, 5, 6))
        with transaction(catalogue()._engine, writing=False) as session:
            kept = {row.refresh_key for row in session.query(ScoreRow)}
        assert kept == {f"key-simulated-{version}" for version in (1, 2, 3, 5, 6)}
        assert verify_audit(registry=False).rows == len(catalogue().audit_entries())
        assert prune("simulated", 2, really=True).pruned == ()

    def test_what_was_pruned_is_still_known_but_is_no_longer_read_or_promoted(self, six):
        prune("simulated", 2, really=True)
        assert catalogue().published_refresh("key-simulated-4").pruned_at is not None
        assert catalogue().current("simulated", FIRST.shifted(4)) is None
        assert catalogue().latest_published("simulated", before=FIRST.shifted(5)).model_version == "3"
        with pytest.raises(PromotionRefused):
            promotion.propose("simulated", "4", "Ann", "I liked it")

    def test_a_rollback_after_pruning_finds_its_files(self, six):
        prune("simulated", 2, really=True)
        assert promotion.roll_back("simulated", "Ann", "complaints").champion == "1"

    def test_a_run_that_died_before_the_files_went_is_finished_by_the_next(self, six, monkeypatch):
        def dies(_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("tasks.retention._empty", dies)
            with pytest.raises(KeyboardInterrupt):
                prune("simulated", 2, really=True)
        assert files(4) == ["manifest.json", "model_card.md"]
        prune("simulated", 2, really=True)
        assert files(4) == ["manifest.json"]

    def test_a_link_out_of_the_folder_is_removed_and_not_followed(self, six, tmp_path):
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious/file").write_text("mine")
        (folder(4) / "link").symlink_to(tmp_path / "precious")
        prune("simulated", 2, really=True)
        assert (tmp_path / "precious/file").read_text() == "mine"
        assert files(4) == ["manifest.json"]

    def test_nothing_goes_while_a_refresh_runs_that_may_read_it(self, six):
        claim(Quarter(2025, 1))
        with pytest.raises(RefreshBusy, match="is being run already"):
            prune("simulated", 2, really=True)
        assert files(4) == ["manifest.json", "model_card.md"]

    def test_one_quarter_is_too_few(self, six):
        with pytest.raises(SettingsError, match="compared with the newest"):
            prune("simulated", 1, really=True)


def checks(**options):
    found = doctor.diagnosis(**{"ports": {}} | options)
    assert found.well == all(check.well for check in found.checks)
    return {check.check: check for check in found.checks}


class TestDoctor:
    def test_a_home_in_order_is_well(self):
        publish_version(settings(), 1, by="Ann")
        promotion.decide("simulated", "1", "approve", "Bob", "good")
        found = checks(least_free_bytes=1)
        own = ("python", "home", "disk", "catalogue", "audit log", "lock", "registry")
        assert {name: found[name].well for name in own} == dict.fromkeys(own, True)
        assert found["lock"].found == "no refresh runs"

    def test_a_home_that_is_not_there_yet_is_well(self, monkeypatch, tmp_path):
        monkeypatch.setenv("CREDITNET_HOME", str(tmp_path / "nowhere"))
        found = checks(least_free_bytes=1)
        assert found["home"].well
        assert found["catalogue"].found == "none yet; the first refresh makes it"
        assert not (tmp_path / "nowhere").exists()

    def test_a_home_open_to_others_is_told(self, home):
        home.chmod(0o755)
        assert "chmod 700" in checks()["home"].way_out
        assert not checks()["home"].well

    def test_a_full_disk_is_told(self):
        found = checks(least_free_bytes=1 << 60)["disk"]
        assert not found.well
        assert "creditnet prune" in found.way_out

    def test_a_port_that_is_taken_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert "something answers" in checks(ports={port: "Prefect"})[f"port {port}"].found
        assert checks(ports={port: "Prefect"})[f"port {port}"].found == "free for Prefect"

    def test_a_damaged_catalogue_is_told_with_its_way_out(self, home):
        (home / "catalogue.db").write_bytes(b"no database at all" * 100)
        found = checks()["catalogue"]
        assert not found.well
        assert "not a database" in found.found

    def test_a_log_that_was_changed_is_told(self):
        publish_version(settings(), 1)
        with transaction(catalogue()._engine, writing=True) as session:
            session.connection().exec_driver_sql("DELETE FROM audit_log WHERE sequence = 3")
        assert not checks()["audit log"].well

    def test_a_lease_of_a_dead_process_is_told(self):
        claim(Quarter(2025, 1))
        assert checks()["lock"].found.startswith(f"1 refreshes run: process {os.getpid()}")
        with transaction(catalogue()._engine, writing=True) as session:
            session.get(RefreshRow, "running").owner_started -= 3600
        found = checks()["lock"]
        assert not found.well
        assert "takes over what a dead process left" in found.way_out

    def test_a_registry_that_lags_is_told(self):
        publish_version(settings(), 1)
        assert not checks()["registry"].well

    def test_packages_are_compared_with_the_lock(self, monkeypatch, tmp_path):
        monkeypatch.setattr(doctor, "_ROOT", tmp_path)
        lock = tmp_path / "requirements.lock"
        lock.write_text("pytest==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1 ; sys_platform == 'never'\n")
        assert "instead of ==0.0.1" in checks()["packages"].found
        lock.write_text(f"pytest=={pytest.__version__} \\\n    --hash=sha256:00\n")
        assert checks()["packages"].well
