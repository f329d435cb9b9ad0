"""Monitoring a delivery before anything is fitted on it: what drifted, the page that shows it, what may follow."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import polars as pl
from prefect.artifacts import create_markdown_artifact

from monitoring.drift_document import drift_html, drift_markdown
from schemas.monitoring import QuarterMonitoring
from schemas.references import AdmissionRef, PanelRef, RefreshRun
from schemas.retraining import DeliveryDrift, DriftDetected, DriftOutcome, drift_trigger
from tasks.catalogue import open_catalogue
from tasks.graphs import read_graph
from tasks.lake import read_frame
from tasks.monitored_quarters import monitored
from tasks.notices import announce_drift
from tasks.pages import written_pages
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage

_WRITERS: dict[str, Callable[[DeliveryDrift], str]] = {"drift.md": drift_markdown, "drift.html": drift_html}


@stage("monitor")
def monitor(run: RefreshRun, admission: AdmissionRef, panel: PanelRef) -> DriftOutcome:
    """Compare a delivery with the newest quarter published before it, and write what was found.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    catalogue = open_catalogue(settings().database_url)
    before = catalogue.latest_published(run.portfolio.name, before=run.quarter)
    drift = DeliveryDrift(
        title=run.portfolio.title,
        delivery=run.delivery.fingerprint,
        fingerprint=panel.current.fingerprint,
        compared_with=None if before is None else before.key,
        monitoring=_monitoring(run, admission, panel),
    )
    files = written_pages(
        Path(run.home),
        "drift",
        drift,
        _WRITERS,
        portfolio=drift.portfolio,
        quarter=drift.quarter,
        fingerprint=drift.fingerprint,
    )
    create_markdown_artifact(
        drift_markdown(drift),
        key=f"{drift.portfolio.replace('_', '-')}-drift",
        description=f"Drift of {drift.title}, {drift.quarter}",
    )
    note(f"{len(drift.monitoring.alarms)} alarms in {len(drift.monitoring.readings)} readings")
    return DriftOutcome(drift=drift, files=files)


@stage("ask for a refresh")
def ask_for_refresh(run: RefreshRun, found: DriftOutcome, source: str, data_dir: str | None) -> DriftOutcome:
    """Put the drift on record; announce it if a refresh may follow.

    Parameters
    ----------
    source, data_dir
        What names portfolio and data to the refresh.
    """
    alarms = found.drift.monitoring.alarms
    number = uuid.uuid4()
    event = DriftDetected(
        id=str(number),
        portfolio=run.portfolio.name,
        source=source,
        quarter=run.quarter,
        data_dir=data_dir,
        delivery=run.delivery.fingerprint,
        refresh=run.key.key,
        alarms=alarms,
        report=next(file for file in found.files if file.endswith(".html")),
        trigger=drift_trigger(str(number), alarms),
    )
    answer = open_catalogue(settings().database_url).retraining.ask(event, run.portfolio.retraining)
    note(f"event {event.id}: {answer.reason}")
    if answer.allowed:
        announce_drift(event)
    outcome = "started" if answer.allowed else "refused"
    return found.model_copy(update={"event": event, "retraining": outcome, "reason": answer.reason})


def _monitoring(run: RefreshRun, admission: AdmissionRef, panel: PanelRef) -> QuarterMonitoring:
    home = Path(run.home)
    attributes = read_frame(home, panel.attributes).filter(pl.col("quarter") == str(run.quarter))
    current = read_graph(home, panel.current)
    found = monitored(home, run.portfolio, current, attributes, admission.tables).quarter
    return found or QuarterMonitoring(
        portfolio=run.portfolio.name, quarter=run.quarter, expected_quarter=None, baseline=(), readings=(), alarms=()
    )
