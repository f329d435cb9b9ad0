"""The search for a better challenger: trials on a quarter's development sample, judged by validation alone."""

from __future__ import annotations

from prefect import flow

from schemas.terms import Quarter
from schemas.tuning import SearchSpec, Tuning
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.panels import split_firms
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.progress import clocked
from tasks.receiving import receive
from tasks.tuning import choose, search_candidates


@flow(name="tune_challenger", persist_result=False)
def tune_challenger(
    portfolio: str, quarter: str | None = None, data_dir: str | None = None, search: SearchSpec | None = None
) -> Tuning:
    """Search settings for a portfolio's candidates; nothing is registered or published as a refresh.

    Parameters
    ----------
    portfolio, quarter, data_dir
        As for the quarterly refresh.
    search
        How long to search, in which study, and which kinds.
    """
    spec, wanted = load_portfolio(portfolio), search or SearchSpec()
    with clocked():
        delivery = receive(spec, Quarter.parse(quarter) if quarter else None, data_dir)
        with passing_run(spec, delivery, "tune") as run:
            panel = build_graph(run, admit(run))
            split = split_firms(run, panel)
            search_candidates(run, panel, split, wanted)
            return choose(run, panel, split, wanted)
