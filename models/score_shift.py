"""Why a firm's score is another than a quarter ago: its own inputs, what surrounds it, or the model.

With v(o, s) what the earlier model says of a firm whose own inputs are those of quarter o and whose surroundings those
of quarter s (0 before, 1 now), and m what the new model says of it now, a shift m - v(0, 0) is the sum of

    own            ((v(1, 0) - v(0, 0)) + (v(1, 1) - v(0, 1))) / 2
    neighbourhood  ((v(0, 1) - v(0, 0)) + (v(1, 1) - v(1, 0))) / 2
    model          m - v(1, 1)

Own inputs and surroundings have no order in which they change, so that the two orders are averaged (the value of
Shapley 1953 for two players); models follow data, so that the model comes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import Fitted
from models.mixed_graph import with_own_of
from models.scoring import unfavourable_probability
from schemas.portfolio import TargetSpec

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class ShiftParts:
    """The parts of each firm's shift, in units of probability.

    Attributes
    ----------
    inputs, model : (n,)
        Sum to the shift. `inputs` is what the firm's own inputs and its surroundings did together.
    own, neighbourhood : (n,) or None
        Sum to `inputs`; None where the model cannot tell them apart.
    """

    inputs: Vector
    model: Vector
    own: Vector | None = None
    neighbourhood: Vector | None = None


@dataclass(frozen=True)
class EarlierModel:
    """The model that gave the earlier scores, and the two quarters' graphs that it is asked about.

    Attributes
    ----------
    apart
        Whether it can tell a firm's own inputs from what it hears (`models.mixed_graph.heard_apart`).
    """

    model: Fitted
    before: CorporateGraph
    after: CorporateGraph
    target: TargetSpec
    apart: bool = True

    def rescored(self) -> Vector:
        """Return what it says of the firms of the earlier quarter, (firms,): what was published, if all is well."""
        return self._scores(self.before)

    def parts(self, before: Vector, after: Vector) -> ShiftParts:
        """Take the shifts of the firms of both quarters apart, in ascending order of their ids.

        Parameters
        ----------
        before, after : (n,)
            Their scores as published before and as given now; the parts sum to the difference, whatever rounding does.
        """
        rows, places = self.in_both
        now = self._scores(self.after)[places]
        inputs, model = now - before, after - now
        if not self.apart:
            return ShiftParts(inputs, model)
        own_alone = self._scores(with_own_of(self.before, self.after))[rows]
        around_alone = self._scores(with_own_of(self.after, self.before))[places]
        own = ((own_alone - before) + (now - around_alone)) / 2
        return ShiftParts(inputs, model, own, inputs - own)

    @cached_property
    def in_both(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the firms of both quarters are in each, ascending by id."""
        _, rows, places = np.intersect1d(self.before.firms, self.after.firms, assume_unique=True, return_indices=True)
        return rows, places

    def _scores(self, graph: CorporateGraph) -> Vector:
        found: FloatMatrix = self.model.probabilities(graph)
        return unfavourable_probability(found, self.target)
