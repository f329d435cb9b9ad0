"""The audit of a quarter's splits without a refresh: no candidate is fitted and nothing is published."""

from __future__ import annotations

from prefect import flow

from schemas.audits import SplitAudit
from schemas.terms import Quarter
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.panels import split_firms
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.progress import clocked
from tasks.receiving import receive
from tasks.split_auditing import audit_splits, with_origins


@flow(name="split_audit", persist_result=False)
def split_audit(
    portfolio: str, quarter: str | None = None, data_dir: str | None = None, origins: int | None = None
) -> SplitAudit:
    """Build a quarter's graphs and splits and audit them.

    Parameters
    ----------
    portfolio, quarter, data_dir
        As for the quarterly refresh.
    origins
        How many rolling origins to measure; as many as the portfolio says by default.
    """
    spec = with_origins(load_portfolio(portfolio), origins)
    with clocked():
        delivery = receive(spec, Quarter.parse(quarter) if quarter else None, data_dir)
        with passing_run(spec, delivery, "audit") as run:
            panel = build_graph(run, admit(run))
            return audit_splits(run, panel, split_firms(run, panel))
