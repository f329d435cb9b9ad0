"""Loading the firm-quarters of a refresh, and splitting them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from models.memberships import memberships
from models.panel import UNKNOWN, Panel, panel, split_summary
from models.rolling_origins import rolling_origin_results
from models.samples import dealt_samples
from models.scoring import favourable
from models.split_audit import AuditRows, split_audit
from models.vintages import VintagePlan, vintage_plan
from models.yardstick import YardstickRows, yardstick_features
from schemas.portfolio import PortfolioSpec
from schemas.references import PanelRef, RefreshRun, SplitRef
from schemas.results import OriginResult
from schemas.terms import Quarter, Sample, Scheme
from tasks.graphs import read_graph
from tasks.lake import read_frame, write_frame, write_json
from tasks.progress import note
from tasks.stage import stage


@stage("split", cached=True)
def split_firms(run: RefreshRun, panel_ref: PanelRef) -> SplitRef:
    """Deal the firm-quarters into samples, whole communities together."""
    home, portfolio = Path(run.home), run.portfolio
    graphs = [read_graph(home, ref) for ref in panel_ref.vintages]
    rows = panel(graphs, read_frame(home, panel_ref.outcomes))
    given = read_frame(home, panel_ref.partition) if panel_ref.partition else None
    members, plan = memberships(graphs, given, portfolio), planned(portfolio, run.quarter, panel_ref)
    dealt, missing = dealt_samples(rows, members, published_values(home, portfolio, panel_ref, rows), portfolio, plan)
    if panel_ref.out_of_time is None:
        missing[Sample.OUT_OF_TIME] = panel_ref.out_of_time_missing
    summary = split_summary(dealt, rows, missing, portfolio.target.classes)
    audit = split_audit(audit_rows(home, portfolio, panel_ref, rows, dealt))
    origins = _origins(rows, dealt, portfolio, plan)
    summary = summary.model_copy(update={"audit": audit, "origins": origins})
    note(f"{len(rows.truth):,} firm-quarters, {dealt['community'].n_unique()} communities, {_counts(dealt)}")
    return SplitRef(
        file=write_frame(home, f"{run.work}/split.parquet", dealt),
        summary=write_json(home, f"{run.work}/split.json", summary),
    )


def planned(portfolio: PortfolioSpec, quarter: Quarter, ref: PanelRef) -> VintagePlan:
    """Return the plan that the panel's vintages were chosen by; they are all it needs."""
    vintages = [vintage.quarter for vintage in ref.vintages]
    return vintage_plan(quarter, portfolio.target.horizon_quarters, portfolio.split, vintages)


def published_values(home: Path, portfolio: PortfolioSpec, ref: PanelRef, rows: Panel) -> pl.Series | None:
    """Return the data set's own split value of each firm-quarter, if the portfolio uses it."""
    column = portfolio.split_column if Scheme.PUBLISHED in portfolio.split.schemes else None
    return attributes_of(home, ref, rows)[column.name] if column else None


def read_panel(home: Path, ref: PanelRef) -> Panel:
    """Load the vintages side by side with their outcomes."""
    return panel([read_graph(home, vintage) for vintage in ref.vintages], read_frame(home, ref.outcomes))


def attributes_of(home: Path, ref: PanelRef, rows: Panel) -> pl.DataFrame:
    """Return the attributes of each firm-quarter, in the order of the panel."""
    keys = pl.DataFrame({"quarter": rows.quarters, "firm_id": rows.firms})
    return keys.join(read_frame(home, ref.attributes), on=["quarter", "firm_id"], how="left", maintain_order="left")


def samples_of(split: pl.DataFrame, scheme: str) -> tuple[np.ndarray, np.ndarray]:
    """Return sample and community of each firm-quarter under one scheme, in the order of the panel."""
    dealt = split.filter(pl.col("scheme") == scheme)
    return dealt["sample"].to_numpy().astype(np.str_), dealt["community"].to_numpy().astype(np.str_)


def audit_rows(
    home: Path, portfolio: PortfolioSpec, panel_ref: PanelRef, rows: Panel, dealt: pl.DataFrame
) -> AuditRows:
    """Return what the audit of a split looks at."""
    keys = pl.DataFrame({"vintage": rows.quarters, "firm_id": rows.firms})
    numbers = keys.join(
        read_frame(home, panel_ref.outcomes), on=["vintage", "firm_id"], how="left", maintain_order="left"
    )
    classes = np.maximum(rows.truth, 0)
    return AuditRows(
        graph=rows.graph,
        unfavourable=~favourable(classes, portfolio.target),
        known=rows.truth != UNKNOWN,
        vintages=rows.quarters,
        delivered_rows=numbers["row"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        samples={scheme: samples_of(dealt, scheme)[0] for scheme in portfolio.split.schemes},
    )


def _origins(rows: Panel, dealt: pl.DataFrame, portfolio: PortfolioSpec, plan: VintagePlan) -> tuple[OriginResult, ...]:
    if not plan.origins:
        return ()
    _, communities = samples_of(dealt, portfolio.primary_scheme)
    evidence = YardstickRows(yardstick_features(rows.graph), rows.truth, communities)
    draws = portfolio.evaluation.bootstrap_draws
    return rolling_origin_results(rows, evidence, plan.origins, portfolio.training, draws=draws)


def _counts(dealt: pl.DataFrame) -> str:
    counts = dealt["sample"].value_counts().sort("sample")
    return ", ".join(f"{sample} {count:,}" for sample, count in counts.iter_rows())
