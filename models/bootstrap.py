"""How far a metric could move if other communities had been observed.

Firms of one community default together, so rows are no independent evidence. Whole clusters are
drawn with replacement: an interval of resampled rows would be too narrow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from models.discrimination import METRICS, Floats, point_scores, scores
from schemas.errors import nearest
from schemas.results import Interval

#: The percentile interval holds the middle 95 % of the replicates.
TAIL = 0.025

#: An interval needs at least this share of replicates in which the metric is defined.
DEFINED_SHARE = 0.5


def cluster_weights(clusters: npt.ArrayLike, *, draws: int, seed: int) -> Floats:
    """Draw whole clusters with replacement and count how often each row comes along.

    Parameters
    ----------
    clusters : (n,) sortable values of one type
        The name of each row's cluster. Names count, not positions: clusters are drawn in sorted
        order, so permuting the rows permutes the columns of the result and changes nothing else.
    draws
        Number of replicates, at least 1. The first replicates do not depend on how many follow.
    seed
        Same seed, same clusters: same weights.

    Returns
    -------
    (draws, n) float64
        Whole numbers; rows of one cluster have equal weights. With G clusters, each replicate
        draws G of them, so its number of rows varies with the sizes of the clusters drawn.

    References
    ----------
    Field, Welsh (2007), "Bootstrapping clustered data", the cluster bootstrap.
    """
    names, cluster_of_row = _checked_clusters(clusters)
    if draws < 1:
        raise ValueError(f"Nothing would be drawn: expected draws >= 1, found {draws}.")
    # PCG64 by name: `default_rng` may become another generator in another numpy.
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = np.empty((draws, len(cluster_of_row)))
    for replicate in weights:
        drawn = generator.integers(len(names), size=len(names))
        replicate[:] = np.bincount(drawn, minlength=len(names))[cluster_of_row]
    return weights


def score_intervals(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    threshold: float,
    draws: int = 400,
    seed: int,
) -> dict[str, Interval]:
    """Compute every metric of `METRICS` with its 95 % percentile interval over clusters.

    Parameters
    ----------
    truth, probabilities, threshold
        As in `models.discrimination.scores`: (n,), (n, K) and a number.
    clusters : (n,)
        As in `cluster_weights`.
    draws, seed
        Number of replicates and seed of the draw.

    Returns
    -------
    dict of Interval
        `value` is the metric of the rows as they are. `low` and `high` are None when there are
        fewer than two clusters or when fewer than half of the replicates define the metric;
        undefined replicates are left out otherwise.

    Notes
    -----
    A percentile interval is trustworthy from about 30 clusters on; with few it is too narrow.
    """
    point = point_scores(truth, probabilities, threshold=threshold)
    weights = _weights_of(truth, clusters, draws=draws, seed=seed)
    replicates = scores(truth, probabilities, threshold=threshold, weights=weights)
    return {metric: percentile_interval(point[metric], replicates[metric], clusters) for metric in METRICS}


def paired_difference(
    truth: npt.ArrayLike,
    challenger: npt.ArrayLike,
    baseline: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    metric: str = "auc",
    threshold: float | tuple[float, float] = 0.5,
    draws: int = 400,
    seed: int,
) -> Interval:
    """Compute challenger minus baseline and its 95 % percentile interval over clusters.

    Both models are scored on the same resamples: what is hard for both cancels out, which makes
    the interval narrower than a comparison of two separate intervals.

    Parameters
    ----------
    truth, clusters : (n,)
        As in `score_intervals`.
    challenger, baseline : (n, K)
        Probabilities of the two models for the same rows in the same order.
    metric
        One of `METRICS`. A positive difference favours the challenger, except for ``brier``,
        a loss, where it favours the baseline.
    threshold
        Cut-off of both models, or one each: (challenger, baseline).

    Returns
    -------
    Interval
        `low` and `high` are None under the conditions of `score_intervals`.
    """
    if metric not in METRICS:
        hint = f" (did you mean {nearest(metric, METRICS)}?)" if nearest(metric, METRICS) else ""
        raise ValueError(f"Unknown metric: expected one of {', '.join(METRICS)}, found {metric!r}{hint}.")
    cutoffs = threshold if isinstance(threshold, tuple) else (threshold, threshold)
    pairs = list(zip((challenger, baseline), cutoffs, strict=True))
    points = [point_scores(truth, model, threshold=cutoff)[metric] for model, cutoff in pairs]
    weights = _weights_of(truth, clusters, draws=draws, seed=seed)
    ours, theirs = (scores(truth, model, threshold=cutoff, weights=weights)[metric] for model, cutoff in pairs)
    value = None if points[0] is None or points[1] is None else points[0] - points[1]
    return percentile_interval(value, ours - theirs, clusters)


class AucChange(NamedTuple):
    """AUC of one sample, AUC of another, and the first minus the second."""

    current: Interval
    initial: Interval
    change: Interval


def auc_change(
    current: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    initial: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    *,
    draws: int,
    seed: int,
) -> AucChange:
    """Compare the AUC of two samples of different rows, with 95 % percentile intervals over clusters.

    A cluster with rows in both samples comes along in both, so that what is peculiar to it does not pass for a change.

    Parameters
    ----------
    current, initial
        Each (truth, probabilities, clusters), as in `score_intervals`: (n,), (n, 2) and (n,).

    Returns
    -------
    AucChange
        `low` and `high` are None under the conditions of `score_intervals`.
    """
    clusters = np.concatenate([np.asarray(current[2]), np.asarray(initial[2])])
    weights = cluster_weights(clusters, draws=draws, seed=seed)
    rows = len(np.asarray(current[0]))
    sides = []
    for (truth, probabilities, own), part in ((current, weights[:, :rows]), (initial, weights[:, rows:])):
        point = point_scores(truth, probabilities)["auc"]
        sides.append(ResampledAuc(point, scores(truth, probabilities, weights=part)["auc"], np.asarray(own)))
    first, second = sides
    value = None if first.point is None or second.point is None else first.point - second.point
    return AucChange(
        current=percentile_interval(first.point, first.replicates, first.clusters),
        initial=percentile_interval(second.point, second.replicates, second.clusters),
        change=percentile_interval(value, first.replicates - second.replicates, clusters),
    )


class ResampledAuc(NamedTuple):
    """AUC of one model on rows as they are (None if undefined) and on each resample, (draws,), NaN where undefined."""

    point: float | None
    replicates: Floats
    clusters: npt.NDArray[np.generic]

    def minus(self, other: ResampledAuc) -> Interval:
        """Return this AUC minus another on the same resamples (`paired_difference`)."""
        value = None if self.point is None or other.point is None else self.point - other.point
        return percentile_interval(value, self.replicates - other.replicates, self.clusters)

    def share_of(self, whole: ResampledAuc, base: ResampledAuc) -> Interval:
        """Return (this - base) / (whole - base): the share of a gain over `base` that this model has too.

        The share is only defined where `whole` is better than `base` beyond chance: the interval of a ratio whose
        denominator may be 0 is not bounded (Fieller 1954). It may lie above 1 or below 0.
        """
        gain = whole.minus(base)
        if self.point is None or whole.point is None or base.point is None or not significantly_better(gain):
            return Interval(value=None)
        denominators = whole.replicates - base.replicates
        ratios = np.full_like(denominators, np.nan)
        np.divide(self.replicates - base.replicates, denominators, out=ratios, where=denominators > 0)
        return percentile_interval((self.point - base.point) / (whole.point - base.point), ratios, self.clusters)


class PairedAuc:
    """AUC of several models on the same rows and the same resamples of whole clusters; each is computed once.

    Parameters
    ----------
    truth, clusters : (n,)
        As in `score_intervals`.
    """

    def __init__(self, truth: npt.ArrayLike, clusters: npt.ArrayLike, *, draws: int, seed: int) -> None:
        self._truth, self._clusters = np.asarray(truth), np.asarray(clusters)
        self._draws, self._seed = draws, seed
        self._known: dict[str, ResampledAuc] = {}

    def of(self, name: str, probabilities: npt.ArrayLike) -> ResampledAuc:
        """Return the AUC of a model by its name; `probabilities`, (n, K), are looked at the first time only."""
        if name not in self._known:
            point = point_scores(self._truth, probabilities, threshold=0.5)["auc"]
            # Drawn again each time rather than kept: (draws, n) is much larger than anything else here.
            weights = _weights_of(self._truth, self._clusters, draws=self._draws, seed=self._seed)
            replicates = scores(self._truth, probabilities, weights=weights)["auc"]
            self._known[name] = ResampledAuc(point, replicates, self._clusters)
        return self._known[name]


def rank_correlation(
    first: npt.ArrayLike, second: npt.ArrayLike, clusters: npt.ArrayLike, *, draws: int, seed: int
) -> Interval:
    """Compute Spearman's rank correlation of two models' scores, and its 95 % percentile interval over clusters.

    Parameters
    ----------
    first, second, clusters : (n,)
        Scores of the two models for the same rows; ties share their mean rank.

    Returns
    -------
    Interval
        In [-1, 1]; the value is None if a model gives all rows the same score. Resamples keep the ranks among all rows,
        which is exact for the value and to first order for the interval.
    """
    ranks = np.stack([rankdata(first), rankdata(second)])
    if np.ptp(ranks, axis=1).min() == 0:
        return Interval(value=None)
    weights = _weights_of(ranks[0], clusters, draws=draws, seed=seed)
    value = _weighted_correlation(ranks, np.ones((1, ranks.shape[1])))
    return percentile_interval(float(value[0]), _weighted_correlation(ranks, weights), clusters)


def _weighted_correlation(columns: Floats, weights: Floats) -> Floats:
    """Return Pearson's correlation of two columns, (2, n), under each row of weights: (draws,), NaN if one is flat."""
    total = weights.sum(axis=1)
    centred = columns - columns.mean(axis=1, keepdims=True)  # keeps the sums of squares from cancelling
    means = weights @ centred.T / total[:, None]
    squares = weights @ (centred**2).T / total[:, None] - means**2
    product = weights @ (centred[0] * centred[1]) / total - means[:, 0] * means[:, 1]
    scale = np.sqrt(squares[:, 0] * squares[:, 1])
    found: Floats = np.full(len(weights), np.nan)
    np.divide(product, scale, out=found, where=scale > 1e-12 * centred.shape[1] ** 2)
    return found


def significantly_better(difference: Interval) -> bool:
    """Say whether a paired difference lies above zero with its whole interval; an absent one does not.

    Meant for metrics where higher is better. For ``brier`` swap challenger and baseline first.
    """
    return difference.low is not None and difference.low > 0


def percentile_interval(value: float | None, replicates: Floats, clusters: npt.ArrayLike) -> Interval:
    """Return a value with the middle 95 % of its replicates, (draws,), NaN where undefined.

    `low` and `high` are None under the conditions of `score_intervals`; `clusters` are those that were drawn from.
    """
    defined = replicates[~np.isnan(replicates)]
    if value is None or len(defined) < DEFINED_SHARE * len(replicates) or not _several(clusters):
        return Interval(value=value)
    low, high = np.quantile(defined, [TAIL, 1 - TAIL])
    return Interval(value=value, low=float(low), high=float(high))


def _several(clusters: npt.ArrayLike) -> bool:
    names = np.asarray(clusters)
    return bool((names != names[0]).any())


def _weights_of(truth: npt.ArrayLike, clusters: npt.ArrayLike, *, draws: int, seed: int) -> Floats:
    rows, named = np.shape(truth), np.shape(clusters)
    if rows != named:
        raise ValueError(f"Clusters do not fit the rows: expected one name for each of {rows}, found {named}.")
    return cluster_weights(clusters, draws=draws, seed=seed)


def _checked_clusters(clusters: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.intp]]:
    """Return the sorted cluster names (G,) and the position of each row's name among them (n,)."""
    names = np.asarray(clusters)
    if names.ndim != 1 or not len(names):
        raise ValueError(f"Clusters do not fit: expected (n,) with n >= 1, found {names.shape}.")
    missing = sum(name is None or (isinstance(name, float) and math.isnan(name)) for name in names.tolist())
    if missing:
        raise ValueError(f"Every row needs a cluster: expected {len(names)} names, found {missing} missing.")
    unique, position = np.unique(names, return_inverse=True)
    return unique, position
