"""The drift monitor: a delivery is compared with what was published last, and drift asks for a refresh of it."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.quarterly_refresh import quarterly_refresh
from schemas.retraining import DriftOutcome
from schemas.terms import Quarter
from tasks.admission import admit
from tasks.delivery_drift import ask_for_refresh, monitor
from tasks.graphs import build_graph
from tasks.notices import automation_starts_refreshes
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.progress import clocked
from tasks.receiving import receive


def _run_name() -> str:
    parameters = flow_run.parameters
    return f"{Path(parameters['portfolio']).stem} {parameters['quarter'] or '(newest quarter)'}"


@flow(name="drift_monitor", flow_run_name=_run_name, persist_result=False)
def drift_monitor(portfolio: str, quarter: str | None = None, data_dir: str | None = None) -> DriftOutcome:
    """Look for drift in a delivery and, if there is some, have that delivery refreshed.

    Where a server's automation answers to the event it starts the refresh; otherwise this flow runs it.

    Parameters
    ----------
    portfolio, quarter, data_dir
        As for the quarterly refresh.
    """
    spec = load_portfolio(portfolio)
    with clocked():
        delivery = receive(spec, Quarter.parse(quarter) if quarter else None, data_dir)
        with passing_run(spec, delivery, "drift") as run:
            admission = admit(run)
            found = monitor(run, admission, build_graph(run, admission))
            if not found.drift.monitoring.alarms:
                return found
            asked = ask_for_refresh(run, found, portfolio, data_dir)
    if asked.retraining == "refused" or asked.event is None or automation_starts_refreshes():
        return asked
    refreshed = quarterly_refresh(portfolio, str(asked.event.quarter), data_dir, trigger=asked.event.trigger)
    return asked.model_copy(update={"retraining": "done", "refresh": refreshed.refresh})
