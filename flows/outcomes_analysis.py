"""The analysis of outcomes: what became of the firms that earlier refreshes scored."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from schemas.performance import OutcomesOutcome
from schemas.terms import Quarter
from tasks.admission import admit
from tasks.outcomes import analyse_outcomes
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.progress import clocked
from tasks.receiving import receive


def _run_name() -> str:
    parameters = flow_run.parameters
    return f"{Path(parameters['portfolio']).stem} {parameters['quarter'] or '(newest quarter)'}"


@flow(name="outcomes_analysis", flow_run_name=_run_name, persist_result=False)
def outcomes_analysis(portfolio: str, quarter: str | None = None, data_dir: str | None = None) -> OutcomesOutcome:
    """Compare a delivery's outcomes with the scores published for their quarters; nothing is fitted.

    Parameters
    ----------
    portfolio, quarter, data_dir
        As for the quarterly refresh; the quarter whose end decides which outcomes are known.
    """
    spec = load_portfolio(portfolio)
    with clocked():
        delivery = receive(spec, Quarter.parse(quarter) if quarter else None, data_dir)
        with passing_run(spec, delivery, "outcomes") as run:
            return analyse_outcomes(run, admit(run))
