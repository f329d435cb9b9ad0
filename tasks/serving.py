"""What is served from a home: which processes `creditnet up` started, and whether they still run."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from schemas.base import Frozen
from schemas.errors import IntegrityError
from schemas.references import FileRef
from tasks.catalogue.leases import Actor, actor
from tasks.lake import write_json

#: how the two that run flows are called
SERVER, WORKER = "Prefect", "worker"
_STATE = "served/state.json"
_PATIENCE_SECONDS = 20.0


class Served(Frozen):
    """One process of what is served; `url` is empty for one that answers nobody."""

    name: str
    url: str
    host: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, url: str, pid: int) -> Served:
        """Describe a process that runs now."""
        return cls(name=name, url=url, **actor(pid)._asdict())

    @property
    def alive(self) -> bool:
        """Tell whether this very process is still there."""
        process = Actor(self.host, self.pid, self.started)
        return process.is_here and process.is_running()


class ServedState(Frozen):
    """The process that serves a home, and those it started, in the order they were started."""

    supervisor: Served
    services: tuple[Served, ...] = ()

    def url(self, name: str) -> str:
        """Return where a service that still runs answers; empty if there is none."""
        return next((one.url for one in self.services if one.name == name and one.alive), "")


def note_state(home: Path, state: ServedState) -> FileRef:
    """Write down what is served."""
    return write_json(home, _STATE, state)


def served_state(home: Path) -> ServedState | None:
    """Read what is, or was last, served from a home.

    Raises
    ------
    IntegrityError
        If the file was damaged.
    """
    try:
        return ServedState.model_validate_json((home / _STATE).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(
            f"{home / _STATE} cannot be read.",
            found=str(error).splitlines()[0],
            way_out="remove it and end what it named",
        ) from error


def forget_state(home: Path) -> None:
    """Note that nothing is served any more."""
    (home / _STATE).unlink(missing_ok=True)


def server_url(home: Path) -> str:
    """Return the address of the Prefect API that serves this home now; empty if none does.

    A server without a worker (`creditnet ui`) shows runs and starts none: work must not be left to it.
    """
    state = served_state(home)
    if state is None or not state.supervisor.alive:
        return ""
    works = any(one.name == WORKER and one.alive for one in state.services)
    return f"{state.url(SERVER)}/api" if works and state.url(SERVER) else ""


def use_server(home: Path) -> str:
    """Let Prefect use the server that PREFECT_API_URL names or that serves this home; return its API's address.

    Empty if there is none. Call it before prefect is imported, which reads the address once.
    """
    address = os.environ.get("PREFECT_API_URL") or server_url(home)
    if address:
        os.environ["PREFECT_API_URL"] = address
    return address


def end(pid: int, *, patience: float = _PATIENCE_SECONDS) -> None:
    """End a process and all its descendants: SIGINT to itself, then what is left is made to go.

    Prefect's worker obeys SIGINT and not SIGTERM, and may leave the runs it started behind.
    """
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    _, left = psutil.wait_procs(family[:1], timeout=patience)
    _, left = psutil.wait_procs([*left, *family[1:]], timeout=1)
    for step in (psutil.Process.terminate, psutil.Process.kill):
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                step(one)
        _, left = psutil.wait_procs(left, timeout=min(5.0, patience))


def stop_serving(home: Path) -> tuple[str, ...]:
    """End what is served from a home and return the names of what ran.

    The supervisor ends the others in their order; where it was killed they are ended here.
    """
    state = served_state(home)
    if state is None:
        return ()
    found = tuple(one.name for one in state.services if one.alive)
    if state.supervisor.alive:
        os.kill(state.supervisor.pid, signal.SIGINT)
        # It waits for each of its children in turn.
        end_of_patience = time.monotonic() + _PATIENCE_SECONDS * (len(state.services) + 1)
        while state.supervisor.alive and time.monotonic() < end_of_patience:
            time.sleep(0.2)
    for one in reversed((state.supervisor, *state.services)):
        if one.alive:
            end(one.pid)
    forget_state(home)
    return found
