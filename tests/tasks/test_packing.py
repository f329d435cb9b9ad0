"""A package is verified with sha256sum and openssl alone, and holds what a validator needs and no row of a firm."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from schemas.errors import NotEnoughData, SettingsError
from schemas.packages import Distribution
from schemas.references import DeliveryRef, FileRef, RefreshKey
from schemas.reproduction import Provenance
from schemas.results import AdmissionResult, TableAdmission
from schemas.terms import Quarter
from tasks.distributions import distributions_of
from tasks.packing import packed
from tasks.sbom import bill_of_materials
from tasks.settings import settings
from tests.tasks.published_versions import publish_version

ROWS = {
    "scores.parquet": b"rows",
    "documents/validation_workbook.xlsx": b"rows",
    "documents/embeddings.json": b"rows",
    "documents/score_movers.html": b"rows",
    "documents/score_movers.md": b"rows",
    "score_drift.parquet": b"rows",
    "models/community/logistic/panel.parquet": b"rows",
    "quarantine.parquet": b"rows",
}


def installed(*names: str) -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in names}


@pytest.fixture(scope="session")
def published_home(tmp_path_factory, kontor_content) -> Path:
    """Two versions: the first without provenance. Not to be changed."""
    from schemas.portfolio import PortfolioSpec

    home = tmp_path_factory.mktemp("packing") / "home"
    key = RefreshKey(
        portfolio="simulated", quarter=Quarter(2023, 3), input_fingerprint="i", code_digest="c", spec_hash="s", key="k"
    )
    delivered = FileRef(path="lake/deliveries/simulated/2023Q3/d/firms.parquet", sha256="0" * 64)
    provenance = Provenance(
        key=key,
        portfolio=PortfolioSpec.model_validate(kontor_content),
        delivery=DeliveryRef(
            portfolio="simulated", quarter=Quarter(2023, 3), fingerprint="i", tables={"firms": delivered}
        ),
        code={"models/splits.py": "1" * 64},
        packages=installed("numpy", "safetensors", "packaging", "jinja2", "markupsafe") | {"absent": "1.0"},
        environment={},
    )
    table = TableAdmission(table="firms", received=5, admitted=4, broken={}, tolerance=0.1)
    more = {
        "provenance.json": provenance.model_dump_json().encode(),
        "requirements.lock": b"numpy==2\n",
        "admission.json": AdmissionResult(tables=(table,), expectations=()).model_dump_json().encode(),
        "models/community/logistic/weights.safetensors": b"weights",
        "models/community/logistic/spec.json": b"{}",
        "documents/graph.html": b"<!DOCTYPE html><title>Graph</title>",
        **ROWS,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        publish_version(settings(), 1)
        publish_version(settings(), 2, more=more)
    return home


@pytest.fixture(scope="session")
def kontor_content():
    from tests.tasks.conftest import KONTOR

    return KONTOR


@pytest.fixture
def home(published_home, tmp_path, monkeypatch) -> Path:
    copy = shutil.copytree(published_home, tmp_path / "home")
    monkeypatch.setenv("CREDITNET_HOME", str(copy))
    for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "CREDITNET_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    return copy


@pytest.fixture
def signing_key(tmp_path, monkeypatch) -> Path:
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    monkeypatch.setenv("CREDITNET_SIGNING_KEY", str(key))
    return key


def unpacked(package, folder: Path) -> Path:
    with tarfile.open(package.file) as tar:
        tar.extractall(folder, filter="data")
    [inside] = folder.iterdir()
    return inside


def sums_hold(folder: Path) -> bool:
    found = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True
    )
    return found.returncode == 0


def signature_holds(folder: Path) -> bool:
    command = "openssl pkeyutl -verify -rawin -pubin -inkey public_key.pem -in SHA256SUMS -sigfile SHA256SUMS.sig"
    assert command in (folder / "README.txt").read_text()
    return subprocess.run(command.split(), cwd=folder, capture_output=True).returncode == 0


class TestArchive:
    def test_what_is_in_it_and_every_sum_holds(self, home, tmp_path):
        package = packed("simulated", "2")
        folder = unpacked(package, tmp_path / "out")
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert {name for name in names if not name.startswith("licences/texts/")} == {
            *("README.txt", "SHA256SUMS", "manifest.json", "data_manifest.json", "audit_excerpt.json", "sbom.cdx.json"),
            *("provenance.json", "requirements.lock", "admission.json", "licences/licences.json"),
            *("documents/model_card.md", "documents/graph.html", "models/community/logistic/weights.safetensors"),
            "models/community/logistic/spec.json",
        }
        assert any(name.startswith("licences/texts/numpy/") for name in names)
        assert len((folder / "SHA256SUMS").read_text().splitlines()) == len(names) - 1 == package.files - 1
        assert sums_hold(folder)
        data = (home / "packs" / "simulated-2023Q3-version-2.tar.gz").read_bytes()
        assert hashlib.sha256(data).hexdigest() == package.sha256

    def test_no_row_of_a_firm_is_in_it(self, home):
        with tarfile.open(packed("simulated", "2").file) as archive:
            assert not {Path(name).name for name in archive.getnames()} & {Path(name).name for name in ROWS}

    def test_the_same_input_gives_the_same_bytes(self, home, tmp_path, signing_key):
        packages = [packed("simulated", "2", tmp_path / f"{name}.tar.gz") for name in ("a", "b")]
        assert packages[0].sha256 == packages[1].sha256
        assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()

    def test_data_are_named_by_rows_and_hash(self, home, tmp_path):
        folder = unpacked(packed("simulated", "2"), tmp_path / "out")
        told = json.loads((folder / "data_manifest.json").read_text())
        assert told["delivered"] == [
            {
                "table": "firms",
                "file": "lake/deliveries/simulated/2023Q3/d/firms.parquet",
                "sha256": "0" * 64,
                "rows_received": 5,
                "rows_admitted": 4,
            }
        ]
        assert {Path(one["file"]).name: one["sha256"] for one in told["derived"]} == {
            name: hashlib.sha256(b"rows").hexdigest()
            for name in ("scores.parquet", "score_drift.parquet", "quarantine.parquet")
        }

    def test_the_readme_s_program_verifies_the_excerpt_and_notices_an_edit(self, home, tmp_path):
        folder = unpacked(packed("simulated", "2"), tmp_path / "out")
        program = re.search(r"python3 -c '\n(.*?)'\n", (folder / "README.txt").read_text(), re.DOTALL)[1]
        program = "\n".join(line.removeprefix("     ") for line in program.splitlines())
        assert "events as logged" in subprocess.check_output(["python3", "-c", program], cwd=folder, text=True)
        told = json.loads((folder / "audit_excerpt.json").read_text())
        published = next(row for row in told["rows"] if row["event"] == "refresh.published")
        digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        assert json.loads(published["details"])["manifest"] == digest
        (folder / "audit_excerpt.json").write_text(json.dumps(told).replace("refresh.started", "refresh.stated"))
        assert subprocess.run(["python3", "-c", program], cwd=folder, capture_output=True).returncode == 1


class TestSigning:
    def test_openssl_verifies_the_signature_and_notices_a_changed_sum(self, home, tmp_path, signing_key):
        package = packed("simulated", "2")
        folder = unpacked(package, tmp_path / "out")
        assert sums_hold(folder)
        assert signature_holds(folder)
        der = subprocess.check_output(["openssl", "pkey", "-in", signing_key, "-pubout", "-outform", "DER"])
        assert package.signed_by == hashlib.sha256(der).hexdigest()
        assert package.signed_by in (folder / "README.txt").read_text()
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace("0", "1", 1))
        assert not signature_holds(folder)

    def test_a_changed_file_is_noticed(self, home, tmp_path):
        folder = unpacked(packed("simulated", "2"), tmp_path / "out")
        (folder / "documents" / "model_card.md").write_text("better")
        assert not sums_hold(folder)

    def test_without_a_key_it_says_unsigned(self, home, tmp_path):
        package = packed("simulated", "2")
        folder = unpacked(package, tmp_path / "out")
        assert package.signed_by is None
        assert "UNSIGNED" in (folder / "README.txt").read_text()
        assert not (folder / "SHA256SUMS.sig").exists()

    @pytest.mark.parametrize("kind", ["absent", "text", "rsa", "with a password"])
    def test_a_key_that_cannot_sign_is_refused_before_anything_is_written(self, home, tmp_path, monkeypatch, kind):
        key = tmp_path / "key.pem"
        monkeypatch.setenv("CREDITNET_SIGNING_KEY", str(key))
        commands = {
            "rsa": ["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
            "with a password": ["-algorithm", "ed25519", "-aes256", "-pass", "pass:x"],
        }
        if kind == "text":
            key.write_text("secret words")
        elif kind in commands:
            subprocess.run(["openssl", "genpkey", *commands[kind], "-out", key], check=True, capture_output=True)
        with pytest.raises(SettingsError, match="signing key") as refused:
            packed("simulated", "2")
        assert "secret words" not in str(refused.value)
        assert not (home / "packs").exists()


class TestRefusals:
    def test_a_version_that_is_not_there(self, home):
        with pytest.raises(NotEnoughData, match="Version 7 of simulated has not been published"):
            packed("simulated", "7")

    def test_a_version_without_provenance(self, home):
        with pytest.raises(NotEnoughData, match="before a refresh kept what it was made from"):
            packed("simulated", "1")

    def test_a_folder_that_is_not_there(self, home, tmp_path):
        with pytest.raises(SettingsError, match="cannot be written"):
            packed("simulated", "2", tmp_path / "nowhere" / "x.tar.gz")


class TestBill:
    def test_licences_come_from_the_metadata_of_the_same_version_only(self):
        found = {
            one.name: one for one in distributions_of(installed("numpy", "packaging", "jinja2") | {"scipy": "0.1"})
        }
        assert "BSD-3-Clause" in found["numpy"].licence
        assert found["jinja2"].licence == "BSD License"
        assert (found["scipy"].version, found["scipy"].licence_source) == ("0.1", "not installed here")
        assert any("Redistribution" in text.text for text in found["numpy"].texts)

    def test_it_has_the_form_of_cyclonedx(self):
        packages = installed("jinja2", "markupsafe", "numpy")
        bill = bill_of_materials("creditnet", "0.1.0", distributions_of(packages))
        assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
        assert re.fullmatch(
            r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", bill["serialNumber"]
        )
        urls = {one["name"]: one["purl"] for one in bill["components"]}
        assert urls["jinja2"] == f"pkg:pypi/jinja2@{packages['jinja2']}"
        needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
        assert needs[urls["jinja2"]] == [urls["markupsafe"]]
        assert set(needs) == {"pkg:pypi/creditnet@0.1.0", *urls.values()}, "each reference is a component"
        licences = {one["name"]: one["licenses"] for one in bill["components"]}
        assert licences["jinja2"] == [{"license": {"name": "BSD License"}}]
        assert list(licences["numpy"][0]) == ["expression"]

    def test_other_software_is_another_bill(self):
        one = Distribution(name="a", version="1", licence="not stated", licence_source="not installed here")
        bills = [
            bill_of_materials("creditnet", "1", [d]) for d in (one, one, one.model_copy(update={"version": "2+cpu"}))
        ]
        assert bills[0] == bills[1]
        assert bills[0]["serialNumber"] != bills[2]["serialNumber"]
        assert bills[2]["components"][0]["purl"] == "pkg:pypi/a@2%2Bcpu"


def test_the_command_writes_where_it_is_told(home, tmp_path, monkeypatch, capfd):
    import sys

    from deployments import cli

    target = tmp_path / "mine.tar.gz"
    monkeypatch.setattr(sys, "argv", ["creditnet", "pack", "2", "--to", str(target), "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = json.loads(capfd.readouterr().out)
    assert not ended.value.code
    assert (told["file"], told["bytes"], told["signed_by"]) == (str(target), target.stat().st_size, None)


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None and "CREDITNET_CI" not in os.environ, reason="needs chromium")
def test_asked_for_pdfs_it_holds_every_page_as_one_too(home, tmp_path):
    packages = [packed("simulated", "2", tmp_path / f"{name}.tar.gz", with_pdf=True) for name in ("a", "b")]
    assert packages[0].sha256 == packages[1].sha256
    folder = unpacked(packages[0], tmp_path / "out")
    assert [path.name for path in (folder / "pdf").iterdir()] == ["graph.pdf"]  # and no page with rows of firms
    assert sums_hold(folder)
