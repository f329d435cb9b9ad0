"""Contract of the firms: who they are and when they are known."""

from __future__ import annotations

import pandera.polars as pa

from schemas.contracts import PROVENANCE, declared_rules, id_column, key_column, unique_rule, value_column
from schemas.portfolio import FirmsSpec
from schemas.terms import Kind


def firms_contract(spec: FirmsSpec) -> pa.DataFrameSchema:
    """Return the contract that parsed firms must keep."""
    # A dated source may describe a firm anew later on; on one day a firm has one description.
    key = ["firm_id", *(["published_on"] if spec.published_on else []), "delivered"]
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            "name": key_column(nullable=True),
            "published_on": key_column(Kind.DATE),
            "valid_until": key_column(Kind.DATE, nullable=True),
            **{column.name: value_column(column) for column in spec.columns},
        },
        checks=[unique_rule(key), *declared_rules(spec.rules)],
        strict=True,
    )
