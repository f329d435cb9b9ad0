"""Integrated gradients over relations and features at once.

    w_i = integral over a from 0 to 1 of ds/dx_i at (a, ..., a)

with x the loudness of every relation's messages and the weight of every feature: from a firm that hears nothing and has
average features, straight to the firm as it is. The weights add up to s(firm) - s(baseline), the axiom of completeness
(Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", section 3).
"""

from __future__ import annotations

import numpy as np
import torch

from models.explain.attribution import Attribution, Method, attribution
from models.explain.muted import Volume
from models.explain.networks import ExplainedNetwork

#: edges of all copies in one pass
_EDGES_A_PASS = 400_000


def integrated_gradients(explained: ExplainedNetwork, *, steps: int = 32) -> Attribution:
    """Return signed weights, in log-odds, that add up to the score's distance from its baseline.

    Parameters
    ----------
    steps
        Points of the Gauss-Legendre rule on [0, 1]; what it misses is in the notes as `incompleteness`, in log-odds.
    """
    opened = explained.opened
    points, weights = np.polynomial.legendre.leggauss(steps)
    points, weights = (points + 1) / 2, weights / 2
    edges, features = np.zeros(len(explained.around.units.owner)), np.zeros(opened.number_of_features)
    size = max(1, _EDGES_A_PASS // max(1, explained.around.number_of_edges))
    for start in range(0, steps, size):
        some = slice(start, start + size)
        by_edge, by_feature = _gradients(explained, points[some])
        edges += weights[some] @ by_edge
        features += weights[some] @ by_feature
    whole = float(explained.log_odds()[0])
    nothing = _silent(explained)
    missed = whole - nothing - edges.sum() - features.sum()
    found = attribution(
        explained, Method.INTEGRATED_GRADIENTS, log_odds=whole, signed=True, edges=edges, features=features
    )
    return found.noted(baseline=nothing, incompleteness=float(missed))


def _gradients(explained: ExplainedNetwork, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients at some points of the path, by edge (points, e) and by feature (points, f)."""
    opened, count = explained.opened, len(points)
    around = opened.surroundings([explained.row] * count)
    path = torch.from_numpy(points.astype(np.float32))
    edges = path.repeat_interleave(len(around.units.owner) // count).requires_grad_()
    features = path[:, None].repeat(1, opened.number_of_features).requires_grad_()
    volume = Volume(len(edges))
    volume.set(edges)
    score = opened.log_odds(around.muted(volume), opened.muted_values(around, opened.values(around), features))
    by_edge, by_feature = torch.autograd.grad(score.sum(), [edges, features], allow_unused=True, materialize_grads=True)
    return by_edge.view(count, -1).double().numpy(), by_feature.double().numpy()


def _silent(explained: ExplainedNetwork) -> float:
    """Return the score of a firm that hears nothing and has average features."""
    opened, around = explained.opened, explained.around
    volume = Volume(len(around.units.owner))
    volume.set(torch.zeros(len(around.units.owner)))
    nothing = torch.zeros(1, opened.number_of_features)
    with torch.no_grad():
        values = opened.muted_values(around, opened.values(around), nothing)
        return float(opened.log_odds(around.muted(volume), values)[0])
