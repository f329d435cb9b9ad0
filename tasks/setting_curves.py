"""Varying one setting of one network, for the embeddings page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from models.setting_curve import validation_curve
from schemas.candidates import NetworkSpec
from schemas.references import Evidence, FileRef, RefreshRun
from schemas.setting_curves import SettingCurveSpec
from schemas.terms import Sample
from tasks.lake import write_json
from tasks.progress import TrainingWatcher, note
from tasks.stage import stage
from tasks.training import fitting_data


def _subject(run: RefreshRun, asked: SettingCurveSpec, evidence: Evidence) -> str:
    return f"{asked.setting} of {asked.candidate}"


@stage("vary", cached=True, subject=_subject)
def vary(run: RefreshRun, asked: SettingCurveSpec, evidence: Evidence) -> FileRef:
    """Fit a network with every value of a setting and several seeds; keep the AUC of each on validation."""
    home, portfolio = Path(run.home), run.portfolio
    spec = next(one for one in portfolio.single_candidates if one.name == asked.candidate)
    assert isinstance(spec, NetworkSpec)
    scheme = portfolio.primary_scheme
    data = fitting_data(home, run, evidence.panel, evidence.split, scheme, scratch=f"{run.work}/scratch")
    # Matrix products are the same to the bit on the same number of threads only.
    with threadpool_limits(portfolio.training.threads, user_api="blas"):
        curve = validation_curve(spec, asked, replace(data, watcher=TrainingWatcher()))
    best = curve.best(Sample.VALIDATION)
    note(f"{len(curve.points)} values, {asked.seeds} seeds, best {best.mean(Sample.VALIDATION):.3f} at {best.value:g}")
    return write_json(home, f"{run.work}/documents/curve-{asked.candidate}-{asked.setting}.json", curve)
