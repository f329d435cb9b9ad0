"""Starting a refresh: has it been done, is somebody doing it, and if not, it is ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.people import SYSTEM, requester_name
from schemas.portfolio import PortfolioSpec
from schemas.references import DeliveryRef, RefreshRun
from schemas.results import Refresh
from tasks.catalogue import open_catalogue
from tasks.contents import written_index
from tasks.identity import refresh_key
from tasks.lake import discard, write_file
from tasks.notices import announce_proposals
from tasks.progress import note
from tasks.registry import sync_aliases
from tasks.settings import settings
from tasks.stage import held_lease, stage


@stage("identify")
def identify(portfolio: PortfolioSpec, delivery: DeliveryRef, trigger: str, requested_by: str = SYSTEM) -> RefreshRun:
    """Name the refresh by its content and find its work folder."""
    home = settings().home
    key = refresh_key(portfolio, delivery)
    work = f"work/{key.key[:32]}"
    note(f"refresh {key.key[:12]}")
    return RefreshRun(
        home=str(home),
        portfolio=portfolio,
        delivery=delivery,
        key=key,
        work=work,
        work_id=_work_id(home, work),
        trigger=trigger,
        requested_by=requester_name(requested_by),
    )


@stage("look up")
def already_published(run: RefreshRun) -> Refresh | None:
    """Return the same refresh if it was published before; do what a run that died after publishing left undone."""
    catalogue = open_catalogue(settings().database_url)
    published = catalogue.published_refresh(run.key.key)
    if published is None:
        return None
    if catalogue.registry_lags(run.portfolio.name):
        announce_proposals(run.portfolio.name, run.key.key)
        sync_aliases(run.portfolio.name)
    discard(Path(run.home), run.work)  # there is nothing left to work on
    Path(run.home, f"{run.work}.id").unlink(missing_ok=True)
    written_index()  # the run that published it may have died before this
    note("already published")
    return published.refresh


@contextmanager
def lease(run: RefreshRun) -> Iterator[None]:
    """Hold the refresh for this process; whatever goes wrong is noted before the lease is given up.

    Raises
    ------
    RefreshBusy
        If a living process is running the same refresh.
    """
    catalogue = open_catalogue(settings().database_url)
    catalogue.claim(run.key, run.trigger)
    token = held_lease.set(run.key.key)
    try:
        yield
    except BaseException as error:
        catalogue.fail(run.key.key, f"{type(error).__name__}: {error}")
        raise
    finally:
        held_lease.reset(token)


def _work_id(home: Path, work: str) -> str:
    """Return the id of this life of the work folder; a folder that is gone starts a new one."""
    marker = home / f"{work}.id"
    if not (home / work).is_dir() or not marker.is_file():
        write_file(home, f"{work}.id", uuid.uuid4().hex.encode())
        (home / work).mkdir(parents=True, exist_ok=True)
    return marker.read_text()
