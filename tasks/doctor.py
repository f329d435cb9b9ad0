"""What is wrong with this installation and this home, and what to do about it."""

from __future__ import annotations

import platform
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from schemas.errors import CreditnetError, examples
from schemas.housekeeping import Check, Diagnosis
from tasks.catalogue import open_catalogue
from tasks.identity import LOCK
from tasks.settings import Settings, settings

#: room for one refresh of the simulated portfolio with its models, logs and a backup of the catalogue
LEAST_FREE_BYTES = 2 * 1024**3
#: where `creditnet up` serves unless told otherwise
PORTS = {4200: "Prefect", 5000: "MLflow", 4280: "the reports site"}
_ROOT = Path(__file__).resolve().parents[1]


def diagnosis(*, least_free_bytes: int = LEAST_FREE_BYTES, ports: dict[int, str] | None = None) -> Diagnosis:
    """Look at versions, system libraries, home, disk, ports, database, audit log, leases and registry.

    Nothing is changed, except that a catalogue of an earlier version is brought up to date by opening it. A home
    that does not exist yet is well: the first refresh makes it.
    """
    chosen = settings()
    checks = [
        _python(),
        _packages(),
        _libgomp(),
        _home(chosen.home),
        _disk(chosen.home, least_free_bytes),
        *(_port(port, name) for port, name in (PORTS if ports is None else ports).items()),
        *_catalogue_checks(chosen),
    ]
    return Diagnosis(well=all(check.well for check in checks), checks=tuple(checks))


def _python() -> Check:
    found = platform.python_version()
    return Check(
        check="python",
        well=found.startswith("3.11."),
        found=found,
        way_out="use Python 3.11: dgl has no wheels for others",
    )


def _packages() -> Check:
    lock = _ROOT / LOCK
    if not lock.is_file():
        return Check(check="packages", well=False, found=f"no {LOCK}", way_out="run from a complete checkout")
    wrong = []
    for line in lock.read_text().splitlines():
        if "==" not in line or line.startswith((" ", "#", "-")):
            continue
        wanted = Requirement(line.rstrip("\\ ").split(" --hash")[0])
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            there = "missing"
        if there == "missing" or not wanted.specifier.contains(there, prereleases=True):
            wrong.append(f"{wanted.name} {there} instead of {wanted.specifier}")
    return Check(
        check="packages",
        well=not wrong,
        found=examples(wrong) if wrong else f"as in {LOCK}",
        way_out="run `make install`, which installs the locked versions",
    )


def _libgomp() -> Check:
    import ctypes.util

    found = ctypes.util.find_library("gomp")
    return Check(
        check="libgomp",
        well=found is not None,
        found=found or "missing",
        way_out="install it (Debian: apt-get install libgomp1): lightgbm and dgl need it",
    )


def _home(home: Path) -> Check:
    if not home.exists():
        return Check(check="home", well=True, found=f"{home} is made by the first refresh")
    mode = home.stat().st_mode
    others = stat.filemode(mode) if mode & (stat.S_IRWXG | stat.S_IRWXO) else ""
    way_out = f"chmod 700 {home}: it holds the bank's data"
    if others:
        return Check(check="home", well=False, found=f"{home} is open to others ({others})", way_out=way_out)
    return Check(check="home", well=True, found=f"{home}, for its owner only")


def _disk(home: Path, least: int) -> Check:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return Check(
        check="disk",
        well=free >= least,
        found=f"{free / 1024**3:.1f} GB free at {there}",
        way_out=f"make room, {least / 1024**3:.1f} GB at least: `creditnet prune` takes old refreshes away",
    )


def _port(port: int, name: str) -> Check:
    with socket.socket() as asked:
        asked.settimeout(0.5)
        taken = asked.connect_ex(("127.0.0.1", port)) == 0
    return Check(
        check=f"port {port}",
        well=True,
        found=f"something answers at 127.0.0.1:{port}; is it {name}?" if taken else f"free for {name}",
        way_out=f"if it is not {name}, choose another port for it" if taken else "",
    )


def _catalogue_checks(chosen: Settings) -> Iterator[Check]:
    if chosen.database_url.startswith("sqlite:///") and not Path(chosen.database_url[10:]).exists():
        yield Check(check="catalogue", well=True, found="none yet; the first refresh makes it")
        return
    try:
        catalogue = open_catalogue(chosen.database_url)
        refreshes = catalogue.housekeeping.refreshes()
    except CreditnetError as error:
        yield Check(check="catalogue", well=False, found=f"{error.problem} {error.found}", way_out=error.way_out)
        return
    yield Check(check="catalogue", well=True, found=f"{len(refreshes)} refreshes")
    yield _asked("audit log", lambda: f"{catalogue.verified_audit({}).rows} rows, whole")
    dead = [lease for lease in catalogue.housekeeping.leases() if not lease.alive]
    running = [lease for lease in catalogue.housekeeping.leases() if lease.alive]
    yield Check(
        check="lock",
        well=not dead,
        found=examples(f"{one.refresh[:12]} was left by {one.owner}" for one in dead)
        if dead
        else f"{len(running)} refreshes run: {examples(one.owner for one in running)}"
        if running
        else "no refresh runs",
        way_out="run `creditnet refresh` again: it takes over what a dead process left",
    )
    lagging = sorted({one.portfolio for one in refreshes if catalogue.registry_lags(one.portfolio)})
    yield Check(
        check="registry",
        well=not lagging,
        found=f"has yet to follow for {examples(lagging)}" if lagging else "follows the catalogue",
        way_out="run `creditnet refresh` for the portfolio again: the aliases are set on the way",
    )


def _asked(name: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(check=name, well=True, found=ask())
    except CreditnetError as error:
        return Check(check=name, well=False, found=f"{error.problem} {error.found}", way_out=error.way_out)
