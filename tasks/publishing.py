"""Publishing a refresh: one rename and one transaction, so that readers see the old or the new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from monitoring.proposals import documents_gate
from schemas.references import DocumentRef, Evidence, FileRef, JudgementRef, RefreshRun, RegistrationRef
from schemas.results import Evaluation, GateResult, GraphStatistics, Judged, Manifest, Refresh
from tasks.catalogue import Score, open_catalogue
from tasks.contents import written_index
from tasks.documents import DOCUMENT_NAMES
from tasks.lake import MANIFEST, publish_folder, read_file, read_frame, read_json, rebased
from tasks.notices import announce_proposals
from tasks.progress import current_clock, note
from tasks.promotion import proposal_of
from tasks.provenance import written_provenance
from tasks.registry import alias_decisions, sync_aliases
from tasks.settings import settings
from tasks.stage import stage

#: what `--json` shows of a candidate's metrics
_SHOWN = ("auc", "f1", "accuracy", "mcc", "balanced_accuracy", "precision", "recall")


@stage("publish")
def publish(
    run: RefreshRun,
    evidence: Evidence,
    judgement: JudgementRef,
    documents: Sequence[DocumentRef],
    registration: RegistrationRef,
) -> Refresh:
    """Move the work folder into the lake, record it, then let the registry follow."""
    begun = time.perf_counter()
    home = Path(run.home)
    catalogue = open_catalogue(settings().database_url)
    files = [*_files(evidence, judgement, documents), *written_provenance(run)]
    manifest = Manifest(
        refresh=run.key.key,
        portfolio=run.portfolio.name,
        quarter=run.quarter,
        fingerprint=evidence.panel.current.fingerprint,
        files=tuple(sorted({rebased(file, run.work) for file in files}, key=lambda file: file.path)),
        audit_head=catalogue.audit_head(),
    )
    folder = f"lake/{run.portfolio.name}/{run.quarter}/{run.key.key[:16]}"
    judged = read_json(home, judgement.judged, Judged)
    documents_result = documents_gate(
        {Path(document.file.path).name: len(read_file(home, document.file)) for document in documents}, DOCUMENT_NAMES
    )
    refresh = _refresh(
        run,
        evidence,
        judgement,
        registration,
        documents_result,
        [*(str(home / folder / file.path) for file in manifest.files), str(home / folder / MANIFEST)],
    )
    statistics = read_json(home, evidence.panel.statistics, GraphStatistics)
    scores = [
        Score(firm, probability, predicted)
        for firm, probability, predicted in read_frame(home, judgement.scores)
        .select("firm_id", "unfavourable_probability", "predicted_class")
        .iter_rows()
    ]
    # Nothing in the catalogue names this folder yet: a different one in its place is a dead run's.
    digest = publish_folder(home, run.work, folder, manifest, replace=True)
    stages = {**current_clock().seconds, "publish": round(time.perf_counter() - begun, 3)}
    catalogue.publish(
        run.key.key,
        refresh=refresh.model_copy(update={"stages": stages}),
        folder=folder,
        manifest_sha256=digest,
        graph_statistics=statistics,
        scores=scores,
        decisions=alias_decisions(run, judged, registration.version),
        proposal=proposal_of(run, refresh.gates),
        model_name=registration.model,
        model_version=registration.version,
    )
    # Before the aliases: while these lag behind, the next run of the same refresh announces what this one did not.
    announce_proposals(run.portfolio.name, run.key.key)
    sync_aliases(run.portfolio.name)
    written_index()
    (home / f"{run.work}.id").unlink(missing_ok=True)
    note(str(home / folder))
    return refresh.model_copy(update={"stages": stages})


def _files(evidence: Evidence, judgement: JudgementRef, documents: Sequence[DocumentRef]) -> list[FileRef]:
    admission, panel, split = evidence.admission, evidence.panel, evidence.split
    return [
        *admission.tables.values(),
        admission.quarantine,
        admission.evidence,
        panel.current.file,
        *(vintage.file for vintage in panel.vintages),
        panel.outcomes,
        panel.attributes,
        panel.statistics,
        split.file,
        split.summary,
        *(file for m in evidence.models for file in (*m.files, m.panel_probabilities, m.quarter_probabilities)),
        judgement.evaluation,
        judgement.judged,
        judgement.scores,
        *filter(None, [judgement.score_drift]),
        judgement.reasons,
        judgement.reason_summary,
        *(document.file for document in documents),
    ]


def _refresh(
    run: RefreshRun,
    evidence: Evidence,
    judgement: JudgementRef,
    registration: RegistrationRef,
    documents_result: GateResult,
    paths: Sequence[str],
) -> Refresh:
    home = Path(run.home)
    evaluation = read_json(home, judgement.evaluation, Evaluation)
    judged = read_json(home, judgement.judged, Judged)
    primary = run.portfolio.primary_scheme
    return Refresh(
        portfolio=run.portfolio.name,
        quarter=run.quarter,
        fingerprint=evidence.panel.current.fingerprint,
        refresh=run.key.key,
        candidates={
            candidate.name: {
                str(sample): {metric: result.metrics[metric].value for metric in _SHOWN}
                for sample, result in candidate.samples.items()
            }
            for candidate in evaluation.candidates
        },
        verdict=judged.verdict,
        gates=(*judged.gates, documents_result),
        documents=tuple(path for path in paths if "/documents/" in path),
        stages={},
        model_version=f"{registration.model} {registration.version}",
        content_hashes={model.name: model.content_hash for model in evidence.models if model.scheme is primary},
        files=tuple(paths),
    )
