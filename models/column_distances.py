"""Distances between two samples of one column, and how many times chance alone would make them as large."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import kstwobign

from models.measures import LEAST, Measured, Vector, distance, share, undefined

IntVector = npt.NDArray[np.int64]

KOLMOGOROV_SMIRNOV = "Kolmogorov-Smirnov distance"
WASSERSTEIN = "Wasserstein distance in standard deviations"
JENSEN_SHANNON = "Jensen-Shannon distance"
STABILITY_INDEX = "population stability index"
MISSING = "missing share"
WENT_MISSING = "firms whose value went missing"
CHANCE = "chance of such a Kolmogorov-Smirnov distance, corrected for the number of columns"
UNSEEN = "firms in categories that no firm had before"

#: bins of PSI: tenths of the earlier sample
_TENTHS = np.linspace(0, 1, 11)[1:-1]
#: what an empty bin counts as, so that its logarithm is finite
_EMPTY = 1e-4


def number_measures(name: str, before: Vector, after: Vector) -> tuple[Measured, ...]:
    """Measure how the numbers of a column (NaN where missing) differ from those of the quarter before."""
    old, new = before[~np.isnan(before)], after[~np.isnan(after)]
    missing = Measured(name, MISSING, float(np.isnan(after).mean()), direction="shown")
    few = min(len(old), len(new))
    if few < LEAST:
        return (undefined(name, KOLMOGOROV_SMIRNOV, f"{few} values, fewer than {LEAST}"), missing)
    # 0.87 / sqrt(n m / (n + m)) is what the distance is on average where nothing moved (Kolmogorov's distribution).
    error = 0.87 * math.sqrt(1 / len(old) + 1 / len(new))
    edges = np.unique(np.quantile(old, _TENTHS))
    shares = tuple(_shares(np.searchsorted(edges, values, "right"), len(edges) + 1) for values in (old, new))
    return (
        Measured(name, KOLMOGOROV_SMIRNOV, kolmogorov_smirnov(old, new), error, "up"),
        distance(name, WASSERSTEIN, old, new),
        Measured(name, JENSEN_SHANNON, jensen_shannon(*shares), direction="shown"),
        Measured(name, STABILITY_INDEX, stability_index(*shares), direction="shown"),
        missing,
    )


def category_measures(name: str, before: IntVector, after: IntVector, values: int) -> tuple[Measured, ...]:
    """Measure how the categories of a column (-1 where missing) differ from those of the quarter before."""
    old, new = before[before >= 0], after[after >= 0]
    missing = Measured(name, MISSING, float((after < 0).mean()), direction="shown")
    few = min(len(old), len(new))
    if few < LEAST:
        return (undefined(name, JENSEN_SHANNON, f"{few} values, fewer than {LEAST}"), missing)
    shares = _shares(old, values), _shares(new, values)
    return (
        Measured(
            name, JENSEN_SHANNON, jensen_shannon(*shares), _divergence_error(values - 1, len(old), len(new)), "up"
        ),
        Measured(name, STABILITY_INDEX, stability_index(*shares), direction="shown"),
        share(name, UNSEEN, (shares[0] == 0)[new]),
        missing,
    )


def went_missing(name: str, known_before: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> Measured:
    """Return the share of the firms of both quarters, in one order, that had a value before and have none now.

    Where missing values come and go together, their share hides what this shows.
    """
    return share(name, WENT_MISSING, known_before & ~known)


def kolmogorov_smirnov(before: Vector, after: Vector) -> float:
    """Return the largest difference of the two distribution functions, in [0, 1]."""
    old, new = np.sort(before), np.sort(after)
    places = np.concatenate([old, new])
    gaps = np.searchsorted(new, places, "right") / len(new) - np.searchsorted(old, places, "right") / len(old)
    return float(np.abs(gaps).max())


def kolmogorov_smirnov_chance(value: float, before: int, after: int) -> float:
    """Return how likely a distance at least as large is where nothing moved (asymptotic; Smirnov 1948)."""
    return float(kstwobign.sf(value * math.sqrt(before * after / (before + after))))


def stability_index(before: Vector, after: Vector) -> float:
    """Return sum (a - b) ln(a / b) over the shares of the bins, at least 0; .1 and .25 are the customary marks."""
    old, new = np.maximum(before, _EMPTY), np.maximum(after, _EMPTY)
    return float(((new - old) * np.log(new / old)).sum())


def jensen_shannon(before: Vector, after: Vector) -> float:
    """Return the square root of the Jensen-Shannon divergence in bits, in [0, 1] (Endres and Schindelin 2003)."""
    middle = (before + after) / 2
    bits = 0.0
    for part in (before, after):
        some = part > 0
        bits += float((part[some] * np.log2(part[some] / middle[some])).sum()) / 2
    return math.sqrt(max(bits, 0.0))


def adjusted_chances(chances: npt.ArrayLike) -> Vector:
    """Return p-values corrected for their number by Benjamini and Hochberg (1995), in the order given.

    Rejecting those at most q keeps the expected share of false rejections among all at q.
    """
    given = np.asarray(chances, dtype=np.float64)
    falling = np.argsort(-given, kind="stable")
    ranks = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[falling] = np.minimum.accumulate(given[falling] * len(given) / ranks)
    return np.minimum(adjusted, 1.0)


def _shares(codes: IntVector, width: int) -> Vector:
    return np.bincount(codes, minlength=width) / max(len(codes), 1)


def _divergence_error(freedom: int, before: int, after: int) -> float:
    # 8 n ln(2) times the divergence is distributed like chi-squared, with n the harmonic mean's half of the sizes.
    return math.sqrt(max(freedom, 1) / (8 * math.log(2)) * (1 / before + 1 / after))
