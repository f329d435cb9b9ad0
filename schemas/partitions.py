"""Contract of a given partition: which group each firm belongs to."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, id_column, row_rule
from schemas.splits import PartitionSpec


def partition_contract(spec: PartitionSpec) -> pa.DataFrameSchema:
    """Return the contract that a parsed partition must keep.

    A firm may stand in several rows, and firms that the portfolio does not have are no mistake: a
    partition that was stored with an earlier refresh knows firms that have left since.
    """
    columns = ["group", *(["community"] if spec.community else [])]
    return pa.DataFrameSchema(
        {**PROVENANCE, "firm_id": id_column(), **{name: id_column() for name in columns}},
        checks=[row_rule(pl.col(name).n_unique().over("firm_id") == 1, f"one {name} a firm") for name in columns],
        strict=True,
    )
