"""Dealing firm-quarters into samples.

Whole communities are held together, so that a candidate is judged on firms whose neighbours it has
never seen: on random firms, methods that look up a neighbour's label win and mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.specs import PublishedSplit, SplitSpec
from schemas.terms import Sample

#: at most this many random orders are tried when communities are dealt out; the best balanced one wins
_ORDERS = 300
#: bounds orders x communities, so that a graph of a million loners is dealt in seconds too
_STEPS = 1_000_000


@dataclass(frozen=True)
class Deal:
    """The sample of each group, and why a sample is missing (sample -> reason)."""

    samples: dict[str, Sample]
    missing: dict[str, str]


def dealt_communities(
    communities: NDArray[np.str_], positives: NDArray[np.float64], rows: NDArray[np.float64], spec: SplitSpec
) -> Deal:
    """Deal whole communities into development, validation and out_of_community.

    Among random orders (fixed seed) the one is taken whose samples come nearest to the wanted sizes
    and to the overall rate of outcomes.

    Parameters
    ----------
    communities : (n,) str
        Community of each firm.
    positives, rows : (n,)
        Sum of the outcome (class index) and number of closed firm-quarters of each firm.
    """
    names, members = np.unique(communities, return_inverse=True)
    size = np.bincount(members, weights=rows).astype(np.float64)
    outcome = np.bincount(members, weights=positives).astype(np.float64)
    shares = np.array([spec.out_of_community_share, spec.validation_share])
    if len(names) < 3 or size.max() > (1 - shares.sum() / 2) * size.sum():
        reason = (
            f"{len(names)} communities, the largest with {size.max() / max(size.sum(), 1):.0%} of the firm-quarters"
        )
        return Deal({}, {Sample.OUT_OF_COMMUNITY: f"too few communities to hold any out: {reason}"})
    best = min(
        (_order_deal(order, size, shares) for order in _orders(len(names), spec.seed)),
        key=lambda deal: _imbalance(deal, size, outcome, shares),
    )
    kinds = np.array([Sample.DEVELOPMENT, Sample.OUT_OF_COMMUNITY, Sample.VALIDATION], dtype=object)
    return Deal(dict(zip(names.tolist(), kinds[best].tolist(), strict=True)), {})


def dealt_firms(firms: NDArray[np.str_], spec: SplitSpec) -> Deal:
    """Deal single firms into development and validation, for a graph with too few communities."""
    order = np.random.default_rng(spec.seed).permutation(len(firms))
    count = max(1, round(spec.validation_share * len(firms)))
    held = set(firms[order[:count]].tolist())
    return Deal({f: Sample.VALIDATION if f in held else Sample.DEVELOPMENT for f in firms.tolist()}, {})


def published_samples(values: pl.Series, spec: PublishedSplit) -> pl.Series:
    """Translate a data set's own split column; a value that is not named leaves the firm out."""
    named: Mapping[str, Sample] = {
        **dict.fromkeys(spec.development, Sample.DEVELOPMENT),
        **dict.fromkeys(spec.validation, Sample.VALIDATION),
        **dict.fromkeys(spec.published_test, Sample.PUBLISHED_TEST),
    }
    return values.replace_strict(
        {value: str(sample) for value, sample in named.items()}, default=str(Sample.EXCLUDED), return_dtype=pl.String
    )


def _orders(count: int, seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(count) for _ in range(min(_ORDERS, max(5, _STEPS // count)))]


def _order_deal(order: NDArray[np.int64], size: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Fill out_of_community (1), then validation (2), up to their shares; the rest is development (0)."""
    deal = np.zeros(len(size), dtype=np.int64)
    room = shares * size.sum()
    for community in order:
        for sample in (0, 1):
            if size[community] <= room[sample] * 1.1:
                deal[community] = sample + 1
                room[sample] -= size[community]
                break
    return deal


def _imbalance(
    deal: NDArray[np.int64], size: NDArray[np.float64], outcome: NDArray[np.float64], shares: NDArray[np.float64]
) -> float:
    rows = np.bincount(deal, weights=size, minlength=3)
    rates = np.bincount(deal, weights=outcome, minlength=3) / np.maximum(rows, 1)
    overall = outcome.sum() / size.sum()
    wanted = np.array([1 - shares.sum(), *shares])
    # An empty sample is the worst imbalance of all.
    empty = 10.0 * (rows == 0).sum()
    return float(empty + np.abs(rows / size.sum() - wanted).sum() + np.abs(rates - overall).sum() / max(overall, 1e-9))
