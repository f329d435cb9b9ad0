"""Fitted candidates as files: weights and a spec, with the hash of what the model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from models.candidates import restored_candidate
from models.corporate_graph import FloatMatrix
from models.ensemble import FittedEnsemble, ensemble_parts
from models.fitted import Fitted, ModelContent, Notes
from schemas.candidates import AutoGluonSpec, CandidateSpec, EnsembleSpec
from schemas.references import FileRef, ModelRef
from schemas.results import Manifest
from schemas.terms import Scheme
from tasks.lake import published_file, read_file, read_json, write_file, write_frame, write_json

#: the folder of AutoGluon's own files within a model's folder
PREDICTOR = "predictor"
_SPEC = "spec.json"
_MEMBERS = "members"
_OF_PANEL, _OF_QUARTER = _PROBABILITIES = ("panel.parquet", "quarter.parquet")


@dataclass(frozen=True)
class Finding:
    """What a fit ended with.

    Attributes
    ----------
    seconds
        How long it took.
    of_panel, of_quarter : (rows, classes)
        Probabilities of the panel's firm-quarters and of the quarter's firms.
    """

    content: ModelContent
    inputs: int
    notes: Notes
    seconds: float
    of_panel: FloatMatrix
    of_quarter: FloatMatrix


def keep_model(
    home: Path, folder: str, spec: CandidateSpec, scheme: Scheme, found: Finding, beside: Sequence[FileRef] = ()
) -> ModelRef:
    """Write a fitted candidate and its probabilities into a folder.

    Parameters
    ----------
    beside
        Files of the model that are in the folder already.
    """
    content_hash = found.content.content_hash(spec)
    files = [write_file(home, f"{folder}/{name}", data) for name, data in found.content.files().items()]
    described = {
        "spec": spec.model_dump(mode="json"),
        "content_hash": content_hash,
        "inputs": found.inputs,
        "notes": found.notes,
        "seconds": round(found.seconds, 3),
    }
    description = write_json(home, f"{folder}/{_SPEC}", described)
    return ModelRef(
        name=spec.name,
        scheme=scheme,
        files=(*files, description, *beside),
        content_hash=content_hash,
        description=description,
        panel_probabilities=_probabilities(home, f"{folder}/{_OF_PANEL}", found.of_panel),
        quarter_probabilities=_probabilities(home, f"{folder}/{_OF_QUARTER}", found.of_quarter),
    )


def copied_member(home: Path, folder: str, member: ModelRef) -> list[FileRef]:
    """Copy a member's model into the folder of its ensemble, which can then be moved alone."""
    start = PurePosixPath(member.description.path).parent
    return [
        write_file(
            home,
            f"{folder}/{_MEMBERS}/{member.name}/{PurePosixPath(file.path).relative_to(start)}",
            read_file(home, file),
        )
        for file in member.files
    ]


def restore(home: Path, ref: ModelRef, spec: CandidateSpec) -> Fitted:
    """Load a kept model; every file is checked against its hash before any parser sees it."""
    return _restored(home, PurePosixPath(ref.description.path).parent, ref.files, spec)


def restore_published(home: Path, folder: str, manifest: Manifest, spec: CandidateSpec, scheme: Scheme) -> Fitted:
    """Load a model of a published refresh, after the same checks.

    Raises
    ------
    IntegrityError
        If the manifest lists no such model, or a file is not what was recorded.
    """
    start = PurePosixPath("models") / scheme / spec.name
    published_file(folder, manifest, f"{start}/{_SPEC}", "lacks a model")
    files = [
        FileRef(path=f"{folder}/{file.path}", sha256=file.sha256)
        for file in manifest.files
        if PurePosixPath(file.path).is_relative_to(start) and PurePosixPath(file.path).name not in _PROBABILITIES
    ]
    return _restored(home, PurePosixPath(folder) / start, files, spec)


def _restored(home: Path, folder: PurePosixPath, files: Sequence[FileRef], spec: CandidateSpec) -> Fitted:
    placed = {PurePosixPath(file.path).relative_to(folder): file for file in files}
    own = {str(path): file for path, file in placed.items() if len(path.parts) == 1 and path.name != _SPEC}
    content = ModelContent.from_files({name: read_file(home, file) for name, file in own.items()})
    if isinstance(spec, EnsembleSpec):
        names = ensemble_parts(content)[0]
        return FittedEnsemble.from_content(content, {name: _member(home, folder, placed, name) for name in names})
    if isinstance(spec, AutoGluonSpec):
        for file in files:
            read_file(home, file)
    return restored_candidate(spec, content, str(home / folder / PREDICTOR))


def _member(home: Path, folder: PurePosixPath, placed: dict[PurePosixPath, FileRef], name: str) -> Fitted:
    within = PurePosixPath(_MEMBERS) / name
    files = [file for path, file in placed.items() if path.is_relative_to(within)]
    described = read_json(home, placed[within / _SPEC], dict[str, Any])
    spec: CandidateSpec = TypeAdapter(CandidateSpec).validate_python(described["spec"])
    return _restored(home, folder / within, files, spec)


def _probabilities(home: Path, path: str, probabilities: np.ndarray) -> FileRef:
    return write_frame(home, path, pl.DataFrame({str(c): probabilities[:, c] for c in range(probabilities.shape[1])}))
