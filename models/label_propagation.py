"""Label propagation: a firm's outcome is guessed from the known outcomes around it, features apart.

What is kept of the model are the development outcomes by firm. A new quarter's graph is scored by spreading
what became of its firms last; a firm that development did not hold gets what its partners hand on. A firm's own
outcome is hidden whenever it is asked about, so that its partners' are all it is judged by, in development as in use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.diffusion import Patience, clamped, diffused, spreading_adjacency
from models.fitted import FittingData, ModelContent, Notes
from models.label_inputs import KnownOutcomes
from models.laplacians import normalised_adjacency, transition_matrix
from schemas.candidates import LabelPropagationSpec


@dataclass(frozen=True)
class FittedLabelPropagation:
    """Known outcomes and the class shares of development.

    Attributes
    ----------
    shares : (classes,)
    """

    spec: LabelPropagationSpec
    known: KnownOutcomes
    shares: NDArray[np.float64]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns: one a class."""
        return self.known.width

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes): what arrives at a firm plus `prior` times the class shares, scaled to sum to 1.

        A firm that nothing reaches gets the class shares.
        """
        adjacency = spreading_adjacency(graph, self.spec.relations)
        step = transition_matrix(adjacency) if self.spec.clamped else normalised_adjacency(adjacency)
        outcomes = self.known.columns(graph.firms)
        patience = Patience(self.spec.iterations, self.spec.tolerance)
        arrived = np.zeros_like(outcomes)
        for asked in self.known.hidden_folds(graph.firms, outcomes):
            visible = np.where(asked[:, None], 0.0, outcomes)
            found = (
                clamped(step, visible, self.shares, self.spec.alpha, patience)
                if self.spec.clamped
                else diffused(step, visible, self.spec.alpha, patience)
            )
            arrived[asked] = found[asked]
        evidence = arrived + self.spec.prior * self.shares
        return np.asarray(evidence / evidence.sum(axis=1, keepdims=True))

    def content(self) -> ModelContent:
        """Return the class shares and the known outcomes."""
        return ModelContent({"shares": self.shares}, self.known.texts())

    @classmethod
    def from_content(cls, spec: LabelPropagationSpec, content: ModelContent) -> FittedLabelPropagation:
        """Rebuild a fitted model from its content."""
        return cls(spec, KnownOutcomes.from_texts(content.texts), content.tensors["shares"], {})


def fit_label_propagation(spec: LabelPropagationSpec, data: FittingData) -> FittedLabelPropagation:
    """Take the outcomes of development; there is nothing else to learn."""
    truth = data.truth[data.development]
    # One count spread over the classes keeps a class that development never saw possible.
    shares = (np.bincount(truth, minlength=data.classes) + 1 / data.classes) / (len(truth) + 1)
    known = KnownOutcomes.of(data, shown_share(spec.folds))
    return FittedLabelPropagation(spec, known, shares, {"known outcomes": len(truth)})


def shown_share(folds: int) -> float:
    """Return the share of known outcomes that is visible while one of `folds` folds is hidden."""
    return 1 - 1 / folds
