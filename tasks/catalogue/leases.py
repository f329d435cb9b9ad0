"""Who runs a refresh, and whether they still do."""

from __future__ import annotations

import datetime as dt
import functools
import os
import socket
from typing import NamedTuple

import psutil
from sqlalchemy.orm import Session

from schemas.errors import RefreshBusy
from tasks.catalogue.tables import RefreshRow

#: How long a run on another host is believed in after it last renewed its lease.
LEASE = dt.timedelta(minutes=15)

#: Linux derives a process's start from a boot time that clock corrections move by a moment.
_SAME_START_SECONDS = 2.0


class Actor(NamedTuple):
    """A process. Its start tells it from a later one that was given the same number."""

    host: str
    pid: int
    started: float

    @property
    def is_here(self) -> bool:
        """Tell whether it runs, or ran, on this host."""
        return self.host == socket.gethostname()

    def same_as(self, other: Actor) -> bool:
        """Tell whether the two are one process."""
        return self[:2] == other[:2] and abs(self.started - other.started) < _SAME_START_SECONDS

    def is_running(self) -> bool:
        """Tell whether the process is still there; only its own host can."""
        try:
            process = psutil.Process(self.pid)
            # One that was killed keeps its number until its parent asks for it, but does nothing more.
            return process.status() != psutil.STATUS_ZOMBIE and self.same_as(
                self._replace(started=process.create_time())
            )
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Actor:
    """Return the process that asks."""
    return _myself(os.getpid())


@functools.cache  # by number, so that a fork asks anew and a clock correction changes nobody's identity
def _myself(pid: int) -> Actor:
    return actor(pid)


def actor(pid: int) -> Actor:
    """Return a process of this host by its number."""
    return Actor(socket.gethostname(), pid, psutil.Process(pid).create_time())


def owner(row: RefreshRow) -> Actor:
    """Return the process that runs a refresh, or ran it last."""
    return Actor(row.owner_host, row.owner_pid, row.owner_started)


def is_mine(row: RefreshRow) -> bool:
    """Tell whether this process runs the refresh; a lease that ran out but nobody took is still held."""
    return row.status == "running" and owner(row).same_as(this_process())


def held(session: Session, key: str) -> RefreshRow:
    """Return the row of a refresh that this process runs; `RefreshBusy` if it does not."""
    row = session.get(RefreshRow, key)
    if row is None or not is_mine(row):
        raise RefreshBusy(
            "This process no longer holds the refresh, so it may not change it.",
            expected=f"a refresh {key} run by {this_process()}",
            found="no such refresh" if row is None else f"{row.status}, last run by {owner(row)}",
            way_out="run the refresh again: it continues, or returns what the other run published",
        )
    return row


def refuse_if_alive(row: RefreshRow, now: dt.datetime) -> None:
    """Raise `RefreshBusy` if a running refresh has a lease that counts and an owner that may be alive."""
    process = owner(row)
    if row.lease_expires_at > now and (not process.is_here or process.is_running()):
        raise RefreshBusy(
            f"The refresh {row.portfolio} {row.quarter} is being run already.",
            expected="nobody who runs the same refresh",
            found=f"{process}, since {row.started_at:%Y-%m-%d %H:%M:%S} UTC ({row.trigger})",
            way_out="wait for it or end it; a run that has died is taken over, "
            f"one on another host after {row.lease_expires_at:%H:%M:%S} UTC",
        )
