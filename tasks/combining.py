"""Combining fitted candidates into an ensemble, which is one more candidate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.ensemble import combined, ensemble_content, validation_weights
from schemas.candidates import EnsembleSpec
from schemas.references import ModelRef, PanelRef, RefreshRun, SplitRef
from schemas.terms import Sample, Scheme
from tasks.kept_models import Finding, copied_member, keep_model
from tasks.lake import read_frame
from tasks.panels import read_panel, samples_of
from tasks.progress import note
from tasks.stage import stage
from tasks.training import shown_name


def _subject(
    run: RefreshRun,
    spec: EnsembleSpec,
    panel_ref: PanelRef,
    split: SplitRef,
    scheme: Scheme,
    fitted: Sequence[ModelRef],
) -> str:
    return shown_name(run, spec.name, scheme)


@stage("combine", cached=True, subject=_subject)
def combine(
    run: RefreshRun,
    spec: EnsembleSpec,
    panel_ref: PanelRef,
    split: SplitRef,
    scheme: Scheme,
    fitted: Sequence[ModelRef],
) -> ModelRef:
    """Weigh the members by their probabilities; keep the weights with copies of the members that count."""
    return combination(Path(run.home), run.work, spec, panel_ref, split, scheme, fitted)


def combination(
    home: Path,
    work: str,
    spec: EnsembleSpec,
    panel_ref: PanelRef,
    split: SplitRef,
    scheme: Scheme,
    fitted: Sequence[ModelRef],
) -> ModelRef:
    """Combine those of the fitted candidates that are members, under one scheme."""
    begun = time.perf_counter()
    by_name = {ref.name: ref for ref in fitted if ref.scheme is scheme}
    members = [by_name[name] for name in spec.members]
    of_panel = [read_frame(home, member.panel_probabilities).to_numpy() for member in members]
    of_quarter = [read_frame(home, member.quarter_probabilities).to_numpy() for member in members]
    weights = np.full(len(members), 1 / len(members))
    if spec.weights == "validation":
        samples, _ = samples_of(read_frame(home, split.file), scheme)
        rows = samples == Sample.VALIDATION
        truth = read_panel(home, panel_ref).truth[rows]
        weights = validation_weights([probabilities[rows] for probabilities in of_panel], truth)
    counting = {member.name: weight for member, weight in zip(members, weights.tolist(), strict=True) if weight}
    hashes = {name: by_name[name].content_hash for name in counting}
    found = Finding(
        content=ensemble_content(counting, hashes),
        inputs=len(counting),
        notes=dict(counting),
        seconds=time.perf_counter() - begun,
        of_panel=combined(of_panel, weights),
        of_quarter=combined(of_quarter, weights),
    )
    note(", ".join(f"{name} {weight:.3f}" for name, weight in counting.items()))
    folder = f"{work}/models/{scheme}/{spec.name}"
    copies = [file for name in counting for file in copied_member(home, folder, by_name[name])]
    return keep_model(home, folder, spec, scheme, found, copies)
