"""Reason codes of a refresh: why firms were given an unfavourable class, from the very model that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.contributions import Development, contributions
from models.reason_codes import reason_summary, reasons
from schemas.reasons import Reason
from schemas.references import Evidence, FileRef, RefreshRun
from schemas.results import Evaluation
from schemas.terms import Sample
from tasks.graphs import read_graph
from tasks.kept_models import restore
from tasks.lake import read_frame, write_frame, write_json
from tasks.panels import read_panel, samples_of

#: a row a reason
REASONS = "reason_codes.parquet"
#: the table of codes in use with their frequencies
REASON_SUMMARY = "reason_codes.json"


def written_reasons(
    home: Path, run: RefreshRun, evidence: Evidence, evaluation: Evaluation, scores: pl.DataFrame
) -> tuple[FileRef, FileRef]:
    """Write the reasons of every firm with an unfavourable class, and how often each code was given.

    Parameters
    ----------
    scores
        Of the quarter's firms, in the order of its graph.
    """
    spec = next(one for one in run.portfolio.candidates if one.name == evaluation.chosen)
    model = restore(home, evidence.model(spec.name, run.portfolio.primary_scheme), spec)
    graph, rows = read_graph(home, evidence.panel.current), read_panel(home, evidence.panel)
    samples, _ = samples_of(read_frame(home, evidence.split.file), run.portfolio.primary_scheme)
    development = Development(rows.graph, samples == Sample.DEVELOPMENT)
    asked = np.flatnonzero(~scores["favourable"].to_numpy())
    with threadpool_limits(run.portfolio.training.threads, user_api="blas"):
        found = contributions(model, graph, asked, development, run.portfolio.target)
    given = reasons(found, run.portfolio)
    summary = reason_summary(spec.name, found, graph.size, given)
    return (
        write_frame(home, f"{run.work}/{REASONS}", reason_rows(graph.firms[asked], given)),
        write_json(home, f"{run.work}/{REASON_SUMMARY}", summary),
    )


def reason_rows(firms: NDArray[np.str_], given: Sequence[Sequence[Reason]]) -> pl.DataFrame:
    """Return the reasons as a table: firm_id, place from 1, code, text, feature, network, contribution."""
    return pl.DataFrame(
        [
            (firm, place, one.code, one.text, one.feature, one.network, one.contribution)
            for firm, row in zip(firms.tolist(), given, strict=True)
            for place, one in enumerate(row, 1)
        ],
        schema={
            "firm_id": pl.String,
            "place": pl.Int64,
            "code": pl.String,
            "text": pl.String,
            "feature": pl.String,
            "network": pl.Boolean,
            "contribution": pl.Float64,
        },
        orient="row",
    )
