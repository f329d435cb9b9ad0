"""Combining fitted candidates into an ensemble, which is one more candidate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    home = Path(run.home)
    by_name = {ref.name: ref for ref in fitted if ref.scheme is scheme}
    samples, _ = samples_of(read_frame(home, split.file), scheme)
    kept = combination(
        home,
        f"{run.work}/models/{scheme}/{spec.name}",
        spec,
        [by_name[name] for name in spec.members],
        validation=samples == Sample.VALIDATION,
        truth=read_panel(home, panel_ref).truth,
    )
    note(f"{len(spec.members)} members")
    return kept


def combination(
    home: Path,
    folder: str,
    spec: EnsembleSpec,
    members: Sequence[ModelRef],
    *,
    validation: NDArray[np.bool_],
    truth: NDArray[np.int64],
) -> ModelRef:
    """Combine members that were fitted under one scheme.

    Parameters
    ----------
    members
        In the order of `spec.members`.
    validation, truth : (n,)
        Of the panel's rows; outcomes are read where `validation` is true, and only if weights are sought.
    """
    begun = time.perf_counter()
    of_panel = [read_frame(home, member.panel_probabilities).to_numpy() for member in members]
    of_quarter = [read_frame(home, member.quarter_probabilities).to_numpy() for member in members]
    weights = np.full(len(members), 1 / len(members))
    if spec.weights == "validation":
        weights = validation_weights([probabilities[validation] for probabilities in of_panel], truth[validation])
    counting = [(member, weight) for member, weight in zip(members, weights.tolist(), strict=True) if weight]
    by_name = {member.name: weight for member, weight in counting}
    found = Finding(
        content=ensemble_content(by_name, {member.name: member.content_hash for member, _ in counting}),
        inputs=len(counting),
        notes=dict(by_name),
        seconds=time.perf_counter() - begun,
        of_panel=combined(of_panel, weights),
        of_quarter=combined(of_quarter, weights),
    )
    copies = [file for member, _ in counting for file in copied_member(home, folder, member)]
    return keep_model(home, folder, spec, members[0].scheme, found, copies)
