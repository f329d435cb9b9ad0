"""A Prefect server and a process worker on loopback, started for a test and stopped by their own signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).with_name("prefect")
Found = TypeVar("Found")


def until(look: Callable[[], Found | None], seconds: float, what: str, *, every: float = 0.5) -> Found:
    """Wait for something to be there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


@contextmanager
def process(*command: object, log: Path, **environment: str) -> Iterator[None]:
    """Run something in the background; it gets SIGINT at the end, which Prefect's worker needs."""
    with log.open("w") as file:
        started = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=os.environ | environment, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        started.send_signal(signal.SIGINT)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


@contextmanager
def served(home: Path) -> Iterator[dict[str, str]]:
    """Give the environment in which a server runs and a worker waits in the pool `here`."""
    from tasks.settings import EMBEDDED_DEFAULTS

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **EMBEDDED_DEFAULTS,
        "CREDITNET_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PYTHONPATH": str(ROOT),
    }

    def healthy() -> bool:
        with suppress(URLError, OSError):
            return urlopen(f"{environment['PREFECT_API_URL']}/health", timeout=2).status == 200
        return False

    server = (PREFECT, "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui")
    with process(*server, log=home / "server.log", **environment):
        until(healthy, 120, "the Prefect server")
        pool = (PREFECT, "work-pool", "create", "here", "--type", "process")
        subprocess.run([str(part) for part in pool], env=os.environ | environment, check=True, capture_output=True)
        worker = (PREFECT, "worker", "start", "--pool", "here", "--type", "process")
        with process(*worker, log=home / "worker.log", **environment):
            yield environment
