"""Contract of the filings: what firms reported, for which period, and when it became known."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, declared_rules, id_column, key_column, known_firm, unique_rule, value_column
from schemas.portfolio import FilingsSpec
from schemas.terms import Kind


def filings_contract(spec: FilingsSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed filings must keep, given the admitted firms."""
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            "period": key_column(Kind.QUARTER),
            "published_on": key_column(Kind.DATE),
            "valid_until": key_column(Kind.DATE, nullable=True),
            **{column.name: value_column(column) for column in spec.columns},
        },
        checks=[
            known_firm("firm_id", firms),
            unique_rule(["firm_id", "period", "published_on", "delivered"]),
            *declared_rules(spec.rules),
        ],
        strict=True,
    )
