"""Auditing the splits of a quarter: of a published refresh, or of one that was made up to its split only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.panel import Panel
from models.samples import later_samples
from models.split_audit import AuditRows, split_audit
from models.split_gaps import SplitRows, gap_finding, split_measures
from models.vintages import VintagePlan, vintage_plan
from models.yardstick import YardstickRows, yardstick_features
from monitoring.split_audit_document import split_audit_html, split_audit_markdown
from schemas.audits import SplitAudit, SplitMeasure
from schemas.base import Frozen
from schemas.errors import SettingsError
from schemas.portfolio import PortfolioSpec
from schemas.references import GraphRef, PanelRef, RefreshRun, SplitRef
from schemas.results import Manifest, OriginResult, SplitResult
from schemas.terms import Quarter, Sample, Scheme
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.identity import spec_hash
from tasks.lake import published_file, read_frame, read_json, verify_folder
from tasks.pages import written_pages
from tasks.panels import audit_rows, planned, read_panel, samples_of
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage

_WRITERS: dict[str, Callable[[SplitAudit], str]] = {
    "audit.md": split_audit_markdown,
    "audit.html": split_audit_html,
}


class WrittenAudit(Frozen):
    """An audit and the files that hold it, by their full paths."""

    content: SplitAudit
    files: tuple[str, ...]


def written_audit(content: SplitAudit) -> WrittenAudit:
    """Write an audit to the lake as one step, named after its content; the same one again changes nothing."""
    files = written_pages(
        settings().home,
        "audit",
        content,
        _WRITERS,
        portfolio=content.portfolio,
        quarter=content.quarter,
        fingerprint=content.fingerprint,
    )
    return WrittenAudit(content=content, files=files)


def published_audit(portfolio: PortfolioSpec, quarter: Quarter | None) -> SplitAudit | None:
    """Audit the newest published refresh of a quarter, the newest one by default.

    None if there is none, or if it was made with other settings than the portfolio has now: its split is
    then not the one that is asked about.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    chosen = settings()
    catalogue = open_catalogue(chosen.database_url)
    name = portfolio.name
    found = catalogue.latest_published(name) if quarter is None else catalogue.current(name, quarter)
    if found is None or found.spec_hash != spec_hash(portfolio):
        return None
    manifest = verify_folder(chosen.home, found.folder, found.manifest_sha256)
    file, summary = (published_file(found.folder, manifest, name) for name in ("split.parquet", "split.json"))
    split = SplitRef(file=file, summary=summary)
    panel_ref = _published_panel(found, manifest, read_frame(chosen.home, split.file), portfolio)
    return _audit(chosen.home, portfolio, manifest.quarter, panel_ref, split, found.key)


def with_origins(portfolio: PortfolioSpec, origins: int | None) -> PortfolioSpec:
    """Return the portfolio with another number of rolling origins, or as it is.

    Raises
    ------
    SettingsError
        If its data has one quarter only.
    """
    if origins is None or origins == portfolio.split.origins:
        return portfolio
    if portfolio.target.horizon_quarters == 0:
        raise SettingsError(
            f"Portfolio {portfolio.name} has one quarter: it has no rolling origins.",
            expected="a portfolio with quarters",
            found=f"--origins {origins}",
            way_out="leave --origins out",
        )
    return portfolio.model_copy(update={"split": portfolio.split.model_copy(update={"origins": origins})})


@stage("audit splits")
def audit_splits(run: RefreshRun, panel_ref: PanelRef, split: SplitRef) -> SplitAudit:
    """Audit a split that was made for this alone."""
    found = _audit(Path(run.home), run.portfolio, run.quarter, panel_ref, split, None)
    note(f"{len(found.findings)} findings, {found.beyond} beyond their limit")
    return found


def _audit(
    home: Path, portfolio: PortfolioSpec, quarter: Quarter, panel_ref: PanelRef, split: SplitRef, refresh: str | None
) -> SplitAudit:
    rows, dealt = read_panel(home, panel_ref), read_frame(home, split.file)
    summary = read_json(home, split.summary, SplitResult)
    plan = planned(portfolio, quarter, panel_ref)
    looked_at = audit_rows(home, portfolio, panel_ref, rows, dealt)
    split_rows = _split_rows(rows, dealt, looked_at, portfolio, plan)
    measures = split_measures(split_rows, portfolio.training, draws=portfolio.evaluation.bootstrap_draws)
    gap = gap_finding(measures, portfolio.gates.maximum_leakage_gap)
    findings = [*([gap] if gap else []), *split_audit(looked_at)]
    return SplitAudit(
        portfolio=portfolio.name,
        title=portfolio.title,
        quarter=quarter,
        fingerprint=panel_ref.current.fingerprint,
        refresh=refresh,
        samples=summary.samples,
        missing=summary.missing,
        measures=measures,
        origins=summary.origins or _newest_origin(measures, plan),
        findings=tuple(sorted(findings, key=lambda finding: not finding.beyond)),
    )


def _split_rows(
    rows: Panel, dealt: pl.DataFrame, looked_at: AuditRows, portfolio: PortfolioSpec, plan: VintagePlan
) -> SplitRows:
    first = dealt.filter(pl.col("scheme") == str(portfolio.primary_scheme))
    published = samples_of(dealt, Scheme.PUBLISHED)[0] if Scheme.PUBLISHED in portfolio.split.schemes else None
    by_vintage = later_samples(rows, plan)
    communities, groups = (first[name].to_numpy().astype(np.str_) for name in ("community", "group"))
    return SplitRows(
        graph=rows.graph,
        evidence=YardstickRows(yardstick_features(rows.graph), rows.truth, communities),
        unfavourable=looked_at.unfavourable,
        quarters=rows.quarters,
        firms=rows.firms,
        groups=groups,
        learnt=by_vintage == str(Sample.DEVELOPMENT),
        later=by_vintage == str(Sample.OUT_OF_TIME),
        published=published,
    )


def _newest_origin(measures: Sequence[SplitMeasure], plan: VintagePlan) -> tuple[OriginResult, ...]:
    """Return the newest origin, which the scheme `temporal` has measured already."""
    later = next(measure for measure in measures if measure.scheme is Scheme.TEMPORAL)
    if plan.out_of_time is None:
        return ()
    return (
        OriginResult(
            origin=plan.out_of_time,
            learnt_from=plan.development,
            fitted=later.fitted,
            tested=later.tested,
            auc=later.auc,
        ),
    )


def _published_panel(
    found: PublishedRefresh, manifest: Manifest, dealt: pl.DataFrame, portfolio: PortfolioSpec
) -> PanelRef:
    def graph(quarter: Quarter) -> GraphRef:
        # The audit is of the panel: only the fingerprint of the quarter's own graph is shown.
        file = published_file(found.folder, manifest, f"graphs/{quarter}.safetensors")
        return GraphRef(quarter=quarter, file=file, fingerprint=manifest.fingerprint)

    vintages = tuple(Quarter.parse(quarter) for quarter in sorted(dealt["quarter"].unique().to_list()))
    plan = vintage_plan(manifest.quarter, portfolio.target.horizon_quarters, portfolio.split, vintages)
    return PanelRef(
        current=graph(manifest.quarter),
        vintages=tuple(graph(vintage) for vintage in vintages),
        outcomes=published_file(found.folder, manifest, "outcomes.parquet"),
        attributes=published_file(found.folder, manifest, "attributes.parquet"),
        statistics=published_file(found.folder, manifest, "graph_statistics.json"),
        out_of_time=plan.out_of_time,
        out_of_time_missing=plan.reason,
    )
