"""The quarterly refresh: from a delivery to a published, documented, registered model."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.evidence import gather_evidence
from schemas.people import SYSTEM
from schemas.results import RefreshOutcome
from schemas.retraining import DRIFT_TRIGGER
from schemas.terms import Quarter
from tasks.corrections import show_correction
from tasks.documents import document
from tasks.evaluation import evaluate
from tasks.judging import judge
from tasks.leases import already_published, identify, lease
from tasks.portfolios import load_portfolio
from tasks.progress import clocked
from tasks.publishing import publish
from tasks.receiving import receive
from tasks.registry import register
from tasks.setting_curves import vary


def _run_name() -> str:
    parameters = flow_run.parameters
    why = ", by drift" if parameters["trigger"].startswith(DRIFT_TRIGGER) else ""
    return f"{Path(parameters['portfolio']).stem} {parameters['quarter'] or '(newest quarter)'}{why}"


@flow(name="quarterly_refresh", flow_run_name=_run_name, persist_result=False)
def quarterly_refresh(
    portfolio: str,
    quarter: str | None = None,
    data_dir: str | None = None,
    trigger: str = "manual",
    requested_by: str = SYSTEM,
) -> RefreshOutcome:
    """Refresh one portfolio for one quarter; the same refresh again changes nothing.

    Parameters
    ----------
    portfolio
        Name of a bundled portfolio, or the path of a portfolio file.
    quarter
        Such as ``2024Q4``; the newest delivered one by default.
    data_dir
        The folder below which a folder source is found; CREDITNET_DATA by default.
    trigger
        Why this run was started; kept with the refresh.
    requested_by
        Who asks for the result to become champion. It takes another person to approve it; two if nobody is named.
    """
    spec = load_portfolio(portfolio)
    with clocked():
        delivery = receive(spec, Quarter.parse(quarter) if quarter else None, data_dir)
        run = identify(spec, delivery, trigger, requested_by)
        published = already_published(run)
        if published is not None:
            show_correction(run)  # the run that published it may have died before this
            return RefreshOutcome(refresh=published, already_published=True)
        with lease(run):
            evidence = gather_evidence(run)
            evaluation = evaluate(run, evidence)
            judgement = judge(run, evidence, evaluation)
            curves = [vary(run, asked, evidence) for asked in spec.setting_curves]
            documents = document(run, evidence, judgement, curves)
            registration = register(run, evidence, judgement, documents)
            refresh = publish(run, evidence, judgement, documents, registration)
        show_correction(run)
    return RefreshOutcome(refresh=refresh)
