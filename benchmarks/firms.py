"""Published data as a benchmark takes them: where they lie, and their firms as a refresh would build them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.panel import Panel
from schemas.portfolio import PortfolioSpec
from schemas.terms import Scheme
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.lake import read_frame
from tasks.panels import read_panel, samples_of, split_firms
from tasks.passing_runs import passing_run
from tasks.receiving import receive


def published_folder(name: str) -> Path:
    """Return the folder of published data below `CREDITNET_DATA`, or end the program with what to do.

    Parameters
    ----------
    name
        As `creditnet portfolios` lists it.
    """
    given = os.environ.get("CREDITNET_DATA", "")
    folder = Path(given) / name
    if not given or not folder.is_dir():
        sys.exit(
            f"CREDITNET_DATA={given} names no folder with {name}/, the published data that this benchmark reads: "
            "set it to the folder that contains it (docs/benchmarks.md says where to have the data from)"
        )
    return folder


def published_firms(portfolio: PortfolioSpec, data_dir: Path) -> tuple[Panel, NDArray[np.str_]]:
    """Build a portfolio's firms as a refresh does, in a home of their own that is gone afterwards.

    Parameters
    ----------
    data_dir
        The folder that contains the portfolio's folder, as `--data-dir` names it.

    Returns
    -------
    The n firm-quarters, and the sample of each under the data set's own split.
    """
    # Stages by themselves, without the flow that schedules and caches them.
    with tempfile.TemporaryDirectory() as home:
        os.environ["CREDITNET_HOME"] = home
        delivery = receive.__wrapped__(portfolio, None, str(data_dir))
        with passing_run(portfolio, delivery, "benchmark") as run:
            panel_ref = build_graph.__wrapped__(run, admit.__wrapped__(run))
            split = split_firms.__wrapped__(run, panel_ref)
            rows = read_panel(Path(home), panel_ref)
            samples, _ = samples_of(read_frame(Path(home), split.file), Scheme.PUBLISHED)
    return rows, samples
