"""Support vector machines, linear or with a radial kernel seen through landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from models.landmarks import landmark_factor, landmark_inputs, landmark_rows, landmark_weights, rbf_kernel
from models.margins import Margins, fitted_margins
from models.scaling import Scaling
from schemas.candidates import SvmSpec

#: rows whose kernel values are held at a time
_BLOCK = 8192


@dataclass(frozen=True)
class FittedSvm:
    """Margins over standardised inputs, or over their kernel values with the landmarks.

    Attributes
    ----------
    landmarks : (m, d)
        Standardised; no row for the linear kernel.
    """

    spec: SvmSpec
    scaling: Scaling
    landmarks: FloatMatrix
    margins: Margins
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return int(self.landmarks.shape[1])

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        rows = self.scaling.applied(design_matrix(graph, self.spec.features)[0])
        if self.spec.kernel == "linear":
            return self.margins.probabilities(rows)
        gamma = _gamma(self.spec, rows)
        blocks = (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))
        return np.concatenate([self.margins.probabilities(rbf_kernel(b, self.landmarks, gamma)) for b in blocks])

    def content(self) -> ModelContent:
        """Return margins, landmarks and the scaling."""
        return ModelContent({**self.scaling.tensors(), **self.margins.tensors(), "landmarks": self.landmarks})

    @classmethod
    def from_content(cls, spec: SvmSpec, content: ModelContent) -> FittedSvm:
        """Rebuild a fitted model from its content."""
        tensors = content.tensors
        return cls(spec, Scaling.from_tensors(tensors), tensors["landmarks"], Margins.from_tensors(tensors), {})


def fit_svm(spec: SvmSpec, data: FittingData) -> FittedSvm:
    """Fit on development; validation is not looked at.

    With m landmarks, n rows cost some n m^2 operations for each Newton step, and memory is 8 n m bytes a few times
    over.
    """
    inputs, _ = design_matrix(data.graph, spec.features)
    scaling = Scaling.fitted(inputs[data.development], logarithmic=spec.log_inputs)
    rows = scaling.applied(inputs[data.development])
    if spec.kernel == "linear":
        return FittedSvm(spec, scaling, np.empty((0, rows.shape[1])), _margins(spec, rows, data), {})
    landmarks = rows[landmark_rows(len(rows), spec.landmarks, data.training.seed)]
    gamma = _gamma(spec, rows)
    factor = landmark_factor(rbf_kernel(landmarks, landmarks, gamma))
    margins = _margins(spec, landmark_inputs(factor, rbf_kernel(rows, landmarks, gamma)), data)
    margins = replace(margins, weights=landmark_weights(factor, margins.weights))
    return FittedSvm(spec, scaling, landmarks, margins, {"landmarks": len(landmarks)})


def _margins(spec: SvmSpec, rows: FloatMatrix, data: FittingData) -> Margins:
    return fitted_margins(
        rows,
        data.truth[data.development],
        data.communities[data.development],
        classes=data.classes,
        inverse_penalty=spec.inverse_penalty,
        folds=spec.folds,
        balanced=spec.balanced,
    )


def _gamma(spec: SvmSpec, rows: FloatMatrix) -> float:
    return spec.gamma if spec.gamma is not None else 1.0 / max(1, rows.shape[1])
