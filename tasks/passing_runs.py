"""Runs that publish no refresh: an audit, a search. Each has a work folder of its own, gone when it is done."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from schemas.portfolio import PortfolioSpec
from schemas.references import DeliveryRef, RefreshRun
from tasks.identity import refresh_key
from tasks.lake import discard
from tasks.settings import settings


@contextmanager
def passing_run(portfolio: PortfolioSpec, delivery: DeliveryRef, purpose: str) -> Iterator[RefreshRun]:
    """Give a run a work folder of its own; it publishes nothing and holds no lease.

    Folders that killed runs with the same purpose left behind are taken away first.
    """
    home = settings().home
    key = refresh_key(portfolio, delivery)
    here = f"{socket.gethostname()}-"  # only this host knows which of its processes are gone
    for left in (home / "work").glob(f"{purpose}-*-{here}*"):
        number = left.name.rpartition(here)[2]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            discard(home, f"work/{left.name}")
    work = f"work/{purpose}-{key.key[:16]}-{here}{os.getpid()}"
    discard(home, work)
    try:
        yield RefreshRun(
            home=str(home),
            portfolio=portfolio,
            delivery=delivery,
            key=key,
            work=work,
            work_id=uuid.uuid4().hex,  # nothing of it is kept, so nothing of it may be found again
            trigger=purpose,
        )
    finally:
        discard(home, work)
