"""Optuna's studies in the catalogue's database: its tables beside ours, several workers, workers that die.

Optuna would call a database its own by a table `alembic_version`, and that is the catalogue's. So its tables are made
here, within one writing transaction, and its schema is checked by the number that it keeps in `version_info`.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.storages._rdb import models as tables  # where its tables are described; no public name has them
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Engine, NullPool, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from schemas.errors import CreditnetError, SettingsError
from tasks.catalogue import open_catalogue
from tasks.catalogue.database import connect, serialise_sqlite, unusable
from tasks.catalogue.leases import Actor, this_process
from tasks.urls import with_driver

#: what a trial carries of who runs it, which own candidate it measures, and why it failed
OWNER, OWN, REASON = "owner", "own", "reason"
_IDENTITY = "identity"
#: a worker elsewhere that has not been heard of for so long is dead
_HEARTBEAT_SECONDS, _GRACE_SECONDS = 30, 180
#: a trial that nobody owns after so long was begun by a worker that died at once
_OWNERLESS = dt.timedelta(minutes=3)
_STARTUP_TRIALS = 10


class SeededByTrial(BaseSampler):
    """Tree-structured Parzen estimators whose draws depend on the seed, the trial's number and the trials so far.

    One sampler that is seeded once would draw the same again after a kill, and the same in every worker
    (Bergstra and others 2011 for the estimator).
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._inner: BaseSampler = self._sampler(0)

    def _sampler(self, number: int) -> BaseSampler:
        return TPESampler(seed=(self._seed * 1_000_003 + number) % 2**32, n_startup_trials=_STARTUP_TRIALS)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Take a sampler of the trial's own."""
        self._inner = self._sampler(trial.number)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Ask it."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask it."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Ask it."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


def open_study(database_url: str, name: str, identity: str, seed: int) -> optuna.Study:
    """Open a study, or begin it.

    Parameters
    ----------
    identity
        What makes trials comparable; a study that was begun with another one is refused.

    Raises
    ------
    SettingsError
        If the study is about something else, or the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # people see our own lines
    with storage_errors():
        storage = open_storage(database_url)
        ways: dict[str, Any] = {"sampler": SeededByTrial(seed), "pruner": pruner()}
        try:
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize", **ways)
        except DuplicatedStudyError:
            study = optuna.load_study(storage=storage, study_name=name, **ways)
        found = study.user_attrs.get(_IDENTITY)
        if found is None:
            study.set_user_attr(_IDENTITY, identity)
        elif found != identity:
            raise SettingsError(
                f"The study {name} is about something else: its trials cannot be compared with new ones.",
                expected="the same delivery, portfolio, code and kinds of candidate as when it was begun",
                found="at least one of them is another",
                way_out="name another study with `--study`, or leave it out",
            )
        return study


def pruner() -> MedianPruner:
    """Return what gives trainings up: those below the median of the others at the same epoch (Golovin and others 2017).

    Not before five trials are finished, not before epoch 20, and only where four others are known at that epoch.
    """
    return MedianPruner(n_startup_trials=5, n_warmup_steps=20, n_min_trials=4)


def open_storage(database_url: str) -> RDBStorage:
    """Return Optuna's storage in the catalogue's database, making its tables where they are missing."""
    open_catalogue(database_url)
    engine = connect(database_url)
    try:
        _make_tables(engine)
        url = with_driver(database_url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
            storage = RDBStorage(
                url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}"),
                engine_kwargs={"poolclass": NullPool},
                skip_compatibility_check=True,
                skip_table_creation=True,
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=_GRACE_SECONDS,
            )
    except DBAPIError as error:
        raise unusable(f"{engine.url.render_as_string(hide_password=True)}: {error.orig}") from error
    if url.get_backend_name() == "sqlite":
        serialise_sqlite(storage.engine)
    return storage


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate what Optuna's storage raises."""
    try:
        yield
    except StorageInternalError as error:
        raise CreditnetError(
            "The catalogue's database did not answer as it should.",
            found=str(error.__cause__ or error),
            way_out="finished trials are kept; check the disk and the other processes that use it, then run again",
        ) from error


def forget_dead(study: optuna.Study) -> None:
    """End the trials whose workers are gone, so that others take their place; finished trials are not touched."""
    now = dt.datetime.now()
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        owner = trial.user_attrs.get(OWNER)
        if owner is None:
            gone = trial.datetime_start is not None and now - trial.datetime_start > _OWNERLESS
        else:
            actor = Actor(*owner)
            gone = actor.is_here and not actor.is_running()
        if gone:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)


def claim(trial: optuna.Trial) -> None:
    """Write down that this process runs a trial."""
    trial.set_user_attr(OWNER, list(this_process()))


def _make_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        there = inspect(connection).has_table(tables.VersionInfoModel.__tablename__)
    if not there:
        with engine.execution_options(writing=True).begin() as connection:
            # A second worker that waited for the first finds them.
            tables.BaseModel.metadata.create_all(connection)
            if connection.execute(select(tables.VersionInfoModel.version_info_id)).first() is None:
                connection.execute(
                    insert(tables.VersionInfoModel).values(
                        version_info_id=1,
                        schema_version=tables.SCHEMA_VERSION,
                        library_version=optuna.__version__,
                    )
                )
    with engine.connect() as connection:
        found = connection.execute(select(tables.VersionInfoModel.schema_version)).scalar_one()
    if found != tables.SCHEMA_VERSION:
        raise SettingsError(
            "The studies in the catalogue's database were made by another version of Optuna.",
            expected=f"its schema {tables.SCHEMA_VERSION}",
            found=f"schema {found}",
            way_out="install the version that made them, or set CREDITNET_DATABASE_URL to another database",
        )
