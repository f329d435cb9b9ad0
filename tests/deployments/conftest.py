"""The installed command, and somebody else's portfolio to run it on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def rheintal() -> ModuleType:
    """The deliveries of another bank; see tests/flows/rheintal.py."""
    path = Path(__file__).parents[1] / "flows" / "rheintal.py"
    spec = importlib.util.spec_from_file_location("deployments_rheintal", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def creditnet():
    """Run the installed command and return what came of it."""

    def run(*arguments: object, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"CREDITNET_HOME": str(home), "PREFECT_HOME": f"{home}/prefect"} if home else {}
        return subprocess.run(
            [Path(sys.executable).with_name("creditnet"), *map(str, arguments)],
            env={**os.environ, **own, **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
