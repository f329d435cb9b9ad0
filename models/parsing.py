"""Strict reading of raw columns: a value either is what the contract says or it is reported.

Nothing is coerced. Text becomes a number only if the whole text is one; ``2.5`` never becomes 2,
``00123``, ``NA`` and ``1e5`` stay what they are where an id is expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from schemas.errors import DeliveryError, examples
from schemas.terms import Kind

# Digits are spelt out: \d would also match the digits of other scripts, which no number is read from.
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INTEGER = r"^[+-]?[0-9]{1,18}$"
_QUARTER = r"^(19|20|21)[0-9]{2}-?Q[1-4]$"
_RULE = {
    Kind.TEXT: "is text",
    Kind.CATEGORY: "is text",
    Kind.NUMBER: "is a finite number",
    Kind.INTEGER: "is a whole number",
    Kind.DATE: "is a date such as 2024-12-31",
    Kind.QUARTER: "is a quarter such as 2024Q4",
}


@dataclass(frozen=True)
class Parsed:
    """A typed table and the cells that could not be read (columns index, column, rule, value).

    `index` is the position of the row in `rows`, from 0.
    """

    rows: pl.DataFrame
    unread: pl.DataFrame


def parsed(raw: pl.DataFrame, kinds: Mapping[str, Kind], *, table: str) -> Parsed:
    """Read the named columns of a raw table; the others pass through.

    Parameters
    ----------
    raw
        The table as received.
    kinds
        What each column is to be read as.
    table
        Name of the table, for messages.

    Raises
    ------
    DeliveryError
        If a column's stored type can never be what is expected, such as a date where a number is.
    """
    typed = raw.with_columns(_typed(raw[name], kind, table) for name, kind in kinds.items())
    indexed = raw.with_row_index("index")
    unread = [
        indexed.filter(raw[name].is_not_null() & _present(raw[name]) & typed[name].is_null()).select(
            "index",
            column=pl.lit(name),
            rule=pl.lit(_RULE[kind]),
            value=pl.col(name).cast(pl.String),
        )
        for name, kind in kinds.items()
    ]
    empty = pl.DataFrame(
        schema={"index": pl.get_index_type(), "column": pl.String, "rule": pl.String, "value": pl.String}
    )
    return Parsed(typed, pl.concat([empty, *unread]))


def _present(series: pl.Series) -> pl.Series:
    # A float NaN in a Parquet column is how many writers say "missing".
    return series.is_not_nan() if series.dtype.is_float() else pl.Series([True]).new_from_index(0, len(series))


def _typed(series: pl.Series, kind: Kind, table: str) -> pl.Series:
    dtype = series.dtype
    if dtype == pl.Null:
        series, dtype = series.cast(pl.String), pl.String()
    readers = {
        Kind.TEXT: _text,
        Kind.CATEGORY: _text,
        Kind.NUMBER: _number,
        Kind.INTEGER: _integer,
        Kind.DATE: _date,
        Kind.QUARTER: _quarter,
    }
    read = readers[kind](series)
    if read is None:
        raise DeliveryError(
            f"Table {table}, column {series.name!r} has the wrong type.",
            expected=f"something that {_RULE[kind]}",
            found=f"{dtype}, such as {examples(series.drop_nulls().head(3))}",
            way_out="deliver the column with that type, or as text",
        )
    return read


def _text(series: pl.Series) -> pl.Series | None:
    if series.dtype == pl.String:
        return series
    if series.dtype in (pl.Categorical, pl.Enum) or series.dtype.is_integer():
        return series.cast(pl.String)
    if series.dtype == pl.Boolean:
        return series.cast(pl.String)
    return None


def _number(series: pl.Series) -> pl.Series | None:
    if series.dtype == pl.String:
        series = (
            series.to_frame()
            .select(pl.when(pl.col(series.name).str.contains(_NUMBER)).then(pl.col(series.name)))
            .to_series()
            .cast(pl.Float64)
        )
    elif series.dtype.is_numeric():
        series = series.cast(pl.Float64)
    else:
        return None
    return series.to_frame().select(pl.when(pl.col(series.name).is_finite()).then(pl.col(series.name))).to_series()


def _integer(series: pl.Series) -> pl.Series | None:
    column = pl.col(series.name)
    if series.dtype == pl.String:
        whole: pl.Expr = pl.when(column.str.contains(_INTEGER)).then(column)
    elif series.dtype.is_integer():
        whole = column
    elif series.dtype.is_float():
        # Writers without missing integers store 2 as 2.0; 2.5 is not a whole number and is reported.
        whole = pl.when((column == column.round(0)) & (column.abs() < 2**53)).then(column)
    else:
        return None
    return series.to_frame().select(whole.cast(pl.Int64, strict=False)).to_series()


def _date(series: pl.Series) -> pl.Series | None:
    column = pl.col(series.name)
    if series.dtype == pl.Date:
        return series
    if series.dtype == pl.String:
        strict = pl.when(column.str.contains(r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$")).then(column)
        return series.to_frame().select(strict.str.to_date("%Y-%m-%d", strict=False)).to_series()
    if isinstance(series.dtype, pl.Datetime):
        midnight = pl.when(column == column.dt.truncate("1d")).then(column)
        return series.to_frame().select(midnight.dt.date()).to_series()
    return None


def _quarter(series: pl.Series) -> pl.Series | None:
    if series.dtype != pl.String:
        return None
    column = pl.col(series.name)
    written = pl.when(column.str.contains(_QUARTER)).then(column.str.replace("-", ""))
    return series.to_frame().select(written).to_series()
