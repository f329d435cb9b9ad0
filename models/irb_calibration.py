"""Whether realised defaults fit the estimated probabilities: the tests of IRB validation and their cluster bootstrap.

The tests take defaults as independent. In a network they are not, and the tests then reject far too often (BCBS 2005,
section III). Beside each stands the answer of a bootstrap that draws whole communities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from models.bootstrap import cluster_weights

Floats = npt.NDArray[np.float64]

#: Probabilities are kept this far from 0 and 1, where a single default would be impossible or certain.
LEAST_PD = 1e-6
#: A bootstrap answers only if the quantity is defined in this share of the draws.
DEFINED_SHARE = 0.5


def jeffreys_p(defaults: int, firms: int, probability: float) -> float:
    """Return the posterior probability that the true default rate is at most the estimate.

    With Jeffreys' prior Beta(1/2, 1/2) the posterior is Beta(D + 1/2, N - D + 1/2), and the p-value its distribution
    function at the estimate. Small values say that the estimate is too low.

    References
    ----------
    ECB (2019), Instructions for reporting the validation results of internal models, section 2.5.3.1.
    """
    return float(special.betainc(defaults + 0.5, firms - defaults + 0.5, _inside(probability)))


def binomial_p(defaults: int, firms: int, probability: float) -> float:
    """Return the probability of at least this many defaults if the estimate is true: P(X >= D), X ~ B(N, PD).

    References
    ----------
    BCBS (2005), Working Paper 14, Studies on the Validation of Internal Rating Systems, section III.
    """
    return float(stats.binom.sf(defaults - 1, firms, _inside(probability)))


def hosmer_lemeshow(
    defaults: npt.ArrayLike, firms: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[float, int, float]:
    """Return statistic, degrees of freedom and p-value over the grades that have firms.

    ``T = sum (N PD - D)² / (N PD (1 - PD))``, chi-squared with as many degrees of freedom as grades, since the PDs were
    not fitted on these defaults (a test on fitted rows would have two less).

    Parameters
    ----------
    defaults, firms, probability : (K,)
        By grade.

    References
    ----------
    Hosmer, Lemeshow (1980), Communications in Statistics A9; BCBS (2005), Working Paper 14, section III.
    """
    D, N = (np.asarray(counts, dtype=np.float64) for counts in (defaults, firms))
    there = N > 0
    PD = np.clip(np.asarray(probability, dtype=np.float64), LEAST_PD, 1 - LEAST_PD)
    statistic = float(np.sum((N * PD - D)[there] ** 2 / (N * PD * (1 - PD))[there]))
    degrees = int(there.sum())
    return statistic, degrees, float(stats.chi2.sf(statistic, degrees))


def spiegelhalter(outcome: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[float, float] | None:
    """Return z and the two-sided p-value of the Brier score against its expectation if all estimates are true.

    ``z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)² p (1 - p))``, standard normal. None where every p is 1/2: the Brier
    score is then the same whatever happens.

    Parameters
    ----------
    outcome, probability : (n,)
        0 or 1, and floats in [0, 1].

    References
    ----------
    Spiegelhalter (1986), Statistics in Medicine 5, 421-433.
    """
    y, p = np.asarray(outcome, dtype=np.float64), np.clip(np.asarray(probability, float), LEAST_PD, 1 - LEAST_PD)
    spread = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    if spread <= 0:
        return None
    z = float(np.sum(_brier_excess(y, p))) / spread**0.5
    return z, float(2 * stats.norm.sf(abs(z)))


@dataclass(frozen=True)
class GradeDraws:
    """Sums of each draw of communities, a column a grade.

    Attributes
    ----------
    firms, defaults, expected : (B, K)
        Firm-quarters, defaults and the sum of the estimates.
    excess, rows : (B,)
        Sum of ``(y - p)(1 - 2p)`` and number of firm-quarters.
    communities
        How many were drawn from.
    communities_by_grade : (K,)
        In how many of them each grade has firms.
    """

    firms: Floats
    defaults: Floats
    expected: Floats
    excess: Floats
    rows: Floats
    communities: int
    communities_by_grade: npt.NDArray[np.int64]


def grade_draws(
    outcome: npt.ArrayLike,
    probability: npt.ArrayLike,
    grades: npt.NDArray[np.int64],
    clusters: npt.ArrayLike,
    *,
    count: int,
    draws: int,
    seed: int,
) -> GradeDraws:
    """Draw whole communities with replacement and sum up what the tests are made of.

    Parameters
    ----------
    outcome, probability, grades, clusters : (n,)
        0 or 1, estimate, grade from 0 to `count` - 1, name of the community.
    draws, seed
        As in `models.bootstrap.cluster_weights`.
    """
    y, p = np.asarray(outcome, dtype=np.float64), np.clip(np.asarray(probability, float), LEAST_PD, 1 - LEAST_PD)
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    cells = cluster * count + grades

    def by_cell(values: Floats) -> Floats:
        sums: Floats = np.bincount(cells, values, minlength=len(names) * count).astype(np.float64)
        return sums.reshape(len(names), count)

    weights = cluster_weights(names, draws=draws, seed=seed)
    firms = by_cell(np.ones_like(y))
    return GradeDraws(
        firms=weights @ firms,
        defaults=weights @ by_cell(y),
        expected=weights @ by_cell(p),
        excess=weights @ np.bincount(cluster, _brier_excess(y, p), minlength=len(names)),
        rows=weights @ firms.sum(axis=1),
        communities=len(names),
        communities_by_grade=(firms > 0).sum(axis=0),
    )


def grade_p_by_community(drawn: GradeDraws, grade: int | None) -> float | None:
    """Return the share of draws in which the default rate is at most the estimate: Jeffreys' question.

    Parameters
    ----------
    grade
        Of one grade, or of all together (None).

    Returns
    -------
    float or None
        Never exactly 0: one draw is added to both counts (Davison, Hinkley 1997, section 4.2). None if the firms lie in
        fewer than two communities, or fewer than half of the draws have any.
    """
    columns = slice(None) if grade is None else slice(grade, grade + 1)
    firms = drawn.firms[:, columns].sum(axis=1)
    communities = drawn.communities if grade is None else int(drawn.communities_by_grade[grade])
    there = firms > 0
    if communities < 2 or there.mean() < DEFINED_SHARE:
        return None
    excess = (drawn.defaults - drawn.expected)[there, columns].sum(axis=1)
    return float((1 + np.sum(excess <= 0)) / (1 + there.sum()))


def hosmer_lemeshow_p_by_community(
    defaults: npt.ArrayLike, firms: npt.ArrayLike, probability: npt.ArrayLike, drawn: GradeDraws
) -> float | None:
    """Return how often draws lie as far from what was observed as that lies from the estimates.

    The statistic of each draw has the observed differences subtracted, so that it shows its spread where the estimates
    are true, with communities that default together (Hall, Wilson 1991, Biometrics 47, first guideline).
    """
    D, N = (np.asarray(counts, dtype=np.float64) for counts in (defaults, firms))
    PD = np.clip(np.asarray(probability, dtype=np.float64), LEAST_PD, 1 - LEAST_PD)
    there = N > 0
    if drawn.communities < 2:
        return None
    variance = (N * PD * (1 - PD))[there]
    observed = (D - N * PD)[there]
    differences = (drawn.defaults - drawn.expected)[:, there]
    statistics = np.sum((differences - observed) ** 2 / variance, axis=1)
    return float((1 + np.sum(statistics >= np.sum(observed**2 / variance))) / (1 + len(statistics)))


def spiegelhalter_p_by_community(outcome: npt.ArrayLike, probability: npt.ArrayLike, drawn: GradeDraws) -> float | None:
    """Return the two-sided p-value of the mean excess of the Brier score, with the spread of drawn communities."""
    y, p = np.asarray(outcome, dtype=np.float64), np.clip(np.asarray(probability, float), LEAST_PD, 1 - LEAST_PD)
    if drawn.communities < 2:
        return None
    observed = float(np.mean(_brier_excess(y, p)))
    means = drawn.excess / drawn.rows
    return float((1 + np.sum(np.abs(means - observed) >= abs(observed))) / (1 + len(means)))


def _brier_excess(y: Floats, p: Floats) -> Floats:
    """Return each row's (y - p)² less what is expected of it, p (1 - p)."""
    return (y - p) * (1 - 2 * p)


def _inside(probability: float) -> float:
    return min(max(probability, LEAST_PD), 1 - LEAST_PD)
