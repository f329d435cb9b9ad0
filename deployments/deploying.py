"""Putting the deployments of prefect.yaml and the automations on a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import CreditnetError

ROOT = Path(__file__).resolve().parents[1]
_FILE = "deployments/prefect.yaml"


def deploy(environment: Mapping[str, str], *, portfolio: str, pool: str) -> tuple[str, ...]:
    """Create or update pool, deployments and automations on the server of ``PREFECT_API_URL``; return the automations.

    Parameters
    ----------
    environment
        Of the processes that do it; CREDITNET_ROOT and CREDITNET_TIME_ZONE are this folder and UTC by default.
    portfolio, pool
        What the schedules refresh, and whose workers do it.

    Raises
    ------
    CreditnetError
        If the server refuses or cannot be reached.
    """
    told = {
        "CREDITNET_ROOT": str(ROOT),
        "CREDITNET_TIME_ZONE": "UTC",
        **environment,
        "CREDITNET_PORTFOLIO": portfolio,
        "CREDITNET_WORK_POOL": pool,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH", "")))),
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    _run((prefect, "work-pool", "create", pool, "--type", "process", "--overwrite"), told, "the work pool")
    _run((prefect, "--no-prompt", "deploy", "--all", "--prefect-file", _FILE), told, "the deployments")
    names = _run((sys.executable, "-m", "deployments.automations"), told, "the automations")
    return tuple(names.splitlines())


def _run(command: tuple[str, ...], environment: Mapping[str, str], what: str) -> str:
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-3:]
        raise CreditnetError(
            f"The server did not take {what}.",
            found=" | ".join(last),
            way_out="check PREFECT_API_URL and PREFECT_API_AUTH_STRING, then deploy again",
        )
    return done.stdout
