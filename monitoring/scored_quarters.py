"""The scores of two quarters side by side, and the table of all firms with what moved each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.measures import Vector
from models.rating_scale import grades_of
from models.score_shift import ShiftParts
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter


@dataclass(frozen=True)
class Scored:
    """The scores of a quarter.

    Attributes
    ----------
    firms : (n,) str
        Ascending.
    scores : (n,)
        Probability of an unfavourable outcome.
    classes : (n,) str
        Predicted class.
    """

    quarter: Quarter
    candidate: str
    firms: NDArray[np.str_]
    scores: Vector
    classes: NDArray[np.str_]

    @classmethod
    def of(cls, quarter: Quarter, candidate: str, rows: pl.DataFrame) -> Scored:
        """Take the scores as they are published: ``firm_id``, ``unfavourable_probability``, ``predicted_class``."""
        rows = rows.sort("firm_id")
        return cls(
            quarter,
            candidate,
            rows["firm_id"].to_numpy().astype(np.str_),
            rows["unfavourable_probability"].to_numpy(),
            rows["predicted_class"].to_numpy().astype(np.str_),
        )


@dataclass(frozen=True)
class ComparedScores:
    """Two quarters' scores, with the places of the firms that are in both."""

    before: Scored
    after: Scored
    portfolio: PortfolioSpec

    @cached_property
    def in_both(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the firms of both quarters are in each, ascending by id."""
        _, rows, places = np.intersect1d(self.before.firms, self.after.firms, assume_unique=True, return_indices=True)
        return rows, places

    def shared(self) -> tuple[Vector, Vector]:
        """Return the scores then and now of the firms of both quarters, (n,) each."""
        rows, places = self.in_both
        return self.before.scores[rows], self.after.scores[places]

    def grades(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the grades then and now, by today's master scale; 0 is the best."""
        scale = self.portfolio.master_scale
        return grades_of(self.before.scores, scale), grades_of(self.after.scores, scale)


def firm_shifts(compared: ComparedScores, parts: ShiftParts | None) -> pl.DataFrame:
    """Return a row a firm: those of both quarters, the furthest moved first, then the new ones and those that left."""
    names = [grade.name for grade in compared.portfolio.master_scale.grades]
    grades = [np.array(names)[codes] for codes in compared.grades()]
    sides = [
        pl.DataFrame(
            {
                "firm_id": side.firms,
                side_name: side.scores,
                f"grade_{side_name}": codes,
                f"class_{side_name}": side.classes,
            }
        )
        for side_name, side, codes in zip(("before", "after"), (compared.before, compared.after), grades, strict=True)
    ]
    rows, _ = compared.in_both
    nothing = np.full(len(rows), np.nan)
    taken = {
        "own": None if parts is None else parts.own,
        "neighbourhood": None if parts is None else parts.neighbourhood,
        "inputs": None if parts is None else parts.inputs,
        "model": None if parts is None else parts.model,
    }
    columns = {name: nothing if values is None else values for name, values in taken.items()}
    shifts = pl.DataFrame({"firm_id": compared.before.firms[rows], **columns}).with_columns(
        pl.col(*columns).fill_nan(None)
    )
    return (
        sides[0]
        .join(sides[1], on="firm_id", how="full", coalesce=True)
        .join(shifts, on="firm_id", how="left")
        .with_columns(
            shift=pl.col("after") - pl.col("before"),
            found=pl.when(pl.col("before").is_null())
            .then(pl.lit("new"))
            .when(pl.col("after").is_null())
            .then(pl.lit("gone"))
            .otherwise(pl.lit("both")),
        )
        .sort(
            pl.col("found").replace_strict({"both": 0, "new": 1, "gone": 2}),
            pl.col("shift").abs(),
            "firm_id",
            descending=[False, True, False],
        )
        .select("firm_id", "found", "before", "after", "shift", *columns, pl.col("^(grade|class)_.*$"))
    )
