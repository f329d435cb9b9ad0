"""A bank of five firms whose delivery one can read at a glance, and a home for what becomes of it."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import os
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

KONTOR: dict[str, Any] = {
    "name": "kontor",
    "title": "Kontor",
    "purpose": "A delivery that fits on a page.",
    "source": {"kind": "folder", "path": "kontor"},
    "firms": {
        "file": "firms_{quarter}.csv",
        "firm_id": "no",
        "columns": [{"name": "size", "kind": "category", "values": ["small", "large"]}],
    },
    "relations": [{"name": "supply", "file": "supply_{quarter}.csv", "source": "from", "target": "to", "weight": "t"}],
    "outcomes": {"file": "firms_{quarter}.csv", "firm_id": "no", "value": "failed"},
    "target": {
        "kind": "binary",
        "classes": ["0", "1"],
        "favourable": ["0"],
        "horizon_quarters": 1,
        "label": "failure",
    },
    "candidates": [{"name": "logistic", "kind": "logistic"}],
}
FIRMS = "no,size,failed\n00123,small,0\nNA,large,1\n1e5,small,0\nd,large,1\ne,small,0\n"
SUPPLY = "from,to,t\n00123,NA,1.5\nNA,1e5,2\n1e5,d,1e1\nd,e,4\n"


class Kontor:
    """The bank: change its portfolio with `spec`, its files with `write`, then let it be received."""

    def __init__(self, data_dir: Path, home: Path) -> None:
        self.data_dir, self.folder, self.home = data_dir, data_dir / "kontor", home
        self.folder.mkdir(parents=True)
        for quarter in ("2024Q1", "2024Q2"):
            self.write(f"firms_{quarter}.csv", FIRMS)
            self.write(f"supply_{quarter}.csv", SUPPLY)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def spec(self, **changes: Any):
        """Return the portfolio; ``firms__tolerance=0.5`` changes one setting of a part."""
        from schemas.portfolio import PortfolioSpec

        content = copy.deepcopy(KONTOR)
        for name, value in changes.items():
            part, _, setting = name.partition("__")
            if setting:
                content[part][setting] = value
            else:
                content[part] = value
        return PortfolioSpec.model_validate(content)

    def receive(self, spec=None, quarter: str | None = None):
        from schemas.terms import Quarter
        from tasks.receiving import receive

        chosen = Quarter.parse(quarter) if quarter else None
        return receive.__wrapped__(spec or self.spec(), chosen, str(self.data_dir))

    def raw(self, delivery, table: str):
        """Return a received table."""
        from tasks.lake import read_frame

        return read_frame(self.home, delivery.tables[table])

    def run(self, spec=None, quarter: str | None = None):
        """Receive and identify."""
        from tasks.leases import identify

        spec = spec or self.spec()
        return identify.__wrapped__(spec, self.receive(spec, quarter), "test")

    @property
    def catalogue(self):
        from tasks.catalogue import open_catalogue

        return open_catalogue(f"sqlite:///{self.home}/catalogue.db")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder that the settings name."""
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    monkeypatch.setenv("CREDITNET_HOME", str(home))
    for name in ("CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def kontor(tmp_path, home) -> Kontor:
    return Kontor(tmp_path / "data", home)


@pytest.fixture(scope="session")
def postgresql_server():
    """A real PostgreSQL server; where none is installed the test is skipped, except in CI, where it fails."""
    path = Path(__file__).with_name("postgresql.py")
    spec = importlib.util.spec_from_file_location("tasks_postgresql", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    programs = module.binaries()
    missing = [
        name
        for name, there in (("PostgreSQL's initdb", programs), ("pg8000", importlib.util.find_spec("pg8000")))
        if not there
    ]
    if missing:
        stop = pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip
        stop(f"needs {' and '.join(missing)}")
    with module.server(programs) as url:
        yield url


@pytest.fixture(scope="session")
def empty_catalogue(tmp_path_factory) -> Path:
    """A migrated SQLite file without a row, to be copied: migrating costs seconds."""
    from tasks.catalogue import open_catalogue

    path = tmp_path_factory.mktemp("catalogue") / "catalogue.db"
    open_catalogue(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@contextlib.contextmanager
def database(server: str, template: str):
    """Give the URL of a database of its own."""
    from tasks.urls import with_driver

    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(with_driver(server), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgresql_url(postgresql_server):
    """An empty database for each test."""
    with database(postgresql_server, "template0") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server):
    """The name of a migrated database without a row."""
    from tasks.catalogue import open_catalogue

    with database(postgresql_server, "template0") as url:
        open_catalogue(url)
        yield make_url(url).database


@pytest.fixture
def postgresql_catalogue(postgresql_server, postgresql_template):
    """A catalogue of its own for each test."""
    with database(postgresql_server, postgresql_template) as url:
        yield url


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory) -> Path:
    """A store that MLflow has set up: doing so takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    uri = f"sqlite:///{path}"
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_registered_models()
    return path
