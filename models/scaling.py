"""Inputs for models that need complete, comparable columns, fitted on development rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix

#: standardised values are cut here, so that one absurd ratio cannot decide a score alone
_CUT = 8.0


@dataclass(frozen=True)
class Scaling:
    """Median for missing values, a flag column where any were missing, mean 0 and deviation 1.

    With `logarithmic`, all of this is of sign(x) log(1 + |x|), which draws in the tails of counts and amounts.

    Attributes
    ----------
    median, mean, deviation : (f,)
    flagged : (k,) int64
        Columns that get a "was missing" companion.
    """

    median: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    flagged: NDArray[np.int64]
    logarithmic: bool = False

    @classmethod
    def fitted(cls, rows: FloatMatrix, *, logarithmic: bool = False) -> Scaling:
        """Learn the constants from development rows."""
        rows = _drawn_in(rows) if logarithmic else rows
        missing = np.isnan(rows)
        empty = missing.all(axis=0)
        median = np.where(empty, 0.0, np.nanmedian(np.where(empty, 0.0, rows), axis=0))
        filled = np.where(missing, median, rows)
        deviation = filled.std(axis=0)
        return cls(
            median=median,
            mean=filled.mean(axis=0),
            deviation=np.where(deviation > 1e-12, deviation, 1.0),
            flagged=np.flatnonzero(missing.any(axis=0) & ~empty),
            logarithmic=logarithmic,
        )

    def applied(self, rows: FloatMatrix) -> FloatMatrix:
        """Return (n, f + k): standardised columns, then the flags."""
        rows = _drawn_in(rows) if self.logarithmic else rows
        missing = np.isnan(rows)
        scaled = (np.where(missing, self.median, rows) - self.mean) / self.deviation
        return np.concatenate([np.clip(scaled, -_CUT, _CUT), missing[:, self.flagged].astype(np.float64)], axis=1)

    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """Return the constants by name."""
        return {
            "scaling.median": self.median,
            "scaling.mean": self.mean,
            "scaling.deviation": self.deviation,
            "scaling.flagged": self.flagged.astype(np.float64),
            "scaling.logarithmic": np.array([float(self.logarithmic)]),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float64]]) -> Scaling:
        """Read back what `tensors` returned."""
        return cls(
            tensors["scaling.median"],
            tensors["scaling.mean"],
            tensors["scaling.deviation"],
            tensors["scaling.flagged"].astype(np.int64),
            bool(tensors["scaling.logarithmic"][0]),
        )


def _drawn_in(rows: FloatMatrix) -> FloatMatrix:
    return np.asarray(np.sign(rows) * np.log1p(np.abs(rows)))
