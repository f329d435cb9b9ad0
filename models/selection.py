"""Choosing a candidate on validation, and what the graph added on samples that selection never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import paired_difference
from models.corporate_graph import FloatMatrix
from schemas.results import Interval


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, the best one on validation, and the comparison that decided."""

    chosen: str
    best: str
    reason: str


@dataclass(frozen=True)
class SampleRows:
    """Outcomes and communities of one sample's rows, with each candidate's probabilities (n, classes)."""

    truth: NDArray[np.int64]
    communities: NDArray[np.str_]
    probabilities: Mapping[str, FloatMatrix]

    def auc_difference(self, challenger: str, baseline: str, *, draws: int, seed: int) -> Interval:
        """Return the paired difference of AUC, challenger minus baseline."""
        return paired_difference(
            self.truth,
            self.probabilities[challenger],
            self.probabilities[baseline],
            self.communities,
            metric="auc",
            draws=draws,
            seed=seed,
        )


def best_of(names: Sequence[str], auc: Mapping[str, float | None]) -> str:
    """Return the name with the highest AUC; the earlier (simpler) one wins ties."""
    return max(names, key=lambda name: (auc[name] if auc[name] is not None else -1.0, -names.index(name)))


def simplest_not_worse(
    names: Sequence[str], auc: Mapping[str, float | None], validation: SampleRows, *, draws: int, seed: int
) -> Choice:
    """Choose the first candidate, simple to complex, that is not significantly worse than the best.

    Parameters
    ----------
    names
        Candidates in the portfolio's order, simple to complex.
    auc
        AUC on validation.
    validation
        Rows of the validation sample. Test samples have no place here.
    """
    best = best_of(names, auc)
    simpler = names[: names.index(best)]
    if not simpler:
        return Choice(best, best, f"{best} has the highest AUC on validation and is the simplest candidate.")
    for name in simpler:
        difference = validation.auc_difference(best, name, draws=draws, seed=seed)
        if difference.low is None or difference.high is None:
            why = f"no interval could be formed to prefer {name}, which is simpler"
            return Choice(best, best, f"{best} has the highest AUC on validation; {why}.")
        if difference.low <= 0:
            return Choice(
                name,
                best,
                f"{best} has the highest AUC on validation; {name} is simpler and not significantly worse "
                f"(difference {difference.value:.3f}, 95 % interval {difference.low:.3f} to {difference.high:.3f}).",
            )
    return Choice(
        best, best, f"{best} has the highest AUC on validation and every simpler candidate is significantly worse."
    )
