"""Fitting one candidate."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.calibrated import panel_probabilities
from models.candidates import fitted_candidate
from models.fitted import FittingData, Grades
from models.panel import UNKNOWN, Panel
from schemas.candidates import AutoGluonSpec, SingleSpec
from schemas.portfolio import TargetSpec
from schemas.references import FileRef, ModelRef, PanelRef, RefreshRun, SplitRef
from schemas.terms import Sample, Scheme
from tasks.checkpoints import FolderKeeper
from tasks.graphs import read_graph
from tasks.kept_models import PREDICTOR, Finding, keep_model
from tasks.lake import read_frame, write_file
from tasks.panels import read_panel, samples_of
from tasks.progress import TrainingWatcher, note
from tasks.stage import stage


def shown_name(run: RefreshRun, name: str, scheme: Scheme) -> str:
    """Return a candidate's name, with the scheme unless it is the primary one."""
    return name if scheme is run.portfolio.primary_scheme else f"{name} ({scheme})"


def _subject(run: RefreshRun, spec: SingleSpec, panel_ref: PanelRef, split: SplitRef, scheme: Scheme) -> str:
    return shown_name(run, spec.name, scheme)


@stage("fit", cached=True, subject=_subject)
def fit(run: RefreshRun, spec: SingleSpec, panel_ref: PanelRef, split: SplitRef, scheme: Scheme) -> ModelRef:
    """Fit one candidate under one scheme; keep it, its probabilities for every firm-quarter and for the quarter."""
    home = Path(run.home)
    folder = f"{run.work}/models/{scheme}/{spec.name}"
    keeper = FolderKeeper(home, f"{run.work}/checkpoints/{scheme}/{spec.name}")
    data = fitting_data(home, run, panel_ref, split, scheme, scratch=f"{folder}/{PREDICTOR}")
    data = replace(data, keeper=keeper, watcher=TrainingWatcher())
    quarter = read_graph(home, panel_ref.current)
    # Matrix products are the same to the bit on the same number of threads only.
    with threadpool_limits(run.portfolio.training.threads, user_api="blas"):
        begun = time.perf_counter()
        model = fitted_candidate(spec, data)
        seconds = time.perf_counter() - begun
        of_panel, of_quarter = panel_probabilities(model, data), model.probabilities(quarter)
    found = Finding(model.content(), model.inputs, model.notes, seconds, of_panel, of_quarter)
    kept = keep_model(home, folder, spec, scheme, found, _predictor_files(home, f"{folder}/{PREDICTOR}", spec))
    note(", ".join([f"{model.inputs} inputs", *(f"{name} {_short(value)}" for name, value in model.notes.items())]))
    keeper.clear()
    return kept


def fitting_data(
    home: Path, run: RefreshRun, panel_ref: PanelRef, split: SplitRef, scheme: Scheme, *, scratch: str
) -> FittingData:
    """Return what a candidate may see under a scheme: outcomes outside development and validation are masked."""
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
        grades=_grades(rows, run.portfolio.target, development | validation),
        scratch=str(target),
    )


def _grades(rows: Panel, target: TargetSpec, shown: NDArray[np.bool_]) -> Grades | None:
    if rows.grades is None:
        return None
    return Grades(np.where(shown, rows.grades, UNKNOWN), target.class_of_grade)


def _predictor_files(home: Path, folder: str, spec: SingleSpec) -> list[FileRef]:
    if not isinstance(spec, AutoGluonSpec):
        return []
    paths = sorted(path for path in (home / folder).rglob("*") if path.is_file())
    return [write_file(home, path.relative_to(home).as_posix(), path.read_bytes()) for path in paths]


def _short(value: float | int | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else json.dumps(value).strip('"')
