"""A candidate whose probabilities are calibrated on validation, and what that did there without optimism.

Validation is the only sample that may be used for it. Rows that a map was fitted on would flatter it, so that what
is reported of validation comes from maps that were fitted on other communities (cross-fitting); other samples get
the map of all validation rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.calibration_maps import CalibrationMap, fitted_map, restored_map
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import Fitted, FittingData, ModelContent, Notes
from models.folds import balanced_folds, hashed_folds
from schemas.tabular import Calibration, OrderedCandidate

_FOLDS = 5
_BINS = 10
_PREFIX = "calibration."
_FLOOR = 1e-15

Spec = TypeVar("Spec", bound=OrderedCandidate)


@dataclass(frozen=True)
class FittedCalibrated:
    """A fitted candidate and one map a class against the others; two classes have one map.

    Attributes
    ----------
    cross_fitted : (validation rows, classes) or None
        Calibrated probabilities of validation, each row's by maps of other rows. None once restored.
    """

    base: Fitted
    maps: tuple[CalibrationMap, ...]
    notes: Notes
    cross_fitted: FloatMatrix | None = None

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return self.base.inputs

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        return mapped(self.base.probabilities(graph), self.maps)

    def content(self) -> ModelContent:
        """Return the candidate's content and the maps."""
        content = self.base.content()
        own = {
            f"{_PREFIX}{number}.{name}": tensor
            for number, one in enumerate(self.maps)
            for name, tensor in one.tensors().items()
        }
        return ModelContent({**content.tensors, **own}, content.texts, content.digest)

    @classmethod
    def from_content(cls, content: ModelContent, restored: Callable[[ModelContent], Fitted]) -> FittedCalibrated:
        """Rebuild the candidate, by `restored`, and its maps."""
        rest: dict[str, NDArray[np.float64]] = {}
        maps: dict[int, dict[str, NDArray[np.float64]]] = {}
        for key, tensor in content.tensors.items():
            if key.startswith(_PREFIX):
                number, name = key.removeprefix(_PREFIX).split(".")
                maps.setdefault(int(number), {})[name] = tensor
            else:
                rest[key] = tensor
        base = restored(ModelContent(rest, content.texts, content.digest))
        return cls(base, tuple(restored_map(maps[number]) for number in sorted(maps)), {})


def fit_calibrated(spec: Spec, data: FittingData, fit: Callable[[Spec, FittingData], Fitted]) -> FittedCalibrated:
    """Fit the candidate without calibration, then the maps on all of validation."""
    base = fit(spec.model_copy(update={"calibration": Calibration.NONE}), data)
    before = base.probabilities(data.graph)[data.validation]
    truth = data.truth[data.validation]
    after = cross_fitted(spec.calibration, before, truth, data.communities[data.validation])
    notes = base.notes | {
        "calibration": str(spec.calibration),
        "log loss before calibration": log_loss(before, truth),
        "log loss calibrated": log_loss(after, truth),
        "calibration error before": calibration_error(before, truth),
        "calibration error calibrated": calibration_error(after, truth),
    }
    return FittedCalibrated(base, fitted_maps(spec.calibration, before, truth), notes, after)


def panel_probabilities(model: Fitted, data: FittingData) -> FloatMatrix:
    """Return what a model is judged by, (n, classes): where it is calibrated, validation is cross-fitted."""
    found = model.probabilities(data.graph)
    if isinstance(model, FittedCalibrated) and model.cross_fitted is not None:
        found = found.copy()
        found[data.validation] = model.cross_fitted
    return found


def fitted_maps(
    method: Calibration, probabilities: FloatMatrix, truth: NDArray[np.int64]
) -> tuple[CalibrationMap, ...]:
    """Fit a map for each class against the others; for two classes one, of the second.

    Parameters
    ----------
    probabilities : (n, classes)
    truth : (n,)
        Class index.
    """
    classes = probabilities.shape[1]
    told = range(1, 2) if classes == 2 else range(classes)
    return tuple(fitted_map(method, probabilities[:, one], truth == one) for one in told)


def mapped(probabilities: FloatMatrix, maps: tuple[CalibrationMap, ...]) -> FloatMatrix:
    """Return calibrated probabilities, (n, classes); several classes are scaled to sum to 1 (Zadrozny, Elkan 2002)."""
    if len(maps) == 1:
        second = maps[0](probabilities[:, 1])
        return np.stack([1 - second, second], axis=1)
    single = np.stack([one(probabilities[:, column]) for column, one in enumerate(maps)], axis=1)
    return np.asarray(single / single.sum(axis=1, keepdims=True))


def cross_fitted(
    method: Calibration, probabilities: FloatMatrix, truth: NDArray[np.int64], communities: NDArray[np.str_]
) -> FloatMatrix:
    """Return calibrated probabilities, each row's by maps fitted on rows of other communities, (n, classes).

    If all rows are of one community, single rows are dealt into the folds instead.
    """
    if len(np.unique(communities)) > 1:
        fold = balanced_folds(communities, truth.astype(np.float64), _FOLDS)
    else:
        fold = hashed_folds(np.arange(len(truth)).astype(np.str_), truth, min(_FOLDS, len(truth)), 0)
    found = probabilities.copy()
    for one in np.unique(fold):
        inside = fold != one
        if inside.any():  # a single row has no others
            found[~inside] = mapped(probabilities[~inside], fitted_maps(method, probabilities[inside], truth[inside]))
    return found


def log_loss(probabilities: FloatMatrix, truth: NDArray[np.int64]) -> float:
    """Return the mean of -ln of the probability of what happened."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], _FLOOR)).mean())


def calibration_error(probabilities: FloatMatrix, truth: NDArray[np.int64]) -> float:
    """Return the mean distance of estimated and observed shares, in tenths of the rows by estimate, in [0, 1].

    The mean over the classes for more than two (classwise expected calibration error; Kull and others 2019).
    """
    classes = probabilities.shape[1]
    told = range(1, 2) if classes == 2 else range(classes)
    return float(np.mean([_distance(probabilities[:, one], truth == one) for one in told]))


def _distance(estimate: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    order = np.argsort(estimate, kind="stable")
    tenths = np.array_split(order, min(_BINS, len(order)))
    return float(sum(abs(estimate[rows].sum() - happened[rows].sum()) for rows in tenths) / len(order))
