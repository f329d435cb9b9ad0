"""What is expected of whole columns and tables: stated once, in words that people read."""

from schemas.expectations import table_expectations
from schemas.portfolio import ColumnSpec


def test_each_statement_of_a_portfolio_becomes_one_expectation():
    columns = [
        ColumnSpec(name="assets", completeness=0.95),
        ColumnSpec(name="profit", mean_between=(-1.5, 20), completeness=0.5),
        ColumnSpec(name="debt", minimum=0),
    ]
    stated = table_expectations("filings", (100, 2000), columns)
    assert [(e.column, e.kind, e.settings, e.text) for e in stated] == [
        ("", "ExpectTableRowCountToBeBetween", {"min_value": 100, "max_value": 2000}, "between 100 and 2,000 rows"),
        ("assets", "ExpectColumnValuesToNotBeNull", {"mostly": 0.95}, "filled in at least 95.0% of the rows"),
        ("profit", "ExpectColumnValuesToNotBeNull", {"mostly": 0.5}, "filled in at least 50.0% of the rows"),
        ("profit", "ExpectColumnMeanToBeBetween", {"min_value": -1.5, "max_value": 20.0}, "mean between -1.5 and 20"),
    ]
    assert {e.table for e in stated} == {"filings"}


def test_a_table_without_statements_expects_nothing():
    assert table_expectations("filings", None, [ColumnSpec(name="debt", minimum=0)]) == []
