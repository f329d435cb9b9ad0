"""Loading the firm-quarters of a refresh, and splitting them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from models.panel import UNKNOWN, Panel, dealt_samples, panel, pooled_communities, split_summary
from models.scoring import favourable
from models.split_audit import AuditRows, split_audit
from schemas.references import PanelRef, RefreshRun, SplitRef
from schemas.terms import Sample
from tasks.graphs import read_graph
from tasks.lake import read_frame, write_frame, write_json
from tasks.progress import note
from tasks.stage import stage


@stage("split", cached=True)
def split_firms(run: RefreshRun, panel_ref: PanelRef) -> SplitRef:
    """Deal the firm-quarters into samples, whole communities together."""
    home = Path(run.home)
    graphs = [read_graph(home, ref) for ref in panel_ref.vintages]
    rows = read_panel(home, panel_ref)
    column = run.portfolio.split_column
    published = attributes_of(home, panel_ref, rows)[column.name] if column else None
    dealt, missing = dealt_samples(
        rows, pooled_communities(graphs, run.portfolio), published, run.portfolio, panel_ref.out_of_time
    )
    if panel_ref.out_of_time is None:
        missing[Sample.OUT_OF_TIME] = panel_ref.out_of_time_missing
    summary = split_summary(dealt, rows, missing, run.portfolio.target.classes)
    audit = split_audit(_audit_rows(home, run, panel_ref, rows, dealt))
    summary = summary.model_copy(update={"audit": audit})
    note(f"{len(rows.truth):,} firm-quarters, {dealt['community'].n_unique()} communities, {_counts(dealt)}")
    return SplitRef(
        file=write_frame(home, f"{run.work}/split.parquet", dealt),
        summary=write_json(home, f"{run.work}/split.json", summary),
    )


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


def _audit_rows(home: Path, run: RefreshRun, panel_ref: PanelRef, rows: Panel, dealt: pl.DataFrame) -> AuditRows:
    keys = pl.DataFrame({"vintage": rows.quarters, "firm_id": rows.firms})
    numbers = keys.join(
        read_frame(home, panel_ref.outcomes), on=["vintage", "firm_id"], how="left", maintain_order="left"
    )
    classes = np.maximum(rows.truth, 0)
    return AuditRows(
        graph=rows.graph,
        unfavourable=~favourable(classes, run.portfolio.target),
        known=rows.truth != UNKNOWN,
        vintages=rows.quarters,
        delivered_rows=numbers["row"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        samples={scheme: samples_of(dealt, scheme)[0] for scheme in run.portfolio.split.schemes},
    )


def _counts(dealt: pl.DataFrame) -> str:
    counts = dealt["sample"].value_counts().sort("sample")
    return ", ".join(f"{sample} {count:,}" for sample, count in counts.iter_rows())
