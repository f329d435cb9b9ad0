"""How well probabilities separate and hit the classes, for many bootstrap replicates at once.

A replicate is a vector of row weights. Every metric equals the one of the rows written out as
often as they weigh, so a class whose rows all weigh zero is absent from the replicate.

Conventions
-----------
- Rows with equal scores enter the ranking together, as in scikit-learn: a tied pair of a
  positive and a negative counts one half in the AUC.
- The four ranking metrics are undefined (NaN) where the replicate holds one class only.
- Precision, recall, F1 and MCC are 0 where their ratio is 0 / 0, as in scikit-learn with
  ``zero_division=0``. All metrics are NaN in a replicate without weight.
- Higher is better for every metric but ``brier``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.errors import examples

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

METRICS: tuple[str, ...] = (
    *("auc", "gini", "ks", "average_precision", "f1", "mcc", "accuracy"),
    *("balanced_accuracy", "precision", "recall", "brier"),
)

#: Weights held at a time (rows × replicates): 2 MB of float64, so that temporaries stay in cache.
CHUNK_CELLS = 2**18

#: How far the sum of a row of probabilities may be from one: float32 softmax with room to spare.
SUM_TOLERANCE = 1e-3


def scores(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, threshold: float = 0.5, weights: npt.ArrayLike | None = None
) -> dict[str, Floats]:
    """Compute every metric of `METRICS` in every replicate.

    Parameters
    ----------
    truth : (n,) integers
        Class index from 0 to K - 1. With two classes, class 1 is the positive one.
    probabilities : (n, K) floats
        One row an observation, one column a class; rows sum to 1.
    threshold
        Of two classes, the positive one is predicted from this probability on. Of more, the most
        probable one is predicted, whatever the threshold.
    weights : (B, n) floats, optional
        Non-negative weight of every row in every replicate; one replicate of ones by default.

    Returns
    -------
    dict of (B,) float64
        NaN where a metric is undefined. With more than two classes the ranking metrics are
        averaged over the classes present (one against the rest), precision, recall and F1 over
        the classes present in truth or predictions, `balanced_accuracy` is the mean recall of
        the classes present in truth and `brier`, a loss from 0 to 2, is summed over classes. With
        two classes `brier` is the usual (p₁ - y)², from 0 to 1.

    Raises
    ------
    ValueError
        If shapes disagree, there is no row, a probability is missing or a class does not exist.

    Notes
    -----
    `ks` is the two-sided Kolmogorov-Smirnov distance between the scores of a class and of the
    rest: it does not notice a model that ranks backwards, `gini` (2 AUC - 1) does. AUC is the
    Mann-Whitney probability (Hanley, McNeil 1982), `mcc` with several classes the R_K of
    Gorodkin (2004), average precision the step-wise sum, not interpolated.
    """
    labels, matrix = _checked(truth, probabilities, threshold)
    replicates = _checked_weights(weights, len(labels))
    classes = matrix.shape[1]
    scored = range(1 if classes == 2 else 0, classes)  # of two classes only the positive one
    rankings = [_Ranking.of(labels == k, matrix[:, k]) for k in scored]
    cells = labels * classes + (matrix[:, 1] >= threshold if classes == 2 else matrix.argmax(axis=1))
    losses = np.square(matrix - np.eye(classes)[labels])[:, scored].sum(axis=1)
    parts, step = [], max(1, CHUNK_CELLS // len(labels))
    for first in range(0, len(replicates), step):
        chunk = replicates[first : first + step]
        brier = {"brier": _ratio(chunk @ losses, chunk.sum(axis=1), math.nan)}
        parts.append(_macro_ranking_scores(rankings, chunk) | _label_scores(_confusion(cells, classes, chunk)) | brier)
    weighty = replicates.sum(axis=1) > 0
    return {name: np.where(weighty, np.concatenate([part[name] for part in parts]), math.nan) for name in METRICS}


def point_scores(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, threshold: float = 0.5
) -> dict[str, float | None]:
    """Compute every metric of `METRICS` once, by the conventions of `scores`; None where undefined."""
    found = scores(truth, probabilities, threshold=threshold)
    return {metric: None if math.isnan(value[0]) else float(value[0]) for metric, value in found.items()}


def f1_threshold(truth: npt.ArrayLike, positive_probability: npt.ArrayLike) -> float:
    """Find the cut-off that maximises F1 of the positive class.

    Choose it on the validation sample only: on the sample it is judged on, it flatters the model.

    Parameters
    ----------
    truth, positive_probability : (n,) integers, (n,) floats in [0, 1]
        0 or 1, with at least one 1; probability of class 1.

    Returns
    -------
    float
        One of the given probabilities, to be used as ``probability >= cut-off``. Of several that
        reach the same F1 the smallest, which misses the fewest defaults.
    """
    positive = np.asarray(positive_probability, dtype=np.float64)
    labels, matrix = _checked(truth, np.stack([1 - positive, positive], axis=-1), 0.5)
    if not labels.any():
        raise ValueError("No cut-off maximises F1: expected at least one row of class 1, found none.")
    ranking = _Ranking.of(labels == 1, matrix[:, 1])
    positives, negatives = ranking.group_weights(np.ones((1, len(labels))))
    hits, alarms = np.cumsum(positives), np.cumsum(positives + negatives)
    # One division of whole numbers, so that equal ratios are equal floats and ties are exact.
    f1 = 2 * hits / (alarms + hits[-1])
    last_best = int(np.flatnonzero(f1 == f1.max())[-1])
    return float(positive[ranking.order[ranking.starts[last_best]]])


@dataclass(frozen=True)
class _Ranking:
    """Rows from the highest score to the lowest, in groups of equal scores.

    `order` (n,) sorts the rows, `positive` (n,) is 1.0 for positives in that order, `starts` (G,)
    is where each group of ties begins. Sorted once, it serves every replicate.
    """

    order: Integers
    positive: Floats
    starts: Integers

    @classmethod
    def of(cls, is_positive: npt.NDArray[np.bool_], score: Floats) -> _Ranking:
        order = np.argsort(-score, kind="stable")
        starts = np.flatnonzero(np.diff(score[order], prepend=math.inf))
        return cls(order, is_positive[order].astype(np.float64), starts)

    def group_weights(self, weights: Floats) -> tuple[Floats, Floats]:
        """Sum the weights (B, n) of positives and of negatives in each group of ties: (B, G) each."""
        ranked = weights[:, self.order]
        positives, negatives = ranked * self.positive, ranked * (1 - self.positive)
        return np.add.reduceat(positives, self.starts, axis=1), np.add.reduceat(negatives, self.starts, axis=1)


def _ranking_scores(ranking: _Ranking, weights: Floats) -> Floats:
    """AUC, KS and average precision of one class against the rest: (3, B), NaN where one is empty.

    Sums run over the groups of ties g; those of AUC and KS are exact for whole-number weights:
    2 AUC P N = Σ 2 n_g TP_g - n_g p_g,  KS P N = max |TP_g N - FP_g P|,  AP P = Σ p_g TP_g / (TP_g + FP_g).
    """
    positives, negatives = ranking.group_weights(weights)
    hits, false_alarms = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    P, N = hits[:, -1], false_alarms[:, -1]
    pairs = np.einsum("bg,bg->b", negatives, 2 * hits - positives) / 2
    distance = np.abs(hits * N[:, None] - false_alarms * P[:, None]).max(axis=1)
    area = np.einsum("bg,bg->b", positives, _ratio(hits, hits + false_alarms, 0.0))
    area[N == 0] = math.nan
    return np.stack([_ratio(pairs, P * N, math.nan), _ratio(distance, P * N, math.nan), _ratio(area, P, math.nan)])


def _macro_ranking_scores(rankings: list[_Ranking], weights: Floats) -> dict[str, Floats]:
    """Average the ranking metrics over the classes where they are defined: (B,) each."""
    by_class = np.stack([_ranking_scores(ranking, weights) for ranking in rankings], axis=-1)
    auc, ks, average_precision = _mean_where(by_class, ~np.isnan(by_class))
    return {"auc": auc, "gini": 2 * auc - 1, "ks": ks, "average_precision": average_precision}


def _confusion(cells: Integers, classes: int, weights: Floats) -> Floats:
    """Sum the weights by true (axis 1) and predicted (axis 2) class: (B, K, K)."""
    order = np.argsort(cells, kind="stable")
    present, starts = np.unique(cells[order], return_index=True)
    table = np.zeros((len(weights), classes * classes))
    table[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return table.reshape(-1, classes, classes)


def _label_scores(confusion: Floats) -> dict[str, Floats]:
    """Compute the metrics of predicted classes from the (B, K, K) confusion tables: (B,) each."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    actual, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    recall = _ratio(hits, actual, 0.0)
    # Of two classes only the positive one counts, even where it is absent.
    counted = actual + predicted > 0 if hits.shape[1] > 2 else np.broadcast_to([False, True], hits.shape)
    return {
        "f1": _mean_where(_ratio(2 * hits, actual + predicted, 0.0), counted),
        "mcc": _matthews(hits.sum(axis=1), actual, predicted),
        "accuracy": _ratio(hits.sum(axis=1), actual.sum(axis=1), math.nan),
        "balanced_accuracy": _mean_where(recall, actual > 0),
        "precision": _mean_where(_ratio(hits, predicted, 0.0), counted),
        "recall": _mean_where(recall, counted),
    }


def _matthews(hits: Floats, actual: Floats, predicted: Floats) -> Floats:
    """Gorodkin's R_K from the hits (B,) and the class totals (B, K); 0 where a side is constant."""
    covariance = hits * actual.sum(axis=1) - (actual * predicted).sum(axis=1)
    # Each side is spread around its own total: one class only gives exactly zero, whatever the rounding.
    spreads = [side.sum(axis=1) ** 2 - (side**2).sum(axis=1) for side in (actual, predicted)]
    return _ratio(covariance, np.sqrt(np.maximum(spreads[0] * spreads[1], 0)), 0.0)


def _ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Divide; `undefined` where the denominator is not positive."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, undefined), where=denominator > 0)


def _mean_where(values: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """Average the present values along the last axis; NaN where none is."""
    return _ratio(np.sum(values, axis=-1, where=present), present.sum(axis=-1).astype(np.float64), math.nan)


def _checked(truth: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> tuple[Integers, Floats]:
    """Refuse what is no class index with its distribution. Conditions are written so that NaN fails."""
    labels, matrix = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2 or labels.shape != matrix.shape[:1] or not len(labels):
        wanted, found = "(n,) and (n, K) with n >= 1 and K >= 2", f"{labels.shape} and {matrix.shape}"
        raise ValueError(f"Truth and probabilities do not fit: expected {wanted}, found {found}.")
    strange = set(labels.tolist()) - set(range(matrix.shape[1])) if labels.dtype.kind in "iub" else labels.tolist()
    if strange:
        wanted, found = f"integers from 0 to {matrix.shape[1] - 1}", f"{labels.dtype} {examples(strange)}"
        raise ValueError(f"Truth is not a class index: expected {wanted}, found {found}.")
    good = (np.abs(matrix.sum(axis=1) - 1) <= SUM_TOLERANCE) & (matrix.min(axis=1) >= -SUM_TOLERANCE)
    if not good.all():
        found = examples(matrix[~good].tolist())
        raise ValueError(f"Probabilities are no distribution: expected rows >= 0 that sum to 1, found {found}.")
    if math.isnan(threshold):
        raise ValueError("The threshold cannot be used: expected a number, found NaN.")
    return labels.astype(np.int64), matrix


def _checked_weights(weights: npt.ArrayLike | None, rows: int) -> Floats:
    replicates = np.asarray(np.ones((1, rows)) if weights is None else weights, dtype=np.float64)
    if replicates.ndim != 2 or replicates.shape[1] != rows or not len(replicates):
        raise ValueError(f"Weights do not fit: expected (B, {rows}) with B >= 1, found {replicates.shape}.")
    if not (replicates.min() >= 0 and replicates.max() < math.inf):
        found = f"{replicates.min()} to {replicates.max()}"
        raise ValueError(f"Weights cannot be used: expected finite numbers >= 0, found {found}.")
    return replicates
