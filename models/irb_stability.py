"""Whether a rating system stays what it was: separation, concentration in grades, migrations between them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def auc_variance(outcome: npt.ArrayLike, score: npt.ArrayLike) -> tuple[float, float]:
    """Return the AUC and the variance of its estimate, taking rows as independent.

    With V₁₀ the share of the others that each default outranks and V₀₁ the share of defaults that outrank each other
    firm (ties count one half): ``var = var(V₁₀) / D + var(V₀₁) / (N - D)``, the sample variances of the structural
    components.

    Parameters
    ----------
    outcome, score : (n,)
        0 or 1, at least two of each; higher scores are riskier.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845; the ECB's instructions (2019), annex 1, take the
    variance of the same U-statistic.
    """
    y, s = np.asarray(outcome, dtype=bool), np.asarray(score, dtype=np.float64)
    positives, negatives = s[y], s[~y]
    if min(len(positives), len(negatives)) < 2:
        raise ValueError(f"a variance takes two of each: found {len(positives)} defaults, {len(negatives)} others")
    ranks, within_positives, within_negatives = (stats.rankdata(part) for part in (s, positives, negatives))
    outranked = (ranks[y] - within_positives) / len(negatives)
    outranking = 1 - (ranks[~y] - within_negatives) / len(positives)
    variance = outranked.var(ddof=1) / len(positives) + outranking.var(ddof=1) / len(negatives)
    return float(outranked.mean()), float(variance)


def auc_decline_p(initial: float, current: float, variance: float) -> float:
    """Return the one-sided p-value of a current AUC below the initial one, which is taken as fixed.

    ``S = (AUC_initial - AUC_current) / s``, standard normal, with s² the variance of the current one.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.4.1.
    """
    if variance <= 0:
        return 1.0 if current >= initial else 0.0
    return float(stats.norm.sf((initial - current) / math.sqrt(variance)))


def herfindahl(counts: npt.ArrayLike) -> tuple[float, float]:
    """Return coefficient of variation and Herfindahl index of the shares of firms in the grades.

    ``CV = sqrt(K sum (R_k - 1/K)²)``, ``HI = 1 + log((CV² + 1) / K) / log K``: 0 if all grades have the same share, 1
    if one has all firms.

    Parameters
    ----------
    counts : (K,)
        Firms by grade, empty grades included, K at least 2; see `herfindahl_indices` for many.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.5.3.
    """
    firms = np.asarray(counts, dtype=np.float64)
    shares = firms / firms.sum()
    K = len(shares)
    variation = math.sqrt(K * float(np.sum((shares - 1 / K) ** 2)))
    return variation, 1 + math.log((variation**2 + 1) / K) / math.log(K)


def herfindahl_indices(counts: Floats) -> Floats:
    """Return the index of each row of counts, (B, K) -> (B,); NaN for a row without firms."""
    with np.errstate(invalid="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
    K = counts.shape[1]
    squares = K * np.sum((shares - 1 / K) ** 2, axis=1)
    return np.asarray(1 + np.log((squares + 1) / K) / math.log(K))


def concentration_p(initial_variation: float, current_variation: float, grades: int) -> float | None:
    """Return the one-sided p-value of a concentration above the initial one, which is taken as fixed.

    ``1 - Phi( sqrt(K - 1) (CV_current - CV_initial) / sqrt(CV_current² (1/2 + CV_current²)) )``; None where the firms
    are spread evenly now, which is never more concentrated.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.5.3.
    """
    spread = current_variation**2 * (0.5 + current_variation**2)
    if spread == 0:
        return None
    return float(stats.norm.sf(math.sqrt(grades - 1) * (current_variation - initial_variation) / math.sqrt(spread)))


def migration_counts(before: Integers, after: Integers, grades: int) -> Integers:
    """Count firms by grade before (rows) and after (columns), (K, K)."""
    return np.bincount(before * grades + after, minlength=grades**2).reshape(grades, grades).astype(np.int64)


def weighted_bandwidths(counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return how far firms moved to worse and to better grades, as a share of the farthest those could have moved.

    ``MWB_upper = sum_{j>i} |i - j| N_ij / sum_{j>i} max(|i - K|, |i - 1|) N_ij``; `lower` with j < i.

    Parameters
    ----------
    counts : (..., K, K)
        Firms by grade before and after, best grade first.

    Returns
    -------
    upper, lower : (...)
        NaN where no firm moved that way.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.5.1.
    """
    N = np.asarray(counts, dtype=np.float64)
    K = N.shape[-1]
    grade = np.arange(K)
    distance = np.abs(grade[:, None] - grade)
    farthest = np.maximum(grade, K - 1 - grade)[:, None]

    def share(moved: npt.NDArray[np.bool_]) -> Floats:
        reached, possible = (np.sum(N * weight * moved, axis=(-2, -1)) for weight in (distance, farthest))
        return np.asarray(np.divide(reached, possible, out=np.full_like(reached, math.nan), where=possible > 0))

    return share(grade[:, None] < grade), share(grade[:, None] > grade)


def stability_p(counts: npt.ArrayLike) -> Floats:
    """Return for each cell the p-value of being more frequent than its neighbour closer to the diagonal.

    ``z_ij = (p_near - p_ij) / sqrt((p_ij (1 - p_ij) + p_near (1 - p_near) + 2 p_ij p_near) / N_i)``, with p_near the
    share of row i in column j - 1 for j > i and j + 1 for j < i; the p-value is Phi(z). Small values say that far
    migrations are more frequent than near ones, which a stable system does not have.

    Parameters
    ----------
    counts : (K, M)
        Firms by grade before and after, best grade first; M >= K (further columns may hold default).

    Returns
    -------
    (K, M)
        NaN on the diagonal, in rows without firms and where both cells are empty.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.5.2.
    """
    share, near, firms = _near_shares(np.asarray(counts, dtype=np.float64))
    variance = (share * (1 - share) + near * (1 - near) + 2 * share * near) / firms
    # Where all firms of a row are in one of the two cells there is no spread, and no doubt.
    certain = np.where(near > share, math.inf, np.where(near < share, -math.inf, math.nan))
    z = np.divide(near - share, np.sqrt(variance), out=certain, where=variance > 0)
    return np.asarray(stats.norm.cdf(z))


def stability_p_by_draws(counts: Floats) -> Floats:
    """Return for each cell the share of draws in which its nearer neighbour is at least as frequent.

    Parameters
    ----------
    counts : (B, K, K)
        Of each draw of communities.

    Returns
    -------
    (K, K)
        Never exactly 0; NaN on the diagonal and where no draw has firms.
    """
    share, near, _ = _near_shares(counts)
    there = ~np.isnan(near - share)
    found = (1 + np.sum((near >= share) & there, axis=0)) / (1 + there.sum(axis=0))
    return np.where(there.any(axis=0), found, math.nan)


def _near_shares(N: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the share of each cell in its row, that of its neighbour towards the diagonal, and the row's firms."""
    firms = N.sum(axis=-1, keepdims=True)
    share = np.divide(N, firms, out=np.full_like(N, math.nan), where=firms > 0)
    row, column = np.arange(N.shape[-2])[:, None], np.arange(N.shape[-1])
    nearer = np.where(column > row, column - 1, np.where(column < row, np.minimum(column + 1, N.shape[-1] - 1), column))
    near = np.take_along_axis(share, np.broadcast_to(nearer, share.shape), axis=-1)
    return share, np.where(column == row, math.nan, near), np.where(firms > 0, firms, math.nan)
