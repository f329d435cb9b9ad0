"""Writing what people read: model card, monitoring report, and the artifact in the Prefect UI."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from models.evaluation import Contest
from monitoring.artifact_tables import candidate_rows, fairness_rows, gate_rows
from monitoring.charts import SampleCurves, calibration_bins, roc_curve_points
from monitoring.documents import (
    Dossier,
    artifact_markdown,
    model_card_html,
    model_card_markdown,
    monitoring_report_html,
    monitoring_report_markdown,
)
from monitoring.embeddings_page import EMBEDDINGS, embeddings_page_html, embeddings_page_markdown
from monitoring.fair_lending import fair_lending_html, fair_lending_markdown
from monitoring.fairness_trends import fairness_trends
from monitoring.filters import words
from monitoring.graph_page import FULL, graph_page_html, graph_page_markdown
from monitoring.score_movers_page import MOVERS, score_movers_html, score_movers_markdown
from schemas.reasons import ReasonSummary
from schemas.references import DocumentRef, Evidence, FileRef, JudgementRef, RefreshRun
from schemas.results import (
    AdmissionResult,
    Evaluation,
    GraphStatistics,
    Judged,
    QuarantinedRow,
    SplitResult,
)
from schemas.setting_curves import SettingCurve
from schemas.terms import TEST_SAMPLES, Sample, TargetKind
from tasks.catalogue import open_catalogue
from tasks.environment import environment
from tasks.evaluation import read_contest
from tasks.fair_lending import FAIR_LENDING, earlier_fair_lending, measured_fair_lending
from tasks.hidden_layers import hidden_layers
from tasks.irb import irb_validation
from tasks.lake import read_frame, read_json, write_file, write_json
from tasks.outcomes import published_performance
from tasks.portraits import graph_portrait
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage
from tasks.workbook import WORKBOOK, validation_workbook

_QUARANTINE_SHOWN = 20
#: the numbers of the tests of IRB validation
IRB = "irb.json"
_WRITERS = {
    "model_card.html": ("Model card", model_card_html),
    "model_card.md": ("Model card", model_card_markdown),
    "graph.html": ("Graph", graph_page_html),
    "graph.md": ("Graph", graph_page_markdown),
    "monitoring_report.html": ("Monitoring report", monitoring_report_html),
    "monitoring_report.md": ("Monitoring report", monitoring_report_markdown),
    "fair_lending.html": ("Fair-lending report", fair_lending_html),
    "fair_lending.md": ("Fair-lending report", fair_lending_markdown),
}
#: written beside them
_MORE = {
    "embeddings.html": ("Embeddings", embeddings_page_html),
    "embeddings.md": ("Embeddings", embeddings_page_markdown),
}
#: written where there were scores to compare with
_MOVERS = {
    f"{MOVERS}.html": ("Score movers", score_movers_html),
    f"{MOVERS}.md": ("Score movers", score_movers_markdown),
}
#: what a validator asks for: without one of these a refresh is not complete
DOCUMENT_NAMES = (*_WRITERS, FULL, IRB, FAIR_LENDING, WORKBOOK)


@stage("document")
def document(
    run: RefreshRun, evidence: Evidence, judgement: JudgementRef, curves: Sequence[FileRef] = ()
) -> list[DocumentRef]:
    """Write the documents of a refresh and show the verdict in the Prefect UI.

    Parameters
    ----------
    curves
        What the stage `vary` kept, one file a setting.
    """
    home = Path(run.home)
    varied = {file: read_json(home, file, SettingCurve) for file in curves}
    dossier = _dossier(home, run, evidence, judgement, tuple(varied.values()))
    written = [
        DocumentRef(title=title, file=write_file(home, f"{run.work}/documents/{name}", writer(dossier).encode()))
        for name, (title, writer) in {**_WRITERS, **_MORE, **(_MOVERS if dossier.movers else {})}.items()
    ]
    numbers = write_json(home, f"{run.work}/documents/{FULL}", dossier.portrait)
    written.append(DocumentRef(title="Graph, every number", file=numbers))
    tests = write_json(home, f"{run.work}/documents/{IRB}", dossier.irb)
    written.append(DocumentRef(title="IRB validation tests, every number", file=tests))
    fair = write_json(home, f"{run.work}/documents/{FAIR_LENDING}", dossier.fair_lending)
    written.append(DocumentRef(title="Fair lending, every number", file=fair))
    workbook = write_file(home, f"{run.work}/documents/{WORKBOOK}", validation_workbook(run, evidence, dossier))
    written.append(DocumentRef(title="Validation workbook", file=workbook))
    if dossier.hidden_layers is not None:
        layers = write_json(home, f"{run.work}/documents/{EMBEDDINGS}", dossier.hidden_layers)
        written.append(DocumentRef(title="Embeddings, every number", file=layers))
    written += [
        DocumentRef(title=f"{words(one.setting)} of {one.candidate}, every number", file=file)
        for file, one in varied.items()
    ]
    _show(run, dossier)
    note(", ".join(Path(one.file.path).name for one in written))
    return written


def _show(run: RefreshRun, dossier: Dossier) -> None:
    """Show verdict, candidates, gates and fairness on the pages of the run in the Prefect UI."""
    key, about = run.portfolio.name.replace("_", "-"), f"{run.portfolio.title}, {run.quarter}"
    create_markdown_artifact(artifact_markdown(dossier), key=f"{key}-verdict", description=f"Verdict on {about}")
    judged = dossier.judged
    for name, rows in (
        ("candidates", candidate_rows(dossier.evaluation)),
        ("gates", gate_rows(judged.gates)),
        ("fairness", fairness_rows(judged.fairness)),
    ):
        create_table_artifact(rows, key=f"{key}-{name}", description=f"{name.capitalize()} of {about}")


def _dossier(
    home: Path, run: RefreshRun, evidence: Evidence, judgement: JudgementRef, curves: tuple[SettingCurve, ...]
) -> Dossier:
    catalogue = open_catalogue(settings().database_url)
    judged = read_json(home, judgement.judged, Judged)
    evaluation = read_json(home, judgement.evaluation, Evaluation)
    quarantine = read_frame(home, evidence.admission.quarantine).head(_QUARANTINE_SHOWN)
    statistics = read_json(home, evidence.panel.statistics, GraphStatistics)
    contest = read_contest(home, run, evidence)
    fair = measured_fair_lending(run, evidence, contest, evaluation, statistics)
    earlier = earlier_fair_lending(home, run.portfolio, before=run.quarter)
    first = not catalogue.had_champion(run.portfolio.name)
    return Dossier(
        portfolio=run.portfolio,
        key=run.key,
        admission=read_json(home, evidence.admission.evidence, AdmissionResult),
        quarantine_examples=tuple(QuarantinedRow(**row) for row in quarantine.iter_rows(named=True)),
        graph=statistics,
        portrait=graph_portrait(home, run, evidence, statistics),
        split=read_json(home, evidence.split.summary, SplitResult),
        evaluation=evaluation,
        judged=judged,
        curves=_curves(contest, evaluation),
        hidden_layers=hidden_layers(home, contest, evidence),
        setting_curves=curves,
        irb=irb_validation(run, evidence, evaluation),
        performance=published_performance(home, run, evidence.admission, judgement),
        movers=_movers(home, judgement, judged),
        fair_lending=fair,
        fairness_trends=fairness_trends([*earlier, (run.quarter, fair)] if fair else []),
        reasons=read_json(home, judgement.reason_summary, ReasonSummary),
        environment=environment(run.portfolio),
        audit_head=catalogue.audit_head(),
        registration=_registration(judged, first=first),
        trigger=run.trigger,
        written_at=dt.datetime.now(dt.UTC).replace(microsecond=0),
        publication_dates_known=all(
            spec.published_on is not None
            for spec in (
                run.portfolio.firms,
                *run.portfolio.delivered_relations,
                *filter(None, [run.portfolio.filings]),
            )
        ),
    )


def _movers(home: Path, judgement: JudgementRef, judged: Judged) -> tuple[str, ...]:
    if judgement.score_drift is None or judged.score_drift is None:
        return ()
    furthest_first = read_frame(home, judgement.score_drift)["firm_id"]
    return tuple(furthest_first.head(len(judged.score_drift.largest)))


def _registration(judged: Judged, *, first: bool) -> str:
    if judged.verdict.outcome == "failed":
        return "Registered as @challenger. It fails gates and may not be proposed as champion; nobody has approved it."
    if first:
        return (
            "Registered as @challenger and, as the first version whose gates pass, as @champion: a bootstrap "
            "that nobody has approved yet."
        )
    return "Registered as @challenger. Nobody has approved it yet."


def _curves(contest: Contest, evaluation: Evaluation) -> dict[Sample, SampleCurves]:
    """Return the curves of every test sample and of validation; an ordinal target has none."""
    if contest.portfolio.target.kind is not TargetKind.BINARY:
        return {}
    curves: dict[Sample, SampleCurves] = {}
    for sample, scheme in contest.judged_under():
        rows = contest.sample_rows(sample, scheme)
        if sample is Sample.DEVELOPMENT or len(pl.Series(rows.truth).unique()) < 2:
            continue
        curves[sample] = SampleCurves(
            roc=tuple(roc_curve_points(rows.truth, p[:, 1], name) for name, p in rows.probabilities.items()),
            calibration=tuple(calibration_bins(rows.truth, rows.probabilities[evaluation.chosen][:, 1]))
            if sample in TEST_SAMPLES
            else (),
        )
    return curves
