"""Where creditnet keeps its things, read from the environment and nowhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from schemas.base import Frozen
from schemas.errors import SettingsError

#: Read once by each library at its import; what a person has set already wins.
EMBEDDED_DEFAULTS: dict[str, str] = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a cold start takes longer than the default
    "PREFECT_UI_API_URL": "/api",  # relative, so that the UI also works behind another host name
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # people see our own lines; the UI has Prefect's
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Threads of LightGBM that spin while they wait take a hundred times longer beside another busy process.
    "OMP_WAIT_POLICY": "PASSIVE",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}

#: These end or change a database URL or MLflow's reading of it, so a home with one would be cut short silently.
_UNSAFE_IN_URLS = "?#%"


class Settings(Frozen):
    """What the environment says; every path is absolute."""

    home: Path
    data_dir: Path | None
    database_url: str
    tracking_uri: str
    #: a PEM file with the Ed25519 private key that `creditnet pack` signs with
    signing_key: Path | None = None
    #: the program that makes PDFs; without it one is looked for on PATH
    chromium: Path | None = None

    @property
    def lake(self) -> Path:
        """Return the folder of published files."""
        return self.home / "lake"

    @property
    def work(self) -> Path:
        """Return the folder of unfinished refreshes."""
        return self.home / "work"

    @property
    def prefect_home(self) -> Path:
        """Return the folder of Prefect's own state."""
        return self.home / "prefect"


def settings() -> Settings:
    """Read the settings from the environment as it is now.

    Raises
    ------
    SettingsError
        If CREDITNET_HOME holds a character that a database URL cannot carry.
    """
    home = _absolute(os.environ.get("CREDITNET_HOME") or ".creditnet")
    if set(_UNSAFE_IN_URLS) & set(str(home)):
        raise SettingsError(
            "The home folder's name cannot be written into a database URL.",
            expected=f"a path without {' '.join(_UNSAFE_IN_URLS)}",
            found=str(home),
            way_out="set CREDITNET_HOME to another folder",
        )
    data_dir = os.environ.get("CREDITNET_DATA")
    return Settings(
        home=home,
        data_dir=_absolute(data_dir) if data_dir else None,
        database_url=os.environ.get("CREDITNET_DATABASE_URL") or f"sqlite:///{home}/catalogue.db",
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home}/mlflow/mlflow.db",
        signing_key=_absolute(key) if (key := os.environ.get("CREDITNET_SIGNING_KEY")) else None,
        chromium=_absolute(program) if (program := os.environ.get("CREDITNET_CHROMIUM")) else None,
    )


def prepare_environment(chosen: Settings) -> None:
    """Create the home folders and tell Prefect and MLflow where they live.

    Call it before prefect, mlflow, lightgbm or torch is imported: they read their switches only once.

    Raises
    ------
    SettingsError
        If the home cannot be created or written to.
    """
    try:
        # Each one by itself: `parents=True` would give the missing parents the default mode.
        chosen.home.parent.mkdir(parents=True, exist_ok=True)
        for folder in (chosen.home, chosen.lake, chosen.work, chosen.prefect_home, chosen.home / "mlflow"):
            folder.mkdir(mode=0o700, exist_ok=True)
        # Trying is the only honest question: permission bits say nothing of a read-only or full disk.
        with tempfile.TemporaryFile(dir=chosen.home):
            pass
    except OSError as error:
        raise SettingsError(
            "The home folder cannot be used.",
            expected="a folder that can be created and written to",
            found=f"{chosen.home}: {error.strerror or error}",
            way_out="set CREDITNET_HOME to a folder of yours, or change the owner or mode of this one",
        ) from error
    os.environ.setdefault("PREFECT_HOME", str(chosen.prefect_home))
    for name, value in EMBEDDED_DEFAULTS.items():
        os.environ.setdefault(name, value)


def _absolute(text: str) -> Path:
    # Not resolved: a home behind a symlink keeps the name its owner gave it.
    return Path.cwd() / Path(text).expanduser()
