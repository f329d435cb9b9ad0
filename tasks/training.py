"""Fitting one candidate and keeping it as weights and a spec."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from models.candidates import fitted_candidate, restored_candidate
from models.fitted import Fitted, FittingData, ModelContent
from models.panel import UNKNOWN
from schemas.candidates import AutoGluonSpec, CandidateSpec
from schemas.references import FileRef, ModelRef, PanelRef, RefreshRun, SplitRef
from schemas.terms import Sample, Scheme
from tasks.checkpoints import FolderKeeper
from tasks.graphs import read_graph
from tasks.lake import read_file, read_frame, write_file, write_frame, write_json
from tasks.panels import read_panel, samples_of
from tasks.progress import TrainingWatcher, note
from tasks.stage import stage

_SPEC = "spec.json"
_PREDICTOR = "predictor"


def _subject(run: RefreshRun, spec: CandidateSpec, panel_ref: PanelRef, split: SplitRef, scheme: Scheme) -> str:
    return spec.name if scheme is run.portfolio.split.schemes[0] else f"{spec.name} ({scheme})"


@stage("fit", cached=True, subject=_subject)
def fit(run: RefreshRun, spec: CandidateSpec, panel_ref: PanelRef, split: SplitRef, scheme: Scheme) -> ModelRef:
    """Fit one candidate under one scheme; keep it, its probabilities for every firm-quarter and for the quarter."""
    home = Path(run.home)
    folder = f"{run.work}/models/{scheme}/{spec.name}"
    keeper = FolderKeeper(home, f"{run.work}/checkpoints/{scheme}/{spec.name}")
    data = _fitting_data(home, run, panel_ref, split, scheme, scratch=f"{folder}/{_PREDICTOR}")
    data = replace(data, keeper=keeper, watcher=TrainingWatcher())
    begun = time.perf_counter()
    model = fitted_candidate(spec, data)
    seconds = time.perf_counter() - begun
    content = model.content()
    content_hash = content.content_hash(spec)
    files = [write_file(home, f"{folder}/{name}", data) for name, data in content.files().items()]
    described = {
        "spec": spec.model_dump(mode="json"),
        "content_hash": content_hash,
        "inputs": model.inputs,
        "notes": model.notes,
        "seconds": round(seconds, 3),
    }
    files.append(write_json(home, f"{folder}/{_SPEC}", described))
    files += _predictor_files(home, f"{folder}/{_PREDICTOR}", spec)
    note(", ".join([f"{model.inputs} inputs", *(f"{name} {_short(value)}" for name, value in model.notes.items())]))
    kept = ModelRef(
        name=spec.name,
        scheme=scheme,
        files=tuple(files),
        content_hash=content_hash,
        description=next(file for file in files if file.path.endswith(f"/{_SPEC}")),
        panel_probabilities=_probabilities(home, f"{folder}/panel.parquet", model.probabilities(data.graph)),
        quarter_probabilities=_probabilities(
            home, f"{folder}/quarter.parquet", model.probabilities(read_graph(home, panel_ref.current))
        ),
    )
    keeper.clear()
    return kept


def restore(home: Path, ref: ModelRef, spec: CandidateSpec) -> Fitted:
    """Load a kept model; every file is checked against its hash before any parser sees it."""
    folder = Path(ref.description.path).parent
    own = [file for file in ref.files if Path(file.path).parent == folder and file != ref.description]
    content = ModelContent.from_files({Path(file.path).name: read_file(home, file) for file in own})
    if isinstance(spec, AutoGluonSpec):
        for file in ref.files:
            read_file(home, file)
    return restored_candidate(spec, content, str(home / folder / _PREDICTOR))


def _fitting_data(
    home: Path, run: RefreshRun, panel_ref: PanelRef, split: SplitRef, scheme: Scheme, *, scratch: str
) -> FittingData:
    rows = read_panel(home, panel_ref)
    samples, communities = samples_of(read_frame(home, split.file), scheme)
    development, validation = samples == Sample.DEVELOPMENT, samples == Sample.VALIDATION
    target = home / scratch
    shutil.rmtree(target, ignore_errors=True)  # what a killed fit left behind must not be found by AutoGluon
    return FittingData(
        graph=rows.graph,
        truth=np.where(development | validation, rows.truth, UNKNOWN),
        development=development,
        validation=validation,
        communities=communities,
        classes=len(run.portfolio.target.classes),
        training=run.portfolio.training,
        scratch=str(target),
    )


def _predictor_files(home: Path, folder: str, spec: CandidateSpec) -> list[FileRef]:
    if not isinstance(spec, AutoGluonSpec):
        return []
    paths = sorted(path for path in (home / folder).rglob("*") if path.is_file())
    return [write_file(home, path.relative_to(home).as_posix(), path.read_bytes()) for path in paths]


def _probabilities(home: Path, path: str, probabilities: np.ndarray) -> FileRef:
    return write_frame(home, path, pl.DataFrame({str(c): probabilities[:, c] for c in range(probabilities.shape[1])}))


def _short(value: float | int | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else json.dumps(value).strip('"')
