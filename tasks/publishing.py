"""Publishing a refresh: one rename and one transaction, so that readers see the old or the new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from schemas.references import (
    AdmissionRef,
    DocumentRef,
    FileRef,
    JudgementRef,
    ModelRef,
    PanelRef,
    RefreshRun,
    RegistrationRef,
    SplitRef,
)
from schemas.results import Evaluation, GraphStatistics, Judged, Manifest, Refresh
from tasks.catalogue import Score, open_catalogue
from tasks.lake import MANIFEST, publish_folder, read_frame, read_json, rebased
from tasks.progress import current_clock, note
from tasks.registry import alias_decisions, sync_aliases
from tasks.settings import settings
from tasks.stage import stage

#: what `--json` shows of a candidate's metrics
_SHOWN = ("auc", "f1", "accuracy", "mcc", "balanced_accuracy", "precision", "recall")


@stage("publish")
def publish(
    run: RefreshRun,
    admission: AdmissionRef,
    panel_ref: PanelRef,
    split: SplitRef,
    models: Sequence[ModelRef],
    judgement: JudgementRef,
    documents: Sequence[DocumentRef],
    registration: RegistrationRef,
) -> Refresh:
    """Move the work folder into the lake, record it, then let the registry follow."""
    begun = time.perf_counter()
    home = Path(run.home)
    catalogue = open_catalogue(settings().database_url)
    files = _files(admission, panel_ref, split, models, judgement, documents)
    manifest = Manifest(
        refresh=run.key.key,
        portfolio=run.portfolio.name,
        quarter=run.quarter,
        fingerprint=panel_ref.current.fingerprint,
        files=tuple(sorted({rebased(file, run.work) for file in files}, key=lambda file: file.path)),
    )
    folder = f"lake/{run.portfolio.name}/{run.quarter}/{run.key.key[:16]}"
    judged = read_json(home, judgement.judged, Judged)
    refresh = _refresh(home, run, panel_ref, models, judgement, registration, manifest, folder)
    statistics = read_json(home, panel_ref.statistics, GraphStatistics)
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
        model_name=registration.model,
        model_version=registration.version,
    )
    sync_aliases(run.portfolio.name, run.key.key)
    (home / f"{run.work}.id").unlink(missing_ok=True)
    note(str(home / folder))
    return refresh.model_copy(update={"stages": stages})


def _files(
    admission: AdmissionRef,
    panel_ref: PanelRef,
    split: SplitRef,
    models: Sequence[ModelRef],
    judgement: JudgementRef,
    documents: Sequence[DocumentRef],
) -> list[FileRef]:
    return [
        *admission.tables.values(),
        admission.quarantine,
        admission.evidence,
        panel_ref.current.file,
        *(vintage.file for vintage in panel_ref.vintages),
        panel_ref.outcomes,
        panel_ref.attributes,
        panel_ref.statistics,
        split.file,
        split.summary,
        *(file for model in models for file in (*model.files, model.panel_probabilities, model.quarter_probabilities)),
        judgement.evaluation,
        judgement.judged,
        judgement.scores,
        *(document.file for document in documents),
    ]


def _refresh(
    home: Path,
    run: RefreshRun,
    panel_ref: PanelRef,
    models: Sequence[ModelRef],
    judgement: JudgementRef,
    registration: RegistrationRef,
    manifest: Manifest,
    folder: str,
) -> Refresh:
    evaluation = read_json(home, judgement.evaluation, Evaluation)
    judged = read_json(home, judgement.judged, Judged)
    primary = run.portfolio.split.schemes[0]
    paths = [str(home / folder / name) for name in (*(file.path for file in manifest.files), MANIFEST)]
    return Refresh(
        portfolio=run.portfolio.name,
        quarter=run.quarter,
        fingerprint=panel_ref.current.fingerprint,
        refresh=run.key.key,
        candidates={
            candidate.name: {
                str(sample): {metric: result.metrics[metric].value for metric in _SHOWN}
                for sample, result in candidate.samples.items()
            }
            for candidate in evaluation.candidates
        },
        verdict=judged.verdict,
        gates=judged.gates,
        documents=tuple(path for path in paths if "/documents/" in path),
        stages={},
        model_version=f"{registration.model} {registration.version}",
        content_hashes={model.name: model.content_hash for model in models if model.scheme is primary},
        files=tuple(paths),
    )
