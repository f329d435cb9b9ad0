"""Settings come from the environment as it is at the moment of asking."""

import os
import stat
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from tasks.settings import EMBEDDED_DEFAULTS, prepare_environment, settings

VARIABLES = ("CREDITNET_HOME", "CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "PREFECT_HOME")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in (*VARIABLES, *EMBEDDED_DEFAULTS):
        monkeypatch.setenv(name, "")  # so that whatever the code sets is undone afterwards
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_everything_lies_in_the_working_folder_by_default(tmp_path):
    found = settings()
    home = tmp_path / ".creditnet"
    assert (found.home, found.lake, found.work, found.prefect_home) == (
        home,
        home / "lake",
        home / "work",
        home / "prefect",
    )
    assert found.data_dir is None
    assert found.database_url == f"sqlite:///{home}/catalogue.db"
    assert found.tracking_uri == f"sqlite:///{home}/mlflow/mlflow.db"


def test_the_environment_is_read_at_every_call(monkeypatch, tmp_path):
    settings()
    monkeypatch.setenv("CREDITNET_HOME", "elsewhere")
    monkeypatch.setenv("CREDITNET_DATA", "data")
    monkeypatch.setenv("CREDITNET_DATABASE_URL", "postgresql+psycopg://bank/creditnet")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    found = settings()
    assert found.home == tmp_path / "elsewhere"
    assert found.data_dir == tmp_path / "data"
    assert found.database_url == "postgresql+psycopg://bank/creditnet"
    assert found.tracking_uri == "http://127.0.0.1:5000"


def test_an_empty_variable_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("CREDITNET_HOME", "")
    monkeypatch.setenv("CREDITNET_DATA", "")
    assert settings().home == tmp_path / ".creditnet"
    assert settings().data_dir is None


@pytest.mark.parametrize("sign", ["?", "#", "%"])
def test_a_home_that_a_database_url_would_cut_short_is_refused(monkeypatch, sign):
    monkeypatch.setenv("CREDITNET_HOME", f"/tmp/half{sign}home")
    with pytest.raises(SettingsError, match="CREDITNET_HOME"):
        settings()


def test_preparing_makes_private_folders_and_points_prefect_and_mlflow_there():
    prepare_environment(settings())
    chosen = settings()
    for folder in (chosen.home, chosen.lake, chosen.work, chosen.prefect_home, chosen.home / "mlflow"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.environ["PREFECT_HOME"] == str(chosen.prefect_home)
    assert {name: os.environ[name] for name in EMBEDDED_DEFAULTS} == EMBEDDED_DEFAULTS


def test_what_a_person_has_set_wins_over_the_defaults(monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    prepare_environment(settings())
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_preparing_twice_changes_nothing():
    prepare_environment(settings())
    before = dict(os.environ)
    prepare_environment(settings())
    assert dict(os.environ) == before


def test_a_home_that_is_a_file_is_refused_with_the_way_out(monkeypatch, tmp_path):
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("CREDITNET_HOME", "occupied")
    with pytest.raises(SettingsError, match="way out: set CREDITNET_HOME"):
        prepare_environment(settings())


def test_a_home_that_cannot_be_written_to_is_refused(monkeypatch, tmp_path):
    if os.geteuid() == 0:  # root may write anywhere but into /proc
        place = Path("/proc/creditnet")
    else:
        place = tmp_path / "locked"
        place.mkdir(mode=0o500)
    monkeypatch.setenv("CREDITNET_HOME", str(place))
    with pytest.raises(SettingsError, match="cannot be used"):
        prepare_environment(settings())
