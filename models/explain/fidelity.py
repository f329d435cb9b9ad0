"""How far an explanation can be believed: it is held against the model that it explains.

    fidelity+ = mean over sizes of |s(all) - s(without the most important)|      high: what it names matters
    fidelity- = mean over sizes of |s(all) - s(the most important alone)|        low: what it names is enough

with s the log-odds, and relations and features ranked together by absolute weight (Amara and others 2022, GraphFramEx,
arXiv:2206.09677, section 3, on log-odds: changes of a small probability are small whatever matters). Where weights have
signs, what raises risk is taken away by itself and so is what lowers it, since together they would cancel; fidelity+ is
the mean of both. The same sizes, chosen at random, stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.explain.attribution import Attribution, Explained, Fidelity, FloatVector, Kept, Method, attribution

#: how many of the edges and features are taken for the most important
SIZES = (1, 2, 3, 5)
#: random choices that stand beside an explanation
_DRAWS = 20
#: fidelity+ must be so many times that of random choices for an explanation to be shown as reliable
FLOOR = 1.2
#: and explanations of other seeds and of disturbed inputs must rank alike to this correlation
STABILITY_FLOOR = 0.5
#: a score that nothing moves by this much has nothing to explain
_NOTHING = 1e-3


@dataclass(frozen=True)
class Curve:
    """A score as edges and features are taken away, or put back, in the order of an explanation.

    Attributes
    ----------
    share : (k,)
        Share of edges and features taken away or put back, from 0 to 1.
    log_odds : (k,)
    area
        Mean distance of the log-odds from where they started, over the shares: the larger, the earlier the order finds
        what matters.
    """

    share: FloatVector
    log_odds: FloatVector
    area: float


def measured(explained: Explained, told: Attribution, *, stability: float = float("nan"), seed: int = 0) -> Attribution:
    """Return the explanation with its fidelity, and whether that lies above the floor.

    A score that neither edges nor features move is explained by anything: the explanation is then reliable.

    Parameters
    ----------
    stability
        What `stability` found, where it was asked.
    """
    weights = _weights(told)
    sizes = [size for size in SIZES if size < len(weights)] or [len(weights)] * (len(weights) > 0)
    if not sizes:
        nothing = Fidelity(0.0, 0.0, 0.0, 1.0, stability)
        return replace(told, fidelity=nothing, reliable=True)
    order = np.argsort(-np.abs(weights), kind="stable")
    rng = np.random.default_rng(seed)
    named = [one for size in sizes for one in _most_important(weights, size, signed=told.signed)]
    drawn = [rng.permutation(len(weights))[: len(one)] for one in named for _ in range(_DRAWS)]
    gone = np.array([_chosen(one, len(weights)) for one in (*named, *drawn)])
    alone = np.array([_chosen(order[:size], len(weights)) for size in sizes])
    scores = _scores(explained, told, np.concatenate([np.ones((1, len(weights)), np.bool_), ~gone, alone]))
    moved = np.abs(scores[0] - scores[1:])
    fidelity = Fidelity(
        # With weights of 0 alone the order is that of the list: what names nothing takes nothing away.
        plus=float(moved[: len(named)].mean()) if weights.any() else 0.0,
        minus=float(moved[len(gone) :].mean()),
        random_plus=float(moved[len(named) : len(gone)].mean()),
        sparsity=sparsity(weights),
        stability=stability,
    )
    return replace(told, fidelity=fidelity, reliable=reliable(fidelity))


def reliable(fidelity: Fidelity) -> bool:
    """Tell whether an explanation lies above the floor: it finds more than chance does, and the same again."""
    steady = np.isnan(fidelity.stability) or fidelity.stability >= STABILITY_FLOOR
    if max(fidelity.plus, fidelity.random_plus) < _NOTHING:
        return bool(steady)
    return bool(steady and fidelity.plus >= FLOOR * fidelity.random_plus)


def sparsity(weights: FloatVector, share: float = 0.9) -> float:
    """Return the share of things that are not needed to hold this share of the total absolute weight, in [0, 1]."""
    if not len(weights):
        return 1.0
    falling = np.sort(np.abs(weights))[::-1].cumsum()
    if falling[-1] == 0:
        return 1.0
    return float(1 - (np.searchsorted(falling, share * falling[-1] - 1e-12) + 1) / len(weights))


def stability(explain: Callable[[int], Attribution], seeds: Sequence[int]) -> float:
    """Return the mean rank correlation between explanations of different seeds, in [-1, 1]; NaN for one seed.

    Parameters
    ----------
    explain
        Of a seed: the explanation, from another start or of slightly disturbed inputs (`disturbed` of what was opened).
    """
    found = agreement([explain(seed) for seed in seeds])
    known = found[~np.eye(len(found), dtype=np.bool_) & np.isfinite(found)]
    return float(known.mean()) if len(known) else float("nan")


def agreement(explanations: Sequence[Attribution]) -> NDArray[np.float64]:
    """Return the rank correlation (Spearman) of absolute weights between explanations, pairwise, NaN for constants.

    They must be of the same things. Where only some have weights of edges or of features, what two have in common is
    compared; edges are compared by what they are, since a sample may have left some out.
    """
    found = np.full((len(explanations), len(explanations)), np.nan)
    for a, one in enumerate(explanations):
        for b, other in enumerate(explanations):
            found[a, b] = _correlation(*_common(one, other))
    return found


def deletion_curve(explained: Explained, told: Attribution, points: int = 20) -> Curve:
    """Return the score as the most important edges and features go first; where signs are known, what raises risk."""
    return _curve(explained, told, points, deleted=True)


def insertion_curve(explained: Explained, told: Attribution, points: int = 20) -> Curve:
    """Return the score as the most important edges and features come first, from none, in the same order."""
    return _curve(explained, told, points, deleted=False)


def random_attribution(explained: Explained, *, seed: int = 0) -> Attribution:
    """Return weights drawn evenly from (0, 1): what an explanation has to beat."""
    rng = np.random.default_rng(seed)
    edges, features = rng.random(len(explained.edges)), rng.random(len(explained.features))
    score = float(explained.log_odds()[0])
    return attribution(explained, Method.RANDOM, log_odds=score, signed=False, edges=edges, features=features)


def _curve(explained: Explained, told: Attribution, points: int, *, deleted: bool) -> Curve:
    weights = _weights(told)
    order = np.argsort(-weights if told.signed else -np.abs(weights), kind="stable")
    counts = np.unique(np.linspace(0, len(weights), points + 1).round().astype(np.int64))
    chosen = np.array([_chosen(order[:count], len(weights)) for count in counts])
    scores = _scores(explained, told, ~chosen if deleted else chosen)
    share = counts / max(1, len(weights))
    return Curve(share, scores, float(np.trapezoid(np.abs(scores - scores[0]), share)))


def _weights(told: Attribution) -> FloatVector:
    """Return the weights of edges, then of features."""
    return np.array([one.weight for one in told.edges] + [one.weight for one in told.features], dtype=np.float64)


def _most_important(weights: FloatVector, size: int, *, signed: bool) -> list[NDArray[np.int64]]:
    """Return the places of so many things: the most important, or those that raise and those that lower risk most."""
    if not signed or not np.any(weights):
        return [np.argsort(-np.abs(weights), kind="stable")[:size]]
    sides = [np.argsort(-side, kind="stable")[: min(size, int((side > 0).sum()))] for side in (weights, -weights)]
    return [side for side in sides if len(side)]


def _chosen(places: NDArray[np.int64], size: int) -> Kept:
    found = np.zeros(size, dtype=np.bool_)
    found[places] = True
    return found


def _scores(explained: Explained, told: Attribution, kept: Kept) -> FloatVector:
    """Return the score under each row of what is kept; things without weights are all kept."""
    edges = len(told.edges)
    return explained.log_odds(
        kept[:, :edges] if edges else None,
        kept[:, edges:] if told.features else None,
    )


def _common(one: Attribution, other: Attribution) -> tuple[FloatVector, FloatVector]:
    pairs = []
    if one.edges and other.edges:
        known = {weight.edge: weight.weight for weight in other.edges}
        pairs += [(mine.weight, known[mine.edge]) for mine in one.edges if mine.edge in known]
    if one.features and other.features:
        named = {(weight.feature.name, weight.feature.place): weight.weight for weight in other.features}
        keys = [((mine.feature.name, mine.feature.place), mine.weight) for mine in one.features]
        pairs += [(weight, named[key]) for key, weight in keys if key in named]
    both = np.abs(np.array(pairs, dtype=np.float64).reshape(-1, 2))
    return both[:, 0], both[:, 1]


def _correlation(one: FloatVector, other: FloatVector) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
