"""Optuna's studies live in the catalogue's database, beside our tables, and survive their workers."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from optuna.storages._rdb.models import BaseModel
from optuna.trial import TrialState

from schemas.errors import SettingsError
from tasks.catalogue import open_catalogue, upgrade
from tasks.catalogue.database import connect
from tasks.catalogue.tables import OPTUNA_TABLES, Base, is_ours
from tasks.studies import OWNER, claim, forget_dead, open_storage, open_study

#: trials that are asked for by hand stand for those of workers that died in the middle of one
BY_HAND = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed:UserWarning")
SEARCHER = str(Path(__file__).with_name("searcher.py"))


@pytest.fixture
def url(empty_catalogue, tmp_path):
    shutil.copy(empty_catalogue, tmp_path / "catalogue.db")
    return f"sqlite:///{tmp_path}/catalogue.db"


def search(url, name="study", trials=4, seconds=0.0):
    command = [sys.executable, SEARCHER, url, name, str(trials), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def states(study):
    return [trial.state for trial in study.get_trials(deepcopy=False)]


def draws(study):
    return [trial.params["x"] for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]


def optimise(study, trials):
    def objective(trial):
        claim(trial)
        return -((trial.suggest_float("x", 0, 1) - 0.3) ** 2)

    study.optimize(objective, n_trials=trials)


def test_the_names_of_optunas_tables_are_known():
    assert set(BaseModel.metadata.tables) == OPTUNA_TABLES
    assert not OPTUNA_TABLES & set(Base.metadata.tables)


def test_optunas_tables_and_ours_leave_each_other_alone(url):
    optimise(open_study(url, "study", "this", seed=0), 1)
    engine = connect(url)
    with engine.connect() as connection:
        options = {"include_name": is_ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
        assert upgrade._revision(connection) == upgrade.HEAD
    catalogue = open_catalogue(url)  # as any refresh does afterwards
    assert catalogue.latest_published("nobody") is None
    assert states(open_study(url, "study", "this", seed=0)) == [TrialState.COMPLETE]


def test_a_catalogue_is_migrated_with_optunas_tables_in_it(url):
    optimise(open_study(url, "study", "this", seed=0), 1)
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    with connect(url).execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    open_catalogue(url)
    assert states(open_study(url, "study", "this", seed=0)) == [TrialState.COMPLETE]


def test_studies_of_another_optuna_are_refused(url, tmp_path):
    open_study(url, "study", "this", seed=0)
    with contextlib.closing(sqlite3.connect(tmp_path / "catalogue.db")) as connection, connection:
        connection.execute("UPDATE version_info SET schema_version = 1")
    with pytest.raises(SettingsError, match="another version of Optuna"):
        open_study(url, "study", "this", seed=0)


def test_a_study_about_something_else_is_refused(url):
    open_study(url, "study", "this", seed=0)
    with pytest.raises(SettingsError, match="about something else"):
        open_study(url, "study", "that", seed=0)


def test_a_database_that_cannot_be_used_is_said_so(tmp_path):
    with pytest.raises(SettingsError, match="cannot be used"):
        open_study(f"sqlite:///{tmp_path}/no/such/folder/catalogue.db", "study", "this", seed=0)


def test_the_same_seed_draws_the_same_trials_also_in_two_runs(url):
    once = open_study(url, "once", "this", seed=1)
    optimise(once, 14)  # beyond the trials that are drawn at random
    again = open_study(url, "again", "this", seed=1)
    optimise(again, 6)
    optimise(open_study(url, "again", "this", seed=1), 8)
    other = open_study(url, "other", "this", seed=2)
    optimise(other, 14)
    assert draws(once) == draws(again)
    assert len(set(draws(once))) == 14
    assert draws(once)[0] != draws(other)[0]


@BY_HAND
def test_a_dead_workers_trial_is_taken_back_and_finished_ones_stay(url):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    study = open_study(url, "study", "this", seed=0)
    optimise(study, 2)
    dead, alive, elsewhere = (study.ask() for _ in range(3))
    host = os.uname().nodename
    dead.set_user_attr(OWNER, [host, gone.pid, 1.0])
    claim(alive)
    elsewhere.set_user_attr(OWNER, ["another-host", gone.pid, 1.0])
    ownerless = study.ask()
    forget_dead(study)
    running = [trial.number for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]
    assert running == [alive.number, elsewhere.number, ownerless.number]
    assert states(study)[:3] == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]


@BY_HAND
def test_a_trial_that_nobody_owned_for_long_is_taken_back(url, tmp_path):
    study = open_study(url, "study", "this", seed=0)
    study.ask()
    before = (dt.datetime.now() - dt.timedelta(minutes=10)).isoformat(" ")
    with contextlib.closing(sqlite3.connect(tmp_path / "catalogue.db")) as connection, connection:
        connection.execute("UPDATE trials SET datetime_start = ?", (before,))
    forget_dead(open_study(url, "study", "this", seed=0))
    assert states(open_study(url, "study", "this", seed=0)) == [TrialState.FAIL]


def test_a_search_that_is_killed_goes_on_where_it_was(url):
    first = search(url, trials=50, seconds=0.05)
    reached = [int(first.stdout.readline()) for _ in range(3)][-1]
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    study = open_study(url, "study", "the same data", seed=3)
    kept = draws(study)
    assert len(kept) >= reached
    wanted = len(kept) + 3
    second = search(url, trials=wanted)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    study = open_study(url, "study", "the same data", seed=3)
    assert draws(study)[: len(kept)] == kept
    assert len(draws(study)) == wanted
    assert TrialState.RUNNING not in states(study)


def test_several_workers_share_a_study_and_lose_nothing(url):
    workers = [search(url, trials=12) for _ in range(2)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    study = open_study(url, "study", "the same data", seed=3)
    found = draws(study)
    assert 12 <= len(found) <= 13
    assert len(set(found)) == len(found), "workers draw different trials"
    assert [trial.number for trial in study.trials] == list(range(len(study.trials)))


def test_a_study_is_kept_in_postgresql_too(postgresql_catalogue):
    study = open_study(postgresql_catalogue, "study", "this", seed=0)
    optimise(study, 2)
    again = open_study(postgresql_catalogue, "study", "this", seed=0)
    optimise(again, 1)
    assert len(draws(again)) == 3
    forget_dead(again)
    assert isinstance(open_storage(postgresql_catalogue), optuna.storages.RDBStorage)
    with connect(postgresql_catalogue).connect() as connection:
        options = {"include_name": is_ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
