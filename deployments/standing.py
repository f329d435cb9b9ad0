"""Asking everything that `creditnet status` shows: processes, catalogue, and the server's planned runs."""

from __future__ import annotations

import httpx

from schemas.housekeeping import RefreshSummary
from schemas.serving import NextRun, PortfolioStatus, ServedStatus, ServiceStatus
from tasks.catalogue import Catalogue, open_catalogue
from tasks.serving import served_state, use_server
from tasks.settings import Settings


def standing(chosen: Settings) -> ServedStatus:
    """Say how things stand; of a server that does not answer no planned runs are known."""
    state = served_state(chosen.home)
    services = () if state is None else (state.supervisor, *state.services)
    return ServedStatus(
        served=state is not None and state.supervisor.alive,
        services=tuple(ServiceStatus(name=one.name, url=one.url, pid=one.pid, runs=one.alive) for one in services),
        portfolios=_portfolios(chosen),
        next_runs=_next_runs() if use_server(chosen.home) else None,
    )


def _portfolios(chosen: Settings) -> tuple[PortfolioStatus, ...]:
    catalogue = open_catalogue(chosen.database_url)
    refreshes = catalogue.housekeeping.refreshes()
    return tuple(_portfolio(catalogue, name, refreshes) for name in sorted({one.portfolio for one in refreshes}))


def _portfolio(catalogue: Catalogue, name: str, refreshes: list[RefreshSummary]) -> PortfolioStatus:
    mine = [one for one in refreshes if one.portfolio == name]
    published = [one for one in mine if one.published_at is not None]
    champion = catalogue.champion(name)
    return PortfolioStatus(
        portfolio=name,
        last_refresh=max(published, key=lambda one: str(one.published_at), default=None),
        champion=None if champion is None else champion.model_version,
        open_approvals=tuple(one.version for one in catalogue.promotions.proposals(name)),
        running=sum(one.status == "running" for one in mine),
    )


def _next_runs() -> tuple[NextRun, ...] | None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    scheduled = FlowRunFilter.model_validate({"state": {"type": {"any_": ["SCHEDULED"]}}})
    try:
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(flow_run_filter=scheduled, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)
            names = {one.id: f"{client.read_flow(one.flow_id).name}/{one.name}" for one in client.read_deployments()}
    except httpx.TransportError:
        return None
    found = [
        NextRun(deployment=names.get(run.deployment_id, "none"), run=run.name, at=run.next_scheduled_start_time)
        for run in runs
        if run.next_scheduled_start_time is not None
    ]
    # The nearest of each: a weekly schedule would otherwise hide the quarterly one.
    nearest: dict[str, NextRun] = {}
    for one in sorted(found, key=lambda one: one.at):
        nearest.setdefault(one.deployment, one)
    return tuple(nearest.values())
