"""Regularised logistic regression: the simplest candidate, and the one everything else must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from models.scaling import Scaling
from schemas.candidates import LogisticSpec


@dataclass(frozen=True)
class FittedLogistic:
    """Multinomial logistic regression: p = softmax(z W + b) with standardised inputs z.

    Attributes
    ----------
    weights : (inputs, classes)
    intercept : (classes,)
    """

    spec: LogisticSpec
    scaling: Scaling
    weights: FloatMatrix
    intercept: NDArray[np.float64]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return len(self.weights)

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        rows, _ = design_matrix(graph, self.spec.features)
        return np.asarray(softmax(self.scaling.applied(rows) @ self.weights + self.intercept, axis=1))

    def content(self) -> ModelContent:
        """Return the coefficients and the scaling."""
        return ModelContent({**self.scaling.tensors(), "weights": self.weights, "intercept": self.intercept})

    @classmethod
    def from_content(cls, spec: LogisticSpec, content: ModelContent) -> FittedLogistic:
        """Rebuild a fitted model from its content."""
        tensors = content.tensors
        return cls(spec, Scaling.from_tensors(tensors), tensors["weights"], tensors["intercept"], {})


def fit_logistic(spec: LogisticSpec, data: FittingData) -> FittedLogistic:
    """Fit on development; validation is not looked at, there is nothing to stop early."""
    from sklearn.linear_model import LogisticRegression

    rows, _ = design_matrix(data.graph, spec.features)
    scaling = Scaling.fitted(rows[data.development], logarithmic=spec.log_inputs)
    model = LogisticRegression(C=spec.inverse_penalty, max_iter=2000)
    truth = data.truth[data.development]
    model.fit(scaling.applied(rows[data.development]), truth)
    weights = np.zeros((model.coef_.shape[1], data.classes))
    intercept = np.zeros(data.classes)
    if len(model.classes_) == 2:  # scikit-learn then keeps the second one's coefficients only
        second = model.classes_[1]
        weights[:, second], intercept[second] = model.coef_[0], model.intercept_[0]
    else:
        weights[:, model.classes_], intercept[model.classes_] = model.coef_.T, model.intercept_
    intercept[np.setdiff1d(np.arange(data.classes), model.classes_)] = -np.inf
    return FittedLogistic(spec, scaling, weights, intercept, {"iterations": int(model.n_iter_.max())})
