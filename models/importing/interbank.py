"""Interbank: the publisher's table of banks and list of exposures of one quarter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from models.importing.reading import narrowed, typed_columns
from schemas.errors import DeliveryError, examples
from schemas.terms import Kind

_WHOLE = {"bank_id": pl.Int32(), "rating_next_quarter": pl.Int8()}
_EDGE_NAMES = {"source_bank_id": "Sourceid", "target_bank_id": "Targetid", "exposure": "Weights"}
_EDGE_KINDS = {"source_bank_id": Kind.INTEGER, "target_bank_id": Kind.INTEGER, "exposure": Kind.NUMBER}
_EXPOSURES: Mapping[str, pl.DataType] = {
    "source_bank_id": pl.Int32(),
    "target_bank_id": pl.Int32(),
    "exposure": pl.Float64(),
}


@dataclass(frozen=True)
class InterbankTables:
    """The two tables of one quarter, in the publisher's order."""

    banks: pl.DataFrame
    exposures: pl.DataFrame


def interbank_tables(
    nodes: pl.DataFrame, edges: pl.DataFrame, columns: Mapping[str, str], *, quarter: str
) -> InterbankTables:
    """Convert one quarter.

    Parameters
    ----------
    nodes, edges
        The publisher's tables, as text or as numbers.
    columns
        Each column of ``banks`` in its order, and what the publisher calls it.
    quarter
        Such as 2022Q4, for messages.

    Raises
    ------
    DeliveryError
        If a file is not as published, or an exposure is of a bank that is not among the banks.
    """
    nodes_file, edges_file = f"nodes_{quarter}.csv", f"edge_{quarter}.csv"
    kinds = {name: Kind.INTEGER if name in _WHOLE else Kind.NUMBER for name in columns}
    banks = narrowed(
        typed_columns(nodes, columns, kinds, file=nodes_file, nullable=True),
        {name: _WHOLE.get(name, pl.Float32()) for name in columns},
        file=nodes_file,
    )
    arcs = typed_columns(edges, _EDGE_NAMES, _EDGE_KINDS, file=edges_file, nullable=False)
    exposures = narrowed(arcs, _EXPOSURES, file=edges_file)
    _refuse_strangers(banks, exposures, edges_file)
    return InterbankTables(banks, exposures)


def _refuse_strangers(banks: pl.DataFrame, exposures: pl.DataFrame, file: str) -> None:
    ends = pl.concat([exposures["source_bank_id"], exposures["target_bank_id"]]).unique()
    strangers = ends.filter(~ends.is_in(banks["bank_id"].implode())).sort()
    if len(strangers):
        raise DeliveryError(
            f"{file} has exposures of {len(strangers)} banks that are not among the banks.",
            expected=f"ids of the {banks.height} banks",
            found=examples(strangers),
            way_out="fetch both files of the quarter again, from one commit",
        )
