"""One Prefect server for all flow tests, somebody else's portfolio, and a home where it has been published."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.flows.rheintal import deliver

# Read once, when prefect is imported: nothing of the tests may land in the developer's own home.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="creditnet-tests-prefect-")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """One server for the session; `environment` lets a process of its own use it too."""
    from tasks.settings import EMBEDDED_DEFAULTS

    os.environ.update(EMBEDDED_DEFAULTS)
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_HOME,
        PREFECT_LOCAL_STORAGE_PATH,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect")
    own = {PREFECT_HOME: home, PREFECT_LOCAL_STORAGE_PATH: home / "storage"}
    with temporary_settings(own), prefect_test_harness(server_startup_timeout=120):
        yield SimpleNamespace(
            environment={
                "PREFECT_HOME": str(home),
                "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
                "PREFECT_API_URL": PREFECT_API_URL.value(),
            }
        )
