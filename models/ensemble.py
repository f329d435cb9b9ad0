"""A convex combination of candidates, its weights fitted on validation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import Fitted, ModelContent, Notes

_TEXT = "ensemble.json"
_STEPS = 2000
#: weights that still move by less than this have arrived
_STILL = 1e-9
#: a member that counts for less than this is left out
_LEAST = 1e-4


@dataclass(frozen=True)
class FittedEnsemble:
    """P(y) = sum_j weight_j P_j(y) over the members, which are whole models of their own."""

    members: Mapping[str, Fitted]
    weights: Mapping[str, float]
    hashes: Mapping[str, str]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of probabilities that are combined for each class."""
        return len(self.weights)

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        return combined([self.members[name].probabilities(graph) for name in self.weights], list(self.weights.values()))

    def content(self) -> ModelContent:
        """Return the weights and the members' content hashes."""
        return ensemble_content(self.weights, self.hashes)

    @classmethod
    def from_content(cls, content: ModelContent, members: Mapping[str, Fitted]) -> FittedEnsemble:
        """Put the members together again."""
        weights, hashes = ensemble_parts(content)
        return cls(members, weights, hashes, {})


def combined(probabilities: Sequence[FloatMatrix], weights: npt.ArrayLike) -> FloatMatrix:
    """Return the weighted mean of probabilities, (n, classes)."""
    return np.asarray(np.einsum("j,jnc->nc", np.asarray(weights), np.stack(probabilities)))


def validation_weights(probabilities: Sequence[FloatMatrix], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights, not negative and of sum 1, whose combination has the least log loss.

    The log-likelihood of a mixture with fixed components is concave in the weights, and the EM steps
    w_j <- mean_i w_j p_ij / sum_k w_k p_ik climb it without ever leaving the simplex (Dempster, Laird and Rubin 1977).

    Parameters
    ----------
    probabilities
        (n, classes) a member, of rows that no member was fitted on.
    truth : (n,)
    """
    rows = np.arange(len(truth))
    of_truth = np.stack([np.maximum(found[rows, truth], 1e-15) for found in probabilities], axis=1)
    weights = np.full(of_truth.shape[1], 1 / of_truth.shape[1])
    for _ in range(_STEPS):
        share = weights * of_truth
        moved = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        change = np.abs(moved - weights).max()
        weights = moved
        if change <= _STILL:
            break
    kept = np.where(weights < _LEAST, 0.0, weights)
    return np.asarray(kept / kept.sum())


def ensemble_content(weights: Mapping[str, float], hashes: Mapping[str, str]) -> ModelContent:
    """Return what an ensemble is: which models, by content hash, and how much each counts."""
    return ModelContent(texts={_TEXT: json.dumps({"weights": dict(weights), "members": dict(hashes)})})


def ensemble_parts(content: ModelContent) -> tuple[dict[str, float], dict[str, str]]:
    """Return weights and content hashes by member."""
    kept = json.loads(content.texts[_TEXT])
    return kept["weights"], kept["members"]
