"""A publisher's table as typed columns: exactly the declared ones, and no value guessed."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from models.parsing import parsed
from schemas.errors import DeliveryError, column_diff, examples
from schemas.terms import Kind

_WAY_OUT = "fetch the file again; if the publisher changed it, it can no longer be imported"


def typed_columns(
    raw: pl.DataFrame, names: Mapping[str, str], kinds: Mapping[str, Kind], *, file: str, nullable: bool
) -> pl.DataFrame:
    """Read a table.

    Parameters
    ----------
    raw
        As text or as numbers; null where a cell is empty.
    names
        The columns of the result, in its order, and what the publisher calls them, in any order.
    kinds
        What each column of the result is read as.
    file
        Its name, for messages.
    nullable
        Whether a cell may be empty.

    Raises
    ------
    DeliveryError
        If a column is missing or not declared, or a value is not what it should be.
    """
    theirs = list(names.values())
    if set(raw.columns) != set(theirs):
        raise DeliveryError(
            f"{file} does not have the publisher's columns.",
            expected=f"{len(theirs)} columns",
            found="these differences (- missing, + not known):" + column_diff(theirs, raw.columns),
            way_out=_WAY_OUT,
        )
    renamed = raw.select(pl.col(column).alias(name) for name, column in names.items())
    read = parsed(renamed, kinds, table=file)
    wrong = [f"{row['column']}, row {row['index'] + 1}: {row['value']!r}" for row in read.unread.iter_rows(named=True)]
    if not nullable:
        wrong += [f"{name}: {empty} empty" for name, empty in renamed.null_count().row(0, named=True).items() if empty]
    if wrong:
        raise DeliveryError(
            f"{file} has {len(wrong)} values that cannot be read.",
            expected="a number in each numeric column" + ("" if nullable else ", and no empty cell"),
            found=examples(wrong),
            way_out=_WAY_OUT,
        )
    return read.rows


def narrowed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], *, file: str) -> pl.DataFrame:
    """Store the columns in the types of the data folder; `DeliveryError` if a value does not fit."""
    try:
        return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    except pl.exceptions.PolarsError as error:
        raise DeliveryError(
            f"{file} has a value that is too large for its column.",
            expected=", ".join(f"{name}: {dtype}" for name, dtype in list(schema.items())[:3]) + ", ...",
            found=str(error).splitlines()[0],
            way_out=_WAY_OUT,
        ) from error
