"""What makes a refresh another one, and what does not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import schemas
from schemas.references import DeliveryRef
from schemas.terms import Quarter
from tasks.identity import CODE_FOLDERS, code_digest, refresh_key, spec_hash

ROOT = Path(schemas.__file__).resolve().parents[1]


@pytest.fixture
def delivery():
    return DeliveryRef(portfolio="kontor", quarter=Quarter(2024, 2), fingerprint="f1", tables={})


@pytest.fixture
def digest_of(tmp_path):
    """The code digest of a copy of the sources, after a change to it."""
    copy = tmp_path / "copy"
    for folder in (*CODE_FOLDERS, "deployments"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "README.md"):
        shutil.copy(ROOT / name, copy / name)

    def digest(change=lambda copy: None):
        change(copy)
        program = "from tasks.identity import code_digest; print(code_digest())"
        found = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=True)
        return found.stdout.strip()

    return digest


def appended(name, text="\n# another line\n"):
    def change(copy):
        path = copy / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + text, encoding="utf-8")

    return change


class TestKey:
    def test_it_is_a_digest_of_its_parts(self, kontor, delivery):
        key = refresh_key(kontor.spec(), delivery)
        assert re.fullmatch("[0-9a-f]{64}", key.key)
        assert (key.portfolio, key.quarter, key.input_fingerprint) == ("kontor", Quarter(2024, 2), "f1")
        assert key == refresh_key(kontor.spec(), delivery)

    def test_every_part_makes_it_another(self, kontor, delivery, monkeypatch):
        keys = {
            refresh_key(kontor.spec(), delivery).key,
            refresh_key(kontor.spec(title="Another"), delivery).key,
            refresh_key(kontor.spec(name="other"), delivery).key,
            refresh_key(kontor.spec(), delivery.model_copy(update={"fingerprint": "f2"})).key,
            refresh_key(kontor.spec(), delivery.model_copy(update={"quarter": Quarter(2024, 3)})).key,
        }
        monkeypatch.setattr("tasks.identity.code_digest", lambda: "another")
        assert len(keys | {refresh_key(kontor.spec(), delivery).key}) == 6

    def test_where_the_delivery_is_kept_does_not(self, kontor, delivery):
        elsewhere = delivery.model_copy(update={"tables": {"firms": {"path": "x", "sha256": "y"}}})
        assert refresh_key(kontor.spec(), elsewhere) == refresh_key(kontor.spec(), delivery)


class TestSpecHash:
    def test_a_default_that_is_written_out_is_the_same_setting(self, kontor):
        assert spec_hash(kontor.spec(split={"validation_share": 0.2})) == spec_hash(kontor.spec())

    @pytest.mark.parametrize(
        "change",
        [
            {"split": {"seed": 1}},
            {"training": {"threads": 1}},
            {"gates": {"minimum_auc": 0.61}},
            {"evaluation": {"bootstrap_draws": 401}},
            {"candidates": [{"name": "logistic", "kind": "logistic", "inverse_penalty": 0.2}]},
            {"firms__tolerance": 0.01},
            {"questions": [{"question": "Who?", "owner": "me"}]},
        ],
    )
    def test_every_setting_counts(self, kontor, change):
        assert spec_hash(kontor.spec(**change)) != spec_hash(kontor.spec())


class TestCodeDigest:
    def test_it_does_not_depend_on_where_the_code_is(self, digest_of):
        assert digest_of() == code_digest()

    @pytest.mark.parametrize(
        "change",
        [
            appended("models/splits.py"),
            appended("schemas/terms.py"),
            appended("flows/quarterly_refresh.py"),
            appended("monitoring/templates/model_card.j2"),
            appended("requirements.lock"),
            appended("models/new.py", "x = 1\n"),
            lambda copy: (copy / "models/boosting.py").unlink(),
            lambda copy: (copy / "models/boosting.py").rename(copy / "models/trees.py"),
        ],
        ids=["model", "schema", "flow", "template", "lock", "new file", "file removed", "file renamed"],
    )
    def test_code_that_decides_a_result_counts(self, digest_of, change):
        before = digest_of()
        assert digest_of(change) != before

    @pytest.mark.parametrize(
        "change",
        [
            appended("deployments/cli.py"),
            appended("README.md"),
            appended("schemas/bundled/mine.yaml", "name: mine\n"),
            appended("models/__pycache__/splits.cpython-311.pyc", "x"),
        ],
        ids=["deployments", "README", "another bundled portfolio", "compiled files"],
    )
    def test_code_that_does_not_decide_a_result_does_not(self, digest_of, change):
        before = digest_of()
        assert digest_of(change) == before
