"""Dealing firm-quarters into samples.

Whole communities are held together, so that a candidate is judged on firms whose neighbours it has
never seen: on random firms, methods that look up a neighbour's label win and mean nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.errors import NotEnoughData, PortfolioError, examples
from schemas.splits import PublishedSplit, SplitSpec
from schemas.terms import Sample

#: at most this many random orders are tried when communities are dealt out; the best balanced one wins
_ORDERS = 300
#: bounds orders x communities, so that a graph of a million loners is dealt in seconds too
_STEPS = 1_000_000
_KINDS = (Sample.DEVELOPMENT, Sample.OUT_OF_COMMUNITY, Sample.VALIDATION)


@dataclass(frozen=True)
class Deal:
    """The sample of each group, and why a sample is missing (sample -> reason)."""

    samples: dict[str, Sample]
    missing: dict[str, str]


@dataclass(frozen=True)
class _Groups:
    """Groups to deal: their names, and for each the rows it has and the sum of their outcomes."""

    names: NDArray[np.str_]
    size: NDArray[np.float64]
    outcome: NDArray[np.float64]

    def among(self, chosen: NDArray[np.bool_]) -> _Groups:
        return _Groups(self.names[chosen], self.size[chosen], self.outcome[chosen])


def dealt_communities(
    communities: NDArray[np.str_], positives: NDArray[np.float64], rows: NDArray[np.float64], spec: SplitSpec
) -> Deal:
    """Deal whole communities, or the groups of a given partition, into development, validation and out_of_community.

    Among random orders (fixed seed) the one is taken whose samples come nearest to the wanted sizes
    and to the overall rate of outcomes. Groups that a given partition names for a sample are that sample.

    Parameters
    ----------
    communities : (n,) str
        Community or group of each firm.
    positives, rows : (n,)
        Sum of the outcome (class index) and number of closed firm-quarters of each firm.

    Raises
    ------
    PortfolioError
        If the portfolio names a group that the partition does not have.
    NotEnoughData
        If named groups leave too few others to learn from and to validate on.
    """
    names, members = np.unique(communities, return_inverse=True)
    size = np.bincount(members, weights=rows).astype(np.float64)
    outcome = np.bincount(members, weights=positives).astype(np.float64)
    shares = np.array([spec.out_of_community_share, spec.validation_share])
    groups = _Groups(names, size, outcome)
    named = spec.partition.named_groups() if spec.partition else {}
    if named:
        return Deal(_dealt_beside(named, groups, shares, spec.seed), {})
    if len(names) < 3 or size.max() > (1 - shares.sum() / 2) * size.sum():
        reason = (
            f"{len(names)} communities, the largest with {size.max() / max(size.sum(), 1):.0%} of the firm-quarters"
        )
        return Deal({}, {Sample.OUT_OF_COMMUNITY: f"too few communities to hold any out: {reason}"})
    return Deal(_balanced(groups, shares, spec.seed), _none_held(Sample.OUT_OF_COMMUNITY, spec))


def dealt_firms(firms: NDArray[np.str_], spec: SplitSpec) -> Deal:
    """Deal single firms into development and validation, for a graph with too few communities."""
    order = np.random.default_rng(spec.seed).permutation(len(firms))
    count = max(1, round(spec.validation_share * len(firms)))
    held = set(firms[order[:count]].tolist())
    return Deal({f: Sample.VALIDATION if f in held else Sample.DEVELOPMENT for f in firms.tolist()}, {})


def dealt_entities(firms: NDArray[np.str_], outcomes: NDArray[np.int64], spec: SplitSpec) -> Deal:
    """Deal single firms into development, validation and unseen_firms, each with the same mix of outcomes.

    Firms of one outcome are put in the order of a hash of their ids and cut at the wanted shares. Neither
    the order of delivery nor most of the other firms matter, so that a firm rarely changes its sample.

    Parameters
    ----------
    firms : (n,) str
        Ids, each once.
    outcomes : (n,)
        What firms are stratified by: the worst class that a firm was seen in, say.
    """
    place = hashed(firms.tolist(), spec.seed)
    samples: dict[str, Sample] = {}
    for outcome in np.unique(outcomes):
        members = np.flatnonzero(outcomes == outcome)
        ordered = members[np.argsort(place[members], kind="stable")]
        ranks = (np.arange(len(ordered)) + 0.5) / len(ordered)
        samples |= dict(zip(firms[ordered].tolist(), _cut(ranks, Sample.UNSEEN_FIRMS, spec), strict=True))
    return Deal(samples, _none_held(Sample.UNSEEN_FIRMS, spec))


def random_rows(quarters: NDArray[np.str_], firms: NDArray[np.str_], spec: SplitSpec) -> NDArray[np.str_]:
    """Deal rows into development, validation and random_test by a hash of quarter and firm; (n,) samples.

    Another quarter of a test firm, and its neighbours, are in development: a measure of how much that flatters.
    """
    keys = [f"{quarter} {firm}" for quarter, firm in zip(quarters.tolist(), firms.tolist(), strict=True)]
    return np.array([str(sample) for sample in _cut(hashed(keys, spec.seed), Sample.RANDOM_TEST, spec)], dtype=np.str_)


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


def _none_held(sample: Sample, spec: SplitSpec) -> dict[str, str]:
    return {} if spec.out_of_community_share else {sample: "`split.out_of_community_share` is 0: nothing is held out"}


def hashed(keys: Iterable[str], seed: int) -> NDArray[np.float64]:
    """Return a place in [0, 1) for each key, the same on every machine and whatever the other keys are."""
    digests = [hashlib.blake2b(f"{seed} {key}".encode(), digest_size=8).digest() for key in keys]
    return np.array([int.from_bytes(digest, "big") >> 11 for digest in digests], dtype=np.float64) / 2.0**53


def _cut(places: NDArray[np.float64], held: Sample, spec: SplitSpec) -> list[Sample]:
    bounds = (spec.out_of_community_share, spec.out_of_community_share + spec.validation_share)
    kinds = (held, Sample.VALIDATION, Sample.DEVELOPMENT)
    return [kinds[index] for index in np.searchsorted(bounds, places, side="right").tolist()]


def _dealt_beside(
    named: Mapping[str, Sample], groups: _Groups, shares: NDArray[np.float64], seed: int
) -> dict[str, Sample]:
    unknown = sorted(set(named) - set(groups.names.tolist()))
    if unknown:
        raise PortfolioError(
            "split.partition names groups that the delivered partition does not have.",
            expected=f"some of {examples(groups.names.tolist(), 20)}",
            found=examples(unknown),
            way_out="correct `out_of_community` and `validation` under `split.partition`",
        )
    rest = groups.among(~np.isin(groups.names, list(named)))
    wanted = np.where([kind in named.values() for kind in _KINDS[1:]], 0.0, shares * groups.size.sum())
    needed = 1 + int((wanted > 0).sum())
    if (rest.size > 0).sum() < needed:
        raise NotEnoughData(
            "The groups named in split.partition leave too few others.",
            expected=f"{needed} or more groups with known outcomes, to learn from and for what is not named",
            found=f"{int((rest.size > 0).sum())} of {len(groups.names)} groups",
            way_out="name fewer groups, or deliver a finer partition",
        )
    return {**_balanced(rest, wanted / rest.size.sum(), seed), **named}


def _balanced(groups: _Groups, shares: NDArray[np.float64], seed: int) -> dict[str, Sample]:
    """Return the sample of each group: the deal of the random orders tried that is balanced best."""
    best = min(
        (_order_deal(order, groups.size, shares) for order in _orders(len(groups.names), seed)),
        key=lambda deal: _imbalance(deal, groups, shares),
    )
    return {name: _KINDS[kind] for name, kind in zip(groups.names.tolist(), best.tolist(), strict=True)}


def _orders(count: int, seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(count) for _ in range(min(_ORDERS, max(5, _STEPS // count)))]


def _order_deal(order: NDArray[np.int64], size: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Fill out_of_community (1), then validation (2), up to their shares; the rest is development (0)."""
    deal = np.zeros(len(size), dtype=np.int64)
    room = shares * size.sum()
    for community in order:
        for sample in (0, 1):
            if shares[sample] > 0 and size[community] <= room[sample] * 1.1:
                deal[community] = sample + 1
                room[sample] -= size[community]
                break
    # A sample that stayed empty takes the smallest group that another one can spare: better too large than none.
    for sample in (2, 1):
        if shares[sample - 1] > 0 and not size[deal == sample].any():
            several = np.bincount(deal[size > 0], minlength=3) > 1
            spare = np.flatnonzero(several[deal] & (size > 0))
            deal[spare[np.argsort(size[spare], kind="stable")[:1]]] = sample
    return deal


def _imbalance(deal: NDArray[np.int64], groups: _Groups, shares: NDArray[np.float64]) -> float:
    rows = np.bincount(deal, weights=groups.size, minlength=3)
    rates = np.bincount(deal, weights=groups.outcome, minlength=3) / np.maximum(rows, 1)
    total, overall = groups.size.sum(), groups.outcome.sum() / groups.size.sum()
    wanted = np.array([1 - shares.sum(), *shares])
    # An empty sample that was wanted is the worst imbalance of all.
    empty = 10.0 * ((rows == 0) & (wanted > 0)).sum()
    off = np.where(rows > 0, np.abs(rates - overall), 0.0 if overall == 0 else overall * (wanted > 0))
    return float(empty + np.abs(rows / total - wanted).sum() + off.sum() / max(overall, 1e-9))
