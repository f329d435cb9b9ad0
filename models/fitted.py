"""What fitting starts from and ends with: the same few words for every kind of candidate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fingerprint import tensor_digest
from schemas.candidates import CandidateSpec
from schemas.specs import TrainingSpec

Notes = dict[str, float | int | str]


class Progress(NamedTuple):
    """How far a training is.

    Attributes
    ----------
    begun_at
        The epoch this run began after: more than 0 where it goes on after a kill.
    """

    name: str
    epoch: int
    epochs: int
    begun_at: int
    loss: float
    validation_loss: float
    validation_auc: float


class Watcher(Protocol):
    """Looks on while a network is trained."""

    def due(self) -> bool:
        """Tell whether it is time for another look; each costs a validation AUC."""
        ...

    def show(self, progress: Progress) -> None:
        """Show how far the training is."""
        ...


class Absent:
    """A watcher that never looks."""

    def due(self) -> bool:
        """Never."""
        return False

    def show(self, progress: Progress) -> None:
        """Show nothing."""


class Keeper(Protocol):
    """Keeps the state of an unfinished training under a name."""

    def due(self) -> bool:
        """Tell whether it is time to keep the state again."""
        ...

    def load(self, name: str) -> bytes | None:
        """Return what was kept, None if nothing was."""
        ...

    def save(self, name: str, data: bytes) -> None:
        """Keep this instead of what was kept before."""
        ...


class Forgetful:
    """A keeper that keeps nothing: training starts at the beginning."""

    def due(self) -> bool:
        """Never."""
        return False

    def load(self, name: str) -> bytes | None:
        """Return None."""
        return None

    def save(self, name: str, data: bytes) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Grades:
    """Finer grades behind the classes, masked as the outcomes are.

    Attributes
    ----------
    truth : (n,) int64
        Index of the grade, -1 where the outcome is unknown or not for fitting.
    class_of : (grades,)
        Class index of each grade; neither ever descends.
    """

    truth: NDArray[np.int64]
    class_of: tuple[int, ...]

    def classes(self) -> NDArray[np.int64]:
        """Return the class index of each row, (n,), -1 where the grade is unknown."""
        return np.where(self.truth >= 0, np.array(self.class_of)[self.truth], -1)


@dataclass(frozen=True)
class FittingData:
    """What a candidate may see while it is fitted.

    Outcomes of rows outside development and validation are masked with -1 before this object is
    made, so that a candidate cannot look at them even by mistake.

    Attributes
    ----------
    graph
        All vintages side by side (`block_diagonal`), n rows.
    truth : (n,) int64
        Class index, -1 where unknown or not for fitting.
    development, validation : (n,) bool
    communities : (n,) str
    classes
        Number of classes.
    grades
        Finer grades of the same outcomes, where the portfolio has any.
    scratch
        A folder for libraries that insist on writing.
    keeper
        Keeps unfinished trainings, so that a killed run goes on.
    watcher
        Is shown now and then how far a training is.
    """

    graph: CorporateGraph
    truth: NDArray[np.int64]
    development: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    communities: NDArray[np.str_]
    classes: int
    training: TrainingSpec
    grades: Grades | None = None
    scratch: str = ""
    keeper: Keeper = field(default_factory=Forgetful)
    watcher: Watcher = field(default_factory=Absent)

    def __post_init__(self) -> None:
        for name, rows in (("development", self.development), ("validation", self.validation)):
            if rows.any() and self.truth[rows].min() < 0:
                raise ValueError(f"every {name} row needs an outcome; {(self.truth[rows] < 0).sum()} have none")
        if (self.development & self.validation).any():
            raise ValueError("a row is in development or in validation, not in both")
        if self.truth[~(self.development | self.validation)].max(initial=-1) >= 0:
            raise ValueError("outcomes outside development and validation must be masked with -1")
        if self.grades is not None and not np.array_equal(self.grades.classes(), self.truth):
            raise ValueError("grades must be those of the outcomes, and masked where they are")


class Fitted(Protocol):
    """A fitted candidate."""

    @property
    def notes(self) -> Notes:
        """What fitting found, for people: rounds, epochs."""
        ...

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        ...

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes); rows sum to 1. The graph may hold firms never seen before."""
        ...

    def content(self) -> ModelContent:
        """Return what has to be kept to get the same probabilities again."""
        ...


@dataclass(frozen=True)
class ModelContent:
    """A model as data: tensors and texts, with a hash of what it is.

    `digest` is set by models whose files are not reproducible to the byte (AutoGluon).
    """

    tensors: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    def content_hash(self, spec: CandidateSpec) -> str:
        """Return the hash of the candidate's settings and content, independent of any file format."""
        parts = {
            "spec": spec.model_dump(mode="json"),
            "tensors": tensor_digest(self.tensors),
            "texts": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.texts.items()},
            "digest": self.digest,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def files(self) -> dict[str, bytes]:
        """Return the files to keep, by name."""
        files = {name: text.encode() for name, text in self.texts.items()}
        if self.tensors:
            files["weights.safetensors"] = save({name: np.ascontiguousarray(t) for name, t in self.tensors.items()})
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> ModelContent:
        """Read back what `files` returned."""
        return cls(
            tensors=load(files["weights.safetensors"]) if "weights.safetensors" in files else {},
            texts={name: data.decode() for name, data in files.items() if name != "weights.safetensors"},
        )
