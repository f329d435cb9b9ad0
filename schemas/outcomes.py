"""Contract of the outcomes: what became of a firm after a vintage."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, id_column, key_column, known_firm, unique_rule
from schemas.portfolio import TargetSpec
from schemas.terms import Kind


def outcomes_contract(target: TargetSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed outcomes must keep, given the admitted firms."""
    one_of = pa.Check.isin(list(target.classes), error=f"one of {', '.join(target.classes)}")
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            "vintage": key_column(Kind.QUARTER),
            "outcome": key_column(checks=[one_of]),
            "published_on": key_column(Kind.DATE),
        },
        checks=[known_firm("firm_id", firms), unique_rule(["firm_id", "vintage", "published_on"])],
        strict=True,
    )
