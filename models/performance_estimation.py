"""How good scores are to be expected before any outcome is known: confidence-based performance estimation.

If a probability p is right, a firm is unfavourable in p of the cases. The expected confusion table is then a sum of
probabilities, and the expected AUC a sum over pairs of firms. Nothing else goes in: the estimate is as good as the
calibration, also among the firms of this quarter. Where what leads to an outcome has changed (concept drift), or the
probabilities were off already, it is wrong, and nothing in it can tell.

References
----------
Białek, Kuberski, Perrakis, Bifet (2024), Estimating model performance under covariate shift without labels,
arXiv:2401.08348 (there CBPE, with the ROC curve of expected counts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DrawnPerformance:
    """What outcomes drawn from the probabilities show; (draws,) each. AUC is NaN where only one class was drawn."""

    defaults: Floats
    accuracy: Floats
    auc: Floats


def expected_confusion(probability: npt.ArrayLike, called: npt.ArrayLike) -> tuple[float, float, float, float]:
    """Return the expected numbers of true and false positives, false and true negatives.

    Parameters
    ----------
    probability : (n,) floats in [0, 1]
        Of the positive (unfavourable) outcome.
    called : (n,) bool
        Whether the firm was called positive.
    """
    p, positive = _probability(probability), np.asarray(called, dtype=bool)
    return (
        float(p[positive].sum()),
        float((1 - p[positive]).sum()),
        float(p[~positive].sum()),
        float((1 - p[~positive]).sum()),
    )


def expected_auc(probability: npt.ArrayLike) -> float | None:
    """Return the expected AUC of scores that are right probabilities.

    ``sum p_i (1 - p_j) [p_i > p_j] / sum p_i (1 - p_j)`` over pairs of different firms, ties counted one half: among
    pairs of which the first is positive and the second is not, how often it has the higher score. (The ratio of the
    two expectations, to which the expected ratio tends as firms become many.)

    Parameters
    ----------
    probability : (n,) floats in [0, 1]

    Returns
    -------
    float or None
        In [1/2, 1]; None where no such pair is possible.
    """
    p = _probability(probability)
    _, place = np.unique(p, return_inverse=True)
    positive, negative = np.bincount(place, p), np.bincount(place, 1 - p)
    below = np.cumsum(negative) - negative
    with_itself = float(np.sum(p * (1 - p)))
    ordered = float(np.sum(positive * (below + negative / 2))) - with_itself / 2
    pairs = float(p.sum() * (1 - p).sum()) - with_itself
    return ordered / pairs if pairs > 1e-12 * len(p) else None


def drawn_performance(probability: npt.ArrayLike, called: npt.ArrayLike, *, draws: int, seed: int) -> DrawnPerformance:
    """Draw every firm's outcome from its probability, independently, and measure the scores on each draw.

    Parameters
    ----------
    probability, called : (n,)
        As in `expected_confusion`.
    draws, seed
        Number of draws, at least 1, and seed of them.
    """
    p, positive = _probability(probability), np.asarray(called, dtype=bool)
    generator = np.random.Generator(np.random.PCG64(seed))
    ranks = rankdata(p)
    defaults, hits, rank_sums = np.empty(draws), np.empty(draws), np.empty(draws)
    for draw in range(draws):  # one at a time, so that memory does not grow with their number
        outcome = generator.random(len(p)) < p
        defaults[draw] = outcome.sum()
        hits[draw] = np.sum(outcome == positive)
        rank_sums[draw] = ranks[outcome].sum()
    pairs = defaults * (len(p) - defaults)
    auc = np.full(draws, np.nan)
    # The Mann-Whitney statistic: ranks of the positives less what they are among themselves.
    np.divide(rank_sums - defaults * (defaults + 1) / 2, pairs, out=auc, where=pairs > 0)
    return DrawnPerformance(defaults, hits / len(p), auc)


def _probability(values: npt.ArrayLike) -> Floats:
    p = np.asarray(values, dtype=np.float64)
    # A softmax in single precision may add up to a little more than one.
    if p.ndim != 1 or not p.size or not np.all((p >= -1e-6) & (p <= 1 + 1e-6)):
        raise ValueError("performance is estimated from (n,) probabilities in [0, 1] with n >= 1")
    return np.clip(p, 0.0, 1.0)
