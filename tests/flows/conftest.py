"""One Prefect server for all flow tests, somebody else's portfolio, and a home where it has been published."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

# Read once, when prefect is imported: nothing of the tests may land in the developer's own home.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="creditnet-tests-")
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def rheintal() -> ModuleType:
    """The deliveries of another bank: deliver(data_dir), read_csv, write_csv, AWKWARD, QUARTERS."""
    path = Path(__file__).with_name("rheintal.py")
    spec = importlib.util.spec_from_file_location("flows_rheintal", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Delivered:
    """A delivery of Rheintal that a test may damage."""

    data_dir: Path
    portfolio: Path
    bank: ModuleType

    @property
    def folder(self) -> Path:
        return self.data_dir / "rheintal"

    def rows(self, name: str) -> list[dict[str, object]]:
        return self.bank.read_csv(self.folder / name)

    def change(self, name: str, change: Callable[[list[dict[str, object]]], object]) -> None:
        """Let `change` alter the rows of a file in place; a list that it returns takes their place."""
        rows = self.rows(name)
        changed = change(rows)
        self.bank.write_csv(self.folder / name, changed if isinstance(changed, list) else rows)

    def empty(self, name: str) -> None:
        """Leave nothing but the header of a file."""
        path = self.folder / name
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


@pytest.fixture
def delivered(rheintal, tmp_path) -> Delivered:
    data_dir = tmp_path / "data"
    return Delivered(data_dir, rheintal.deliver(data_dir), rheintal)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory) -> Iterator[dict[str, str]]:
    """One server for the session; the value is what lets a process of its own use it too."""
    from tasks.settings import EMBEDDED_DEFAULTS

    with pytest.MonkeyPatch.context() as patch:
        for name, value in EMBEDDED_DEFAULTS.items():
            patch.setenv(name, value)
        from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
        from prefect.testing.utilities import prefect_test_harness

        home = tmp_path_factory.mktemp("prefect")
        own = {PREFECT_HOME: home, PREFECT_LOCAL_STORAGE_PATH: home / "storage"}
        with temporary_settings(own), prefect_test_harness(server_startup_timeout=120):
            yield {
                "PREFECT_HOME": str(home),
                "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
                "PREFECT_API_URL": PREFECT_API_URL.value(),
            }


@contextmanager
def in_home(home: Path) -> Iterator[None]:
    """Let everything in this process use a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(home))
        for name in ("CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        yield


class Home:
    """A home folder, what can be run in it and what can be asked of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refresh(self, portfolio: Path | str, quarter: str | None = None, data_dir: Path | None = None):
        """Run the flow in this process."""
        from flows.quarterly_refresh import quarterly_refresh
        from tasks.settings import prepare_environment, settings

        with in_home(self.path):
            prepare_environment(settings())
            return quarterly_refresh(str(portfolio), quarter, str(data_dir) if data_dir else None)

    def call(self, flow, *arguments: object):
        """Run another flow in this process."""
        from tasks.settings import prepare_environment, settings

        with in_home(self.path):
            prepare_environment(settings())
            return flow(*arguments)

    @property
    def catalogue(self):
        from tasks.catalogue import open_catalogue

        return open_catalogue(f"sqlite:///{self.path}/catalogue.db")

    def query(self, statement: str, **values: object) -> list[tuple]:
        """Ask the catalogue's database directly."""
        from sqlalchemy import create_engine, text
        from sqlalchemy.pool import NullPool

        with create_engine(f"sqlite:///{self.path}/catalogue.db", poolclass=NullPool).connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    @property
    def registry(self):
        from tasks.registry import registry_client

        with in_home(self.path):
            return registry_client()

    def verify(self) -> dict[str, str]:
        """Check all that is published, file by file, and the audit log; return quarter -> refresh key."""
        from schemas.terms import Quarter
        from tasks.catalogue import audit
        from tasks.catalogue.database import connect
        from tasks.lake import verify_folder

        found = {}
        for portfolio, quarter in self.query("SELECT DISTINCT portfolio, quarter FROM refreshes"):
            current = self.catalogue.current(portfolio, Quarter.parse(quarter))
            if current is not None:
                manifest = verify_folder(self.path, current.folder, current.manifest_sha256)
                assert manifest.fingerprint == current.refresh.fingerprint == current.graph_fingerprint
                assert all(Path(path).is_file() for path in current.refresh.documents)
                found[quarter] = current.key
        with connect(f"sqlite:///{self.path}/catalogue.db").connect() as connection:
            assert (audit.verified_hashes(connection) or [audit.GENESIS])[-1] == audit.head(connection)
        return found


@pytest.fixture(scope="session")
def make_home(prefect_server) -> type[Home]:
    """A home in which flows can be run in this process."""
    return Home


@pytest.fixture
def home(make_home, tmp_path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture(scope="session")
def published(make_home, rheintal, tmp_path_factory) -> SimpleNamespace:
    """A home with Rheintal's second and third quarter published, one after the other; not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    data_dir, home = folder / "data", make_home(folder / "home")
    portfolio = rheintal.deliver(data_dir)
    second = home.refresh(portfolio, "2024Q2", data_dir)
    third = home.refresh(portfolio, data_dir=data_dir)
    return SimpleNamespace(home=home, data_dir=data_dir, portfolio=portfolio, second=second, third=third)


@pytest.fixture
def published_copy(published, make_home, tmp_path) -> Home:
    """The published home again, to be changed."""
    return make_home(shutil.copytree(published.home.path, tmp_path / "home"))


@pytest.fixture(scope="session")
def command() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("creditnet"))


@pytest.fixture(scope="session")
def without_network() -> list[str]:
    """What to put before a command so that it has no network but loopback.

    Where that is not allowed the test is skipped, except in CI, where it fails.
    """
    loopback_up = (
        "import fcntl, os, socket, struct, sys\n"
        "with socket.socket() as s: fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x41))\n"
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    prefix = ["unshare", "--map-root-user", "--net", sys.executable, "-c", loopback_up]
    allowed = (
        shutil.which("unshare") and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    )
    if not allowed:
        missing = pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip
        missing("needs `unshare --map-root-user --net`, which this machine does not allow")
    return prefix
