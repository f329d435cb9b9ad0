"""Correct and smooth: a tabular base whose errors and predictions are spread over the graph (Huang and others 2021).

With S = D^-1/2 A D^-1/2, base probabilities Z and known outcomes Y (one-hot, rows of firms without one are 0):

    correct   E = spread of (Y - Z where an outcome is known, 0 elsewhere) with weight `correction` on partners,
              Z' = Z + E, each row of E stretched to the mean size of the known errors
    smooth    G = spread of (Y where known, Z' elsewhere) with weight `smoothing` on partners

Errors and outcomes are those of development alone. Each firm is judged while its own outcome is hidden, and in a
new quarter's graph what became of a firm last stands for its outcome, as in label propagation. The errors are those
on rows the base was fitted on, as in the paper, hence too small; stretching makes up for it in part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.diffusion import Patience, diffused, spreading_adjacency
from models.fitted import Fitted, ModelContent, Notes
from models.label_inputs import KnownOutcomes
from models.laplacians import normalised_adjacency
from models.ordered import with_prefixes
from schemas.candidates import CorrectAndSmoothSpec

#: an error that would be stretched by more than this is left as it is: nothing but rounding arrived
_MOST_STRETCH = 1000.0


@dataclass(frozen=True)
class FittedCorrectAndSmooth:
    """The fitted base and the known outcomes."""

    spec: CorrectAndSmoothSpec
    base: Fitted
    known: KnownOutcomes
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns: those of the base and one a class."""
        return self.base.inputs + self.known.width

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        step = normalised_adjacency(spreading_adjacency(graph, self.spec.relations))
        base = self.base.probabilities(graph)
        outcomes = self.known.columns(graph.firms)
        found = np.zeros_like(base)
        for asked in self.known.hidden_folds(graph.firms, outcomes):
            visible = np.where(asked[:, None], 0.0, outcomes)
            found[asked] = self._judged(step, base, visible)[asked]
        return found

    def _judged(self, step: sp.csr_array, base: FloatMatrix, visible: FloatMatrix) -> FloatMatrix:
        patience = Patience(self.spec.iterations, self.spec.tolerance)
        seen = np.asarray(visible.any(axis=1))[:, None]
        corrected = base
        if self.spec.correction:
            errors = np.where(seen, visible - base, 0.0)
            spread = diffused(step, errors, self.spec.correction, patience)
            corrected = base + (_stretched(spread, errors) if self.spec.rescaled else spread)
        start = np.where(seen, visible, corrected)
        smooth = diffused(step, start, self.spec.smoothing, patience) if self.spec.smoothing else start
        positive = np.maximum(smooth, 0.0)
        total = positive.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(positive, total, out=base.copy(), where=total > 0))

    def content(self) -> ModelContent:
        """Return the base's content and the known outcomes."""
        base = with_prefixes({"base": self.base.content()})
        return ModelContent(base.tensors, {**base.texts, **self.known.texts()})


def _stretched(spread: FloatMatrix, errors: FloatMatrix) -> FloatMatrix:
    """Make the absolute sum of each row that of the known errors on average ("autoscale" in the paper)."""
    sizes = np.abs(errors).sum(axis=1)
    known = sizes > 0
    mean = sizes[known].mean() if known.any() else 0.0
    arrived = np.abs(spread).sum(axis=1)
    factor = np.divide(mean, arrived, out=np.ones_like(arrived), where=arrived > mean / _MOST_STRETCH)
    return np.asarray(spread * factor[:, None])
