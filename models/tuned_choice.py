"""Whether the best of a search replaces what the portfolio has: only if it is significantly better on validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.bootstrap import significantly_better
from models.selection import SampleRows, simplest_not_worse
from schemas.results import Interval


@dataclass(frozen=True)
class TunedChoice:
    """The candidate in use, the comparison with the search's best, and whether that one replaces it.

    Attributes
    ----------
    difference
        AUC of the search's best minus that of `current`; without a value if the search has none.
    """

    current: str
    difference: Interval
    improved: bool
    reason: str


def tuned_choice(
    validation: SampleRows, auc: Mapping[str, float | None], tuned: str | None, *, draws: int, seed: int
) -> TunedChoice:
    """Choose among the portfolio's own candidates as a refresh does, then between that one and the search's best.

    The best of many trials is lucky on validation, so that a higher AUC alone decides nothing: what is in use
    stays unless the whole interval of the paired difference lies above 0.

    Parameters
    ----------
    validation
        Rows of the validation sample with the probabilities of the own candidates and of `tuned`.
    auc
        On validation, of the own candidates in the portfolio's order, simple to complex.
    tuned
        Name of the search's best among the probabilities, None if nothing was found.
    """
    current = simplest_not_worse(list(auc), auc, validation, draws=draws, seed=seed).chosen
    if tuned is None:
        return TunedChoice(current, Interval(value=None), improved=False, reason="The search has no finished trial.")
    difference = validation.auc_difference(tuned, current, draws=draws, seed=seed)
    if difference.low is None or difference.high is None or difference.value is None:
        why = "no interval could be formed for the difference"
        return TunedChoice(current, difference, improved=False, reason=f"{current} stays: {why}.")
    shown = f"difference {difference.value:.3f}, 95 % interval {difference.low:.3f} to {difference.high:.3f}"
    if significantly_better(difference):
        reason = f"The search's best is significantly better than {current} on validation ({shown})."
        return TunedChoice(current, difference, improved=True, reason=reason)
    reason = f"{current} stays: the search's best is not significantly better on validation ({shown})."
    return TunedChoice(current, difference, improved=False, reason=reason)
