"""What every table contract is made of.

A contract is a pandera schema over the *parsed* table (see `models/parsing.py`): types are right
by then, so a contract only states rules. Each rule has a name that the quarantine shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandera.polars as pa
import polars as pl

from schemas.portfolio import ColumnSpec, RowRule
from schemas.terms import Kind

DTYPES: dict[Kind, pl.DataType] = {
    Kind.TEXT: pl.String(),
    Kind.NUMBER: pl.Float64(),
    Kind.INTEGER: pl.Int64(),
    Kind.CATEGORY: pl.String(),
    Kind.DATE: pl.Date(),
    Kind.QUARTER: pl.String(),
}

#: columns that say where a row came from; no rule looks at them
PROVENANCE = {"row": pa.Column(pl.Int64), "delivered": pa.Column(pl.String, nullable=True)}


def key_column(kind: Kind = Kind.TEXT, *, nullable: bool = False, checks: Sequence[pa.Check] = ()) -> pa.Column:
    """Column of a fixed meaning: an id, a date, a quarter."""
    return pa.Column(DTYPES[kind], nullable=nullable, checks=list(checks))


def id_column() -> pa.Column:
    """Column of ids: any text with something to see in it."""
    return key_column(checks=[pa.Check.str_matches(r"\S", error="is not blank")])


def value_column(spec: ColumnSpec) -> pa.Column:
    """Column declared in a portfolio, with the rules its declaration states."""
    checks = []
    if spec.values:
        checks.append(pa.Check.isin(list(spec.values), error=f"one of {', '.join(spec.values)}"))
    if spec.minimum is not None:
        checks.append(pa.Check.ge(spec.minimum, error=f"at least {spec.minimum:g}"))
    if spec.maximum is not None:
        checks.append(pa.Check.le(spec.maximum, error=f"at most {spec.maximum:g}"))
    return pa.Column(DTYPES[spec.kind], nullable=spec.nullable, checks=checks)


def row_rule(expression: pl.Expr, rule: str) -> pa.Check:
    """Turn a boolean expression into a rule; a row whose expression is null keeps it.

    The check's name lists the columns it looks at, so that the quarantine can show their values.
    """
    columns = [name for name in dict.fromkeys(expression.meta.root_names()) if name not in PROVENANCE]
    return pa.Check(
        lambda data: data.lazyframe.select(expression.fill_null(value=True).alias("kept")),
        name=" ".join(columns),
        error=rule,
    )


def declared_rules(rules: Iterable[RowRule]) -> list[pa.Check]:
    """Rules across columns, written in the portfolio as SQL expressions."""
    return [row_rule(pl.sql_expr(rule.expression), rule.name) for rule in rules]


def unique_rule(columns: Sequence[str]) -> pa.Check:
    """Refuse every row of a group that shares its key: which of them is right cannot be known."""
    key = ", ".join(name for name in columns if name not in PROVENANCE)
    return row_rule(~pl.struct(columns).is_duplicated(), f"unique {key}")


def known_firm(column: str, firms: pl.DataFrame) -> pa.Check:
    """Require that a column names an admitted firm, of the same delivered quarter where both files are quarterly."""
    quarterly = firms.height > 0 and firms["delivered"].null_count() == 0
    quarter = pl.col("delivered") if quarterly else pl.lit(None, pl.String)
    listed = firms.select(known=pl.struct(firm="firm_id", quarter=quarter)).to_series().unique()
    known = pl.struct(firm=pl.col(column), quarter=quarter).is_in(listed.implode(), nulls_equal=True)
    # One file for all quarters, such as a register with dated rows, may name a firm of any of them.
    undated = pl.col("delivered").is_null() & pl.col(column).is_in(firms["firm_id"].unique().implode())
    return row_rule(known | undated | pl.col(column).is_null(), f"{column} is a known firm")
