"""What changes of edges did to firms: whether the class changed, how far the score moved and the firm was pushed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from models.corporate_graph import FloatMatrix
from models.edges import FloatVector
from models.perturbation import Edit
from models.scoring import predicted_classes, unfavourable_probability
from schemas.portfolio import TargetSpec
from schemas.results import Interval
from schemas.stability import Change

_Z = 1.959964
_AT_RANDOM = (Change.REMOVED, Change.ADDED, Change.REWIRED)


class Scenario(NamedTuple):
    """Edges of one firm that are changed together.

    Attributes
    ----------
    place
        The firm's number in the sample.
    edges
        How many edges were to be changed; a firm with fewer of them has fewer edits, one that moves has two.
    """

    place: int
    change: Change
    edges: int
    edits: list[Edit]


@dataclass(frozen=True)
class Before:
    """The sampled firms as they are.

    Attributes
    ----------
    probabilities : (firms, classes)
    threshold
        Cut-off on the positive class of a binary target.
    """

    probabilities: FloatMatrix
    target: TargetSpec
    threshold: float


class Effects:
    """What scenarios did to the firms of a sample.

    Parameters
    ----------
    scenarios
        m of them.
    probabilities : (m, classes)
        Of each scenario's firm under it.
    """

    def __init__(self, before: Before, scenarios: Sequence[Scenario], probabilities: FloatMatrix) -> None:
        target, threshold = before.target, before.threshold
        self._scenarios, self._firms = scenarios, len(before.probabilities)
        self._places = np.array([scenario.place for scenario in scenarios], dtype=np.int64)
        self._edges = np.array([scenario.edges for scenario in scenarios], dtype=np.int64)
        self._changes = np.array([scenario.change for scenario in scenarios], dtype=np.str_)
        was = before.probabilities[self._places]
        classes = predicted_classes(was, target, threshold)
        self._flipped = (predicted_classes(probabilities, target, threshold) != classes).astype(np.float64)
        self._moved = np.abs(unfavourable_probability(probabilities, target) - unfavourable_probability(was, target))
        self._pushed = margins(was, classes, target, threshold) - margins(probabilities, classes, target, threshold)

    def most_pushing(self, place: int) -> list[Edit]:
        """Return the single changes that pushed a firm towards another class, the furthest first."""
        rows = np.flatnonzero((self._places == place) & (self._changes == Change.WORST) & (self._pushed > 0))
        order = rows[np.argsort(-self._pushed[rows], kind="stable")]
        return [self._scenarios[row].edits[0] for row in order.tolist()]

    def summed(self, numbers: Sequence[int]) -> Iterator[tuple[Change, int, FloatVector, FloatVector]]:
        """Yield each kind and number of changes with each firm's share of flips and its score change, (firms,) each.

        At random they are means of the draws. In the worst case they are the largest of all that was tried with so
        many edges or fewer; an edge that moves is two changes and is left out.
        """
        for change in _AT_RANDOM:
            for edges in numbers:
                rows = (self._changes == change) & (self._edges == edges)
                yield change, edges, self._mean(self._flipped, rows), self._mean(self._moved, rows)
        for edges in numbers:
            rows = (self._edges <= edges) & (self._changes != Change.REWIRED)
            yield Change.WORST, edges, self._largest(self._flipped, rows), self._largest(self._moved, rows)

    def worst_removals(self) -> tuple[FloatVector, FloatVector]:
        """Return the largest effect of a single removal on each firm: flips, score changes, (firms,) each."""
        rows = np.array([len(one.edits) == 1 and not one.edits[0].added for one in self._scenarios], dtype=bool)
        return self._largest(self._flipped, rows), self._largest(self._moved, rows)

    def _mean(self, values: FloatVector, rows: NDArray[np.bool_]) -> FloatVector:
        total = np.bincount(self._places[rows], weights=values[rows], minlength=self._firms)
        return np.asarray(total / np.maximum(np.bincount(self._places[rows], minlength=self._firms), 1))

    def _largest(self, values: FloatVector, rows: NDArray[np.bool_]) -> FloatVector:
        found = np.zeros(self._firms)
        np.maximum.at(found, self._places[rows], values[rows])
        return found


def margins(
    probabilities: FloatMatrix, classes: NDArray[np.int64], target: TargetSpec, threshold: float
) -> FloatVector:
    """Return how far each row is from losing its class, (n,): below 0 it has another one.

    With two classes the distance to the cut-off, with more that to the likeliest other class.
    """
    if len(target.classes) == 2:
        distance = probabilities[:, 1] - threshold
        return np.where(classes == 1, distance, -distance)
    rows = np.arange(len(classes))
    own = probabilities[rows, classes]
    others = probabilities.copy()
    others[rows, classes] = -np.inf
    return np.asarray(own - others.max(axis=1))


def share_interval(values: FloatVector) -> Interval:
    """Return the mean of values in [0, 1], (n,), with its exact 95 % interval (Clopper and Pearson 1934).

    Of values between 0 and 1 the interval is too wide, never too narrow. A share of 0 has an upper end above 0.
    """
    count, total = len(values), float(values.sum())
    low = 0.0 if total <= 0 else float(beta.ppf(0.025, total, count - total + 1))
    high = 1.0 if total >= count else float(beta.ppf(0.975, total + 1, count - total))
    return Interval(value=total / count, low=low, high=high)


def mean_interval(values: FloatVector) -> Interval:
    """Return the mean of values of 0 and more, (n,), with a 95 % interval by the normal approximation, from 0 on."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(value=mean)
    error = _Z * float(values.std(ddof=1)) / len(values) ** 0.5
    return Interval(value=mean, low=max(0.0, mean - error), high=mean + error)
