"""Scoring: what the champion says of the firms of the newest published quarter."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from schemas.scoring import ScoringOutcome
from tasks.progress import clocked
from tasks.scoring import score


def _run_name() -> str:
    return f"{Path(flow_run.parameters['portfolio']).stem}, by its champion"


@flow(name="score_portfolio", flow_run_name=_run_name, persist_result=False)
def score_portfolio(portfolio: str) -> ScoringOutcome:
    """Score the newest published quarter with the champion; the same champion and quarter again change nothing.

    Parameters
    ----------
    portfolio
        The name under which it was published, or its file.
    """
    with clocked():
        return score(portfolio)
