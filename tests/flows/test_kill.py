"""SIGKILL at any instant of a refresh leaves the old or the new state, and the rerun completes.

What is killed is the installed command, in a process group of its own. It is measured once from its first
stage to its end; ten instants are then drawn, one from each tenth of that time, and more are aimed at the
moments around publishing. Every attempt has a home of its own in which the quarter before is published.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.once]

INSTANTS = 10


class Attempt:
    """One run of the command, watched from its first stage on."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.times: list[float] = []
        self.begun, self.ended = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line.rstrip())
                if "… receive" in line:
                    self.times.append(time.perf_counter())
                    self.begun.set()
        self.times.append(time.perf_counter())
        self.begun.set()
        self.ended.set()

    def kill_when(self, moment: Callable[[], bool]) -> bool:
        """Kill the whole process group at a moment; False if it had ended by itself before."""
        while self.process.poll() is None and not moment():
            time.sleep(0.002)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(timeout=60) == -signal.SIGKILL

    def kill_after(self, seconds: float) -> bool:
        """Kill it that long after its first stage began."""
        assert self.begun.wait(180)
        due = time.perf_counter() + seconds
        return self.kill_when(lambda: time.perf_counter() >= due)


class Ground:
    """The home before the refresh, copied for each attempt, and what an undisturbed refresh comes to."""

    def __init__(self, make_home, server: dict[str, str], rheintal, command: str, folder: Path) -> None:
        self._make_home, self._server, self._folder = make_home, server, folder
        self.data_dir, before = folder / "data", make_home(folder / "before")
        self.portfolio = rheintal.deliver(self.data_dir)
        self._command = [command, "refresh", "--portfolio", str(self.portfolio), "--data-dir", str(self.data_dir)]
        self.old = before.refresh(self.portfolio, "2024Q2", self.data_dir).refresh
        # Two at a time, as the attempts that are killed will run.
        pairs = [self.attempt(self.home(name)) for name in ("undisturbed", "undisturbed-too")]
        self.seconds = sum(self._seconds(attempt) for _, attempt in pairs) / len(pairs)
        again = pairs[0][0].refresh(self.portfolio, "2024Q3", self.data_dir)
        assert again.already_published
        self.new = again.refresh

    @staticmethod
    def _seconds(attempt: Attempt) -> float:
        assert attempt.process.wait(timeout=300) == 0, attempt.lines
        assert attempt.ended.wait(60)
        return attempt.times[1] - attempt.times[0]

    def home(self, name: str, like: str = "before"):
        """Copy a home."""
        return self._make_home(shutil.copytree(self._folder / like, self._folder / name))

    def attempt(self, home):
        """Start the command in a home."""
        environment = {**os.environ, **self._server, "CREDITNET_HOME": str(home.path)}
        return home, Attempt([*self._command, "--quarter", "2024Q3"], environment)

    def check_old_or_new(self, home) -> str:
        """Check that everything published verifies, and that the quarter is there as a whole or not at all."""
        with closing(sqlite3.connect(home.path / "catalogue.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        found = home.verify()
        assert found.pop("2024Q2") == self.old.refresh
        assert found in ({}, {"2024Q3": self.new.refresh})
        counts = home.query(
            "SELECT (SELECT count(*) FROM scores WHERE refresh_key = :key), (SELECT count(*) FROM decisions WHERE"
            " refresh_key = :key), (SELECT count(*) FROM graphs WHERE quarter = '2024Q3')",
            key=self.new.refresh,
        )
        assert counts == [(120, 1, 1) if found else (0, 0, 0)]
        return "new" if found else "old"

    def check_rerun(self, home, state: str) -> None:
        """Run again in this process: it completes, and comes to what an undisturbed run comes to."""
        rerun = home.refresh(self.portfolio, "2024Q3", self.data_dir)
        assert rerun.already_published == (state == "new")
        for name in ("refresh", "fingerprint", "content_hashes", "candidates", "gates", "verdict"):
            assert getattr(rerun.refresh, name) == getattr(self.new, name)
        assert self.check_old_or_new(home) == "new"
        assert [path.name for path in (home.path / "lake/rheintal/2024Q3").iterdir()] == [rerun.refresh.refresh[:16]]
        assert list((home.path / "work").iterdir()) == []
        assert list(home.path.rglob("*.partial")) == []
        versions = home.registry.search_model_versions(f"tags.`creditnet.refresh` = '{rerun.refresh.refresh}'")
        assert [f"{version.name} {version.version}" for version in versions] == [rerun.refresh.model_version]
        challenger = home.registry.get_model_version_by_alias("creditnet-rheintal", "challenger")
        assert str(challenger.version) == home.catalogue.aliases("rheintal")["challenger"]
        assert home.catalogue.published_refresh(rerun.refresh.refresh).registry_synced


@pytest.fixture(scope="module")
def ground(make_home, prefect_server, rheintal, command, tmp_path_factory) -> Ground:
    return Ground(make_home, prefect_server, rheintal, command, tmp_path_factory.mktemp("killed"))


@pytest.fixture(scope="module")
def killed(ground) -> list:
    """Ten attempts, killed two at a time: the home of each, whether it was still running, and when it died."""

    def one(tenth: int):
        instant = ground.seconds * (tenth + random.Random(f"instant {tenth}").random()) / INSTANTS
        home, attempt = ground.attempt(ground.home(f"tenth-{tenth}"))
        dead = attempt.kill_after(instant)
        return home, dead, f"killed after {instant:.1f} of {ground.seconds:.1f} s in{attempt.lines[-1]}"

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(one, range(INSTANTS)))


@pytest.mark.parametrize("tenth", range(INSTANTS))
def test_killed_at_a_random_instant(ground, killed, tenth):
    home, dead, when = killed[tenth]
    state = ground.check_old_or_new(home)
    assert dead or state == "new", when
    ground.check_rerun(home, state)


def _documents_written(home) -> bool:
    return any(home.path.glob("work/*/documents/monitoring_report.md"))


def _folder_in_place(home) -> bool:
    return any(home.path.glob("lake/rheintal/2024Q3/*/manifest.json"))


def _row_published(home) -> bool:
    with closing(sqlite3.connect(home.path / "catalogue.db", timeout=5)) as database:
        return bool(database.execute("SELECT 1 FROM refreshes WHERE quarter = '2024Q3' AND sequence > 1").fetchone())


@pytest.fixture(scope="module")
def documented(ground):
    """A home whose refresh was killed when its documents were written."""
    home, attempt = ground.attempt(ground.home("documented"))
    assert attempt.kill_when(lambda: _documents_written(home)), attempt.lines
    assert ground.check_old_or_new(home) == "old"
    return home


def test_killed_when_its_documents_are_written(ground, documented):
    ground.check_rerun(ground.home("documented-again", like="documented"), "old")


@pytest.mark.parametrize(("moment", "expected"), [(_folder_in_place, {"old", "new"}), (_row_published, {"new"})])
def test_a_rerun_that_is_killed_while_it_publishes(ground, documented, moment, expected):
    home, attempt = ground.attempt(ground.home(f"documented{moment.__name__}", like="documented"))
    assert attempt.kill_when(lambda: moment(home)) or _row_published(home), attempt.lines
    state = ground.check_old_or_new(home)
    assert state in expected
    ground.check_rerun(home, state)
