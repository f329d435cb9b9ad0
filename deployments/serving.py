"""Serving a home on this machine: server, worker, deployments, automations, registry and reports, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from deployments.automations import HEARTBEAT, LATE
from deployments.deploying import deploy
from schemas.base import Frozen
from schemas.errors import CreditnetError, SettingsError
from tasks.serving import SERVER, WORKER, Served, ServedState, end, forget_state, note_state, served_state
from tasks.settings import EMBEDDED_DEFAULTS, Settings

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 180
_PREFECT = Path(sys.executable).with_name("prefect")


class Ports(Frozen):
    """Where each service answers; 0 takes any free port."""

    prefect: int = 4200
    mlflow: int = 5000
    reports: int = 4280


class Service(Frozen):
    """Something to start: its command, where it answers and which page says that it does."""

    name: str
    command: tuple[str, ...]
    url: str = ""
    health: str = ""


def serve(chosen: Settings, ports: Ports, *, portfolio: str, pool: str, tell: Callable[[str], object]) -> None:
    """Serve everything until SIGINT or SIGTERM comes, then end it in the opposite order.

    Raises
    ------
    SettingsError
        If this home is served already or a port is taken.
    CreditnetError
        If a service does not start or ends by itself.
    """
    server = _server(_port(ports.prefect, "--port"))
    environment = _environment(chosen, server)
    with _supervised(chosen.home, environment) as start:
        start(server)
        tell(f"  Prefect      {server.url}")
        names = deploy(environment, portfolio=portfolio, pool=pool)
        tell(f"  automations  {len(names)}: {'; '.join(names)}")
        start(Service(name=WORKER, command=(str(_PREFECT), "worker", "start", "--pool", pool, "--type", "process")))
        tell(f"  worker       takes runs from the pool {pool}")
        for service in (*_registry(chosen, ports.mlflow), _reports(_port(ports.reports, "--reports-port"))):
            start(service)
            tell(f"  {service.name:<12} {service.url}")
        tell("  ready; Ctrl-C ends it, `creditnet status` shows it")
        start.wait()


def serve_ui(chosen: Settings, port: int, *, tell: Callable[[str], object]) -> None:
    """Serve the Prefect server alone: its pages show the runs of this home."""
    server = _server(_port(port, "--port"))
    with _supervised(chosen.home, _environment(chosen, server)) as start:
        start(server)
        tell(f"  Prefect      {server.url}/runs")
        tell("  ready; Ctrl-C ends it")
        start.wait()


class _Supervisor:
    """Starts services, notes them in the home, and ends them."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._home, self._environment = home, environment
        self._state = ServedState(supervisor=Served.of("creditnet up", "", os.getpid()))
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []
        note_state(home, self._state)

    def __call__(self, service: Service) -> None:
        """Start a service and wait until it answers."""
        log = self._log(service)
        with log.open("ab") as file:
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which keeps the order.
            process = subprocess.Popen(
                service.command, env=self._environment, stdout=file, stderr=file, start_new_session=True
            )
        self._running.append((service, process))
        noted = Served.of(service.name, service.url, process.pid)
        self._state = self._state.model_copy(update={"services": (*self._state.services, noted)})
        note_state(self._home, self._state)
        deadline = time.monotonic() + _START_SECONDS
        while service.health and not _answers(service.health):
            self._refuse_dead()
            if time.monotonic() > deadline:
                raise self._failed(service, f"no answer at {service.health} for {_START_SECONDS} s")
            time.sleep(0.3)

    def wait(self) -> None:
        """Wait until a signal comes; an error if a service ends before."""
        while True:
            self._refuse_dead()
            time.sleep(1)

    def end_all(self) -> None:
        """End every service, the newest first."""
        for _, process in reversed(self._running):
            end(process.pid)
            process.wait()
        forget_state(self._home)

    def _refuse_dead(self) -> None:
        for service, process in self._running:
            if process.poll() is not None:
                raise self._failed(service, f"it ended with {process.returncode}")

    def _failed(self, service: Service, found: str) -> CreditnetError:
        log = self._log(service)
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-3:]
        return CreditnetError(
            f"{service.name} does not run.", found=" | ".join([found, *last]), way_out=f"read {log}, then start again"
        )

    def _log(self, service: Service) -> Path:
        return self._home / "served" / f"{service.name.lower()}.log"


@contextmanager
def _supervised(home: Path, environment: Mapping[str, str]) -> Iterator[_Supervisor]:
    state = served_state(home)
    if state is not None and state.supervisor.alive:
        raise SettingsError(
            "This home is served already.",
            found=f"process {state.supervisor.pid}",
            way_out="`creditnet status` shows it, `creditnet down` ends it",
        )
    for left in reversed(state.services if state is not None else ()):
        if left.alive:  # its supervisor was killed
            end(left.pid)
    supervisor = _Supervisor(home, environment)
    earlier = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield supervisor
    except KeyboardInterrupt:
        pass  # somebody asked for the end, which is what follows
    finally:
        for number in earlier:  # a second Ctrl-C must not leave children behind
            signal.signal(number, signal.SIG_IGN)
        supervisor.end_all()
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _server(port: int) -> Service:
    url = f"http://{_LOOPBACK}:{port}"
    command = (str(_PREFECT), "server", "start", "--host", _LOOPBACK, "--port", str(port))
    return Service(name=SERVER, command=command, url=url, health=f"{url}/api/health")


def _registry(chosen: Settings, port: int) -> tuple[Service, ...]:
    """Return MLflow's pages, unless the registry is somebody else's server."""
    if chosen.tracking_uri.startswith(("http://", "https://")):
        return ()
    port = _port(port, "--mlflow-port")
    url = f"http://{_LOOPBACK}:{port}"
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", _LOOPBACK, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", chosen.tracking_uri, "--artifacts-destination", str(chosen.home / "mlflow/artifacts")),
    )
    return (Service(name="MLflow", command=command, url=url, health=f"{url}/health"),)


def _reports(port: int) -> Service:
    url = f"http://{_LOOPBACK}:{port}"
    command = (sys.executable, "-m", "deployments.reports_site", str(port))
    return Service(name="reports", command=command, url=url, health=url)


def _environment(chosen: Settings, server: Service) -> dict[str, str]:
    return {
        **EMBEDDED_DEFAULTS,
        # Runs of the worker are told here, not on a terminal that nobody watches.
        "PREFECT_HOME": str(chosen.prefect_home),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT),
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": str(LATE),
        **os.environ,
        # A worker runs in another folder, where a relative path would be another one.
        **({"CREDITNET_DATA": str(chosen.data_dir)} if chosen.data_dir else {}),
        "CREDITNET_HOME": str(chosen.home),
        "PREFECT_API_URL": f"{server.url}/api",
    }


def _port(wanted: int, option: str) -> int:
    """Return the port, or a free one for 0.

    Raises
    ------
    SettingsError
        If something else answers there.
    """
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((_LOOPBACK, wanted))
        except OSError as error:
            raise SettingsError(
                f"Port {wanted} cannot be used.",
                expected="a free port",
                found=error.strerror or str(error),
                way_out=f"name another one with {option}; 0 takes any",
            ) from error
        port: int = tried.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    with suppress(URLError, OSError), urlopen(url, timeout=2) as response:  # noqa: S310 - an address of our own
        return bool(response.status == 200)
    return False
