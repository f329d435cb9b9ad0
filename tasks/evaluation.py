"""Evaluating the candidates of a refresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.evaluation import Contest, Dealt, FittedFacts, evaluation
from schemas.references import Evidence, FileRef, ModelRef, RefreshRun
from tasks.lake import read_frame, read_json, write_json
from tasks.panels import read_panel, samples_of
from tasks.progress import note
from tasks.stage import stage


@stage("evaluate", cached=True)
def evaluate(run: RefreshRun, evidence: Evidence) -> FileRef:
    """Measure every candidate on every sample and choose one on validation."""
    home = Path(run.home)
    result = evaluation(read_contest(home, run, evidence))
    note(f"chosen: {result.chosen}; best on validation: {result.best_on_validation}")
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


def read_probabilities(home: Path, model: ModelRef) -> np.ndarray:
    """Load a model's probabilities for the panel, (n, classes)."""
    return read_frame(home, model.panel_probabilities).to_numpy()
