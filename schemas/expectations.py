"""What whole columns and tables are expected to look like, as Great Expectations suites.

Rules for single rows are the contracts' business (pandera); completeness and distributions are
stated here. No rule stands in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.base import Frozen
from schemas.portfolio import ColumnSpec


class Expectation(Frozen):
    """One statement about a column or, when `column` is empty, about a table."""

    table: str
    column: str = ""
    kind: str
    settings: dict[str, float | None]
    text: str


def table_expectations(
    table: str, rows_between: tuple[int, int] | None, columns: Iterable[ColumnSpec]
) -> list[Expectation]:
    """Return what a portfolio states about one table."""
    stated = []
    if rows_between is not None:
        least, most = rows_between
        stated.append(
            Expectation(
                table=table,
                kind="ExpectTableRowCountToBeBetween",
                settings={"min_value": least, "max_value": most},
                text=f"between {least:,} and {most:,} rows",
            )
        )
    for column in columns:
        if column.completeness is not None:
            stated.append(
                Expectation(
                    table=table,
                    column=column.name,
                    kind="ExpectColumnValuesToNotBeNull",
                    settings={"mostly": column.completeness},
                    text=f"filled in at least {column.completeness:.1%} of the rows",
                )
            )
        if column.mean_between is not None:
            least_mean, most_mean = column.mean_between
            stated.append(
                Expectation(
                    table=table,
                    column=column.name,
                    kind="ExpectColumnMeanToBeBetween",
                    settings={"min_value": least_mean, "max_value": most_mean},
                    text=f"mean between {least_mean:g} and {most_mean:g}",
                )
            )
    return stated


def expectation_suite(name: str, stated: Iterable[Expectation], coded: dict[str, str]) -> Any:
    """Return a Great Expectations suite in which columns go by their codes.

    Parameters
    ----------
    coded
        Column name -> code; the library never sees what columns are called.
    """
    import great_expectations as gx
    import great_expectations.expectations as gxe

    expectations = []
    for number, expectation in enumerate(stated):
        column = {"column": coded[expectation.column]} if expectation.column else {}
        build = getattr(gxe, expectation.kind)
        expectations.append(build(**column, **expectation.settings, meta={"number": number}))
    return gx.ExpectationSuite(name=name, expectations=expectations)
