"""Known outcomes as inputs: what became of the firms around, never of the firm itself.

A firm's own outcome would give its answer away, so that whoever is asked about is hidden: in training the
firms that are learnt from, in use one fold of the firms with an outcome after the other (Shi and others
2021, masked label prediction).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix, bare_ids
from models.firm_streams import firm_keys
from models.fitted import FittingData

_TEXT = "known_outcomes.json"


@dataclass(frozen=True)
class KnownOutcomes:
    """Development outcomes by firm; empty for a candidate that is shown none.

    Attributes
    ----------
    share
        Share of the outcomes shown at a time, in [0, 1).
    classes
        Number of classes.
    by_firm
        Class by id as it stands in the fitted graph, and by bare id for the newest vintage of a firm: a firm of a later
        quarter is known by what became of it last.
    """

    share: float
    classes: int
    by_firm: Mapping[str, int]

    @classmethod
    def of(cls, data: FittingData, share: float) -> KnownOutcomes:
        """Take the development outcomes, all of them, if a share is to be shown."""
        if not share:
            return cls(0.0, 0, {})
        rows = np.flatnonzero(data.development)
        firms = data.graph.firms[rows]
        named = zip(firms.tolist(), bare_ids(firms).tolist(), data.truth[rows].tolist(), strict=True)
        known: dict[str, int] = {}
        for firm, bare, outcome in sorted(named):  # ids begin with the vintage, so the newest comes last
            known[firm] = outcome
            known[bare] = outcome
        return cls(share, data.classes, known)

    @property
    def width(self) -> int:
        """Number of input columns: one a class, 0 if no outcome is shown."""
        return self.classes

    def columns(self, firms: NDArray[np.str_]) -> FloatMatrix:
        """Return (n, classes): 1 in the class of each firm whose outcome is known, otherwise 0."""
        columns = np.zeros((len(firms), self.classes))
        if self.classes:
            named = zip(firms.tolist(), bare_ids(firms).tolist(), strict=True)
            found = np.array([self.by_firm.get(firm, self.by_firm.get(bare, -1)) for firm, bare in named])
            known = np.flatnonzero(found >= 0)
            columns[known, found[known]] = 1.0
        return columns

    def hidden_folds(self, firms: NDArray[np.str_], columns: FloatMatrix) -> Iterator[NDArray[np.bool_]]:
        """Yield who is hidden and asked about in turn, (n,) bool: the firms without an outcome go with the first fold.

        There are so many folds that about `share` of the outcomes are shown at a time, as in training. The
        fold of a firm follows from its id, so that partners are seldom hidden together.
        """
        known = np.flatnonzero(columns.any(axis=1))
        folds = max(2, round(1 / (1 - self.share))) if len(known) else 1
        asked = np.zeros(len(columns), dtype=np.int64)
        asked[known] = (firm_keys(firms[known], seed=0) % np.uint64(folds)).astype(np.int64)
        for fold in range(folds):
            yield asked == fold

    def texts(self) -> dict[str, str]:
        """Return what has to be kept."""
        if not self.classes:
            return {}
        kept = {"share": self.share, "classes": self.classes, "by_firm": dict(self.by_firm)}
        return {_TEXT: json.dumps(kept, sort_keys=True)}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> KnownOutcomes:
        """Read back what `texts` returned."""
        return cls(**json.loads(texts[_TEXT])) if _TEXT in texts else cls(0.0, 0, {})
