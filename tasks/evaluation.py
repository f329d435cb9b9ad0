"""Evaluating the candidates of a refresh."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from models.candidates import fitted_candidate
from models.corporate_graph import FloatMatrix
from models.evaluation import Contest, Dealt, FittedFacts, evaluation
from models.graph_help import without_edges, without_graph
from schemas.candidates import SingleSpec
from schemas.references import Evidence, FileRef, ModelRef, RefreshRun
from schemas.terms import Scheme
from tasks.lake import read_frame, read_json, write_json
from tasks.panels import read_panel, samples_of
from tasks.progress import TrainingWatcher, note
from tasks.stage import stage
from tasks.training import fitting_data


@stage("evaluate", cached=True)
def evaluate(run: RefreshRun, evidence: Evidence) -> FileRef:
    """Measure every candidate on every sample and choose one on validation."""
    home = Path(run.home)
    result = evaluation(read_contest(home, run, evidence), partial(_without_graph, home, run, evidence))
    note(
        f"chosen: {result.chosen}; best on validation: {result.best_on_validation}; graph helped: {result.graph.helped}"
    )
    return write_json(home, f"{run.work}/evaluation.json", result)


def read_contest(home: Path, run: RefreshRun, evidence: Evidence) -> Contest:
    """Load everything that comparing the candidates needs."""
    dealt = read_frame(home, evidence.split.file)
    schemes, primary = run.portfolio.split.schemes, run.portfolio.primary_scheme
    described = {m.name: read_json(home, m.description, dict[str, Any]) for m in evidence.models if m.scheme is primary}
    return Contest(
        portfolio=run.portfolio,
        rows=read_panel(home, evidence.panel),
        dealt={scheme: Dealt(*samples_of(dealt, scheme)) for scheme in schemes},
        probabilities={(model.scheme, model.name): read_probabilities(home, model) for model in evidence.models},
        facts={
            name: FittedFacts(facts["content_hash"], facts["seconds"], facts["inputs"], facts["notes"])
            for name, facts in described.items()
        },
    )


def _without_graph(home: Path, run: RefreshRun, evidence: Evidence, spec: SingleSpec, scheme: Scheme) -> FloatMatrix:
    """Fit a candidate again without the graph and return its probabilities for the panel."""
    folder = f"{run.work}/models/{scheme}/{spec.name} without the graph"
    data = fitting_data(home, run, evidence.panel, evidence.split, scheme, scratch=folder)
    data = replace(data, graph=without_edges(data.graph), watcher=TrainingWatcher())
    try:
        with threadpool_limits(run.portfolio.training.threads, user_api="blas"):
            return fitted_candidate(without_graph(spec), data).probabilities(data.graph)
    finally:
        shutil.rmtree(home / folder, ignore_errors=True)  # AutoGluon's files: this model is not kept


def read_probabilities(home: Path, model: ModelRef) -> np.ndarray:
    """Load a model's probabilities for the panel, (n, classes)."""
    return read_frame(home, model.panel_probabilities).to_numpy()
