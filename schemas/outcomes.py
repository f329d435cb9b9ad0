"""Contract of the outcomes: what became of a firm after a vintage."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, id_column, key_column, known_firm, row_rule, unique_rule
from schemas.portfolio import TargetSpec
from schemas.terms import Kind


def outcomes_contract(target: TargetSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed outcomes must keep, given the admitted firms.

    With `target.grades` every outcome has a grade, and one of its class.
    """
    one_of = pa.Check.isin(list(target.classes), error=f"one of {', '.join(target.classes)}")
    grades = {"grade": key_column()} if target.grades else {}
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            "vintage": key_column(Kind.QUARTER),
            "outcome": key_column(checks=[one_of]),
            **grades,
            "published_on": key_column(Kind.DATE),
        },
        checks=[
            known_firm("firm_id", firms),
            unique_rule(["firm_id", "vintage", "published_on"]),
            *([row_rule(_of_its_class(target), "the grade is one of its class")] if target.grades else []),
        ],
        strict=True,
    )


def _of_its_class(target: TargetSpec) -> pl.Expr:
    return pl.any_horizontal(
        (pl.col("outcome") == name) & pl.col("grade").is_in(list(grades)) for name, grades in target.grades.items()
    )
