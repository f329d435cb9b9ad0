"""Each rule of each contract, broken once: exactly that row, column, rule and value are set aside."""

import polars as pl
import pytest

from models.admission import admitted_filings, admitted_firms, admitted_outcomes, admitted_relation
from schemas.portfolio import PortfolioSpec


def with_cells(frame, row, **cells):
    return frame.with_columns(
        pl.when(pl.col("row") == row).then(pl.lit(value, pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in cells.items()
    )


def repeated(frame, row):
    """Return the frame with one row delivered twice."""
    return pl.concat([frame, frame.filter(pl.col("row") == row).with_columns(row=pl.lit(frame.height + 1, pl.Int64))])


def broken(table, raw, portfolio):
    """Return (row, column, rule, value) of what admission sets aside in one table."""
    firms = admitted_firms(raw["firms"], portfolio)
    if table == "firms":
        found = firms
    elif table == "filings":
        found = admitted_filings(raw["filings"], portfolio.filings, firms.rows, portfolio)
    elif table == "outcomes":
        found = admitted_outcomes(raw["outcomes"], firms.rows, portfolio)
    else:
        spec = next(spec for spec in portfolio.relations if table == f"relations:{spec.name}")
        found = admitted_relation(raw[table], spec, firms.rows, portfolio)
    assert found.rows.height + found.quarantine["row"].n_unique() == found.received
    return [row[1:] for row in found.quarantine.iter_rows()]


@pytest.mark.parametrize(
    ("table", "cells", "expected"),
    [
        ("firms", {"id": None}, ("firm_id", "is filled", "")),
        ("firms", {"known_from": None}, ("published_on", "is filled", "")),
        ("firms", {"gone_on": "never"}, ("valid_until", "is a date such as 2024-12-31", "never")),
        ("firms", {"industry": None}, ("industry", "is filled", "")),
        ("firms", {"industry": "banking"}, ("industry", "one of timber, steel, trade, energy", "banking")),
        ("firms", {"industry": "None"}, ("industry", "one of timber, steel, trade, energy", "None")),
        ("firms", {"region": "Urban"}, ("region", "one of urban, rural", "Urban")),
        ("relations:supply", {"seller": None}, ("source", "is filled", "")),
        ("relations:supply", {"seller": "zz"}, ("source", "source is a known firm", "zz")),
        ("relations:supply", {"buyer": "zz"}, ("target", "target is a known firm", "zz")),
        ("relations:supply", {"buyer": "a1"}, ("source, target", "not related to itself", "a1, a1")),
        ("relations:supply", {"volume": None}, ("weight", "is filled", "")),
        ("relations:supply", {"volume": "-0.5"}, ("weight", "weight at least 0", "-0.5")),
        ("relations:supply", {"volume": "inf"}, ("weight", "is a finite number", "inf")),
        ("relations:ownership", {"stake": "1.01"}, ("weight", "weight at most 1", "1.01")),
        ("filings", {"id": "zz"}, ("firm_id", "firm_id is a known firm", "zz")),
        ("filings", {"period": None}, ("period", "is filled", "")),
        ("filings", {"period": "2023"}, ("period", "is a quarter such as 2024Q4", "2023")),
        ("filings", {"filed_on": "2023-02-31"}, ("published_on", "is a date such as 2024-12-31", "2023-02-31")),
        ("filings", {"debt": None}, ("debt", "is filled", "")),
        ("filings", {"debt": "-1"}, ("debt", "at least 0", "-1.0")),
        ("filings", {"debt": "1200"}, ("debt, assets", "debt within ten times assets", "1200.0, 100.0")),
        ("filings", {"profit": "1,5"}, ("profit", "is a finite number", "1,5")),
        ("outcomes", {"id": "zz"}, ("firm_id", "firm_id is a known firm", "zz")),
        ("outcomes", {"id": None}, ("firm_id", "is filled", "")),
        ("outcomes", {"quarter": "soon"}, ("vintage", "is a quarter such as 2024Q4", "soon")),
        ("outcomes", {"defaulted": "2"}, ("outcome", "one of 0, 1", "2")),
        ("outcomes", {"defaulted": "1.0"}, ("outcome", "one of 0, 1", "1.0")),
    ],
)
def test_a_rule_broken_once_sets_aside_exactly_that(world, table, cells, expected):
    raw = world.raw_tables()
    raw[table] = with_cells(raw[table], 1, **cells)
    assert broken(table, raw, world.portfolio()) == [(1, *expected)]


@pytest.mark.parametrize(
    ("table", "row", "column", "rule", "value"),
    [
        ("firms", 30, "firm_id, published_on", "unique firm_id, published_on", "z1, 2022-12-01"),
        ("relations:supply", 2, "source, target, published_on", "one row a pair", "a1, a3, 2022-12-01"),
        (
            "filings",
            2,
            "firm_id, period, published_on",
            "unique firm_id, period, published_on",
            "a2, 2022Q4, 2023-02-15",
        ),
        (
            "outcomes",
            2,
            "firm_id, vintage, published_on",
            "unique firm_id, vintage, published_on",
            "a2, 2023Q1, 2023-06-30",
        ),
    ],
)
def test_both_of_two_rows_with_one_key_are_set_aside(world, table, row, column, rule, value):
    raw = world.raw_tables()
    raw[table] = repeated(raw[table], row)
    last = raw[table].height
    assert broken(table, raw, world.portfolio()) == [(row, column, rule, value), (last, column, rule, value)]


def test_a_value_that_may_be_missing_is_admitted_without(world):
    raw = world.raw_tables()
    raw["filings"] = with_cells(raw["filings"], 1, profit=None)
    raw["firms"] = with_cells(raw["firms"], 1, called=None)
    assert broken("filings", raw, world.portfolio()) == []
    assert broken("firms", raw, world.portfolio()) == []


def test_a_rule_across_columns_keeps_a_row_that_it_cannot_decide(world):
    data = world.portfolio().model_dump(mode="json")
    data["filings"]["rules"] = [{"name": "profit within assets", "expression": "profit <= assets"}]
    raw = world.raw_tables()
    raw["filings"] = with_cells(with_cells(raw["filings"], 1, profit=None), 2, profit="9999")
    data["filings"]["rules"][0]["expression"] = "profit <= assets + 10"
    found = broken("filings", raw, PortfolioSpec.model_validate(data))
    assert found == [(2, "profit, assets", "profit within assets", "9999.0, 110.0")]


def test_a_relation_ends_after_it_begins(world):
    data = world.portfolio().model_dump(mode="json")
    data["relations"][0]["valid_until"] = "ended"
    raw = world.raw_tables()
    ended = raw["relations:supply"].with_columns(ended=pl.lit(None, pl.String))
    raw["relations:supply"] = with_cells(with_cells(ended, 1, ended="2022-12-01"), 2, ended="2022-12-02")
    found = broken("relations:supply", raw, PortfolioSpec.model_validate(data))
    assert found == [(1, "valid_until, published_on", "ends after it begins", "2022-12-01, 2022-12-01")]


def test_limits_themselves_are_allowed(world):
    data = world.portfolio().model_dump(mode="json")
    data["filings"]["columns"][1] |= {"minimum": 50, "maximum": 70}
    raw = world.raw_tables()
    for row, debt in enumerate(("50", "70", "49.9", "70.1"), start=1):
        raw["filings"] = with_cells(raw["filings"], row, debt=debt)
    assert broken("filings", raw, PortfolioSpec.model_validate(data)) == [
        (3, "debt", "at least 50", "49.9"),
        (4, "debt", "at most 70", "70.1"),
    ]


def test_a_pair_without_direction_is_the_same_both_ways(world):
    data = world.portfolio().model_dump(mode="json")
    raw = world.raw_tables()
    raw["relations:supply"] = with_cells(raw["relations:supply"], 1, seller="a3", buyer="a1")
    assert broken("relations:supply", raw, PortfolioSpec.model_validate(data)) == []
    data["relations"][0]["directed"] = False
    assert [row[:3] for row in broken("relations:supply", raw, PortfolioSpec.model_validate(data))] == [
        (1, "source, target, published_on", "one row a pair"),
        (2, "source, target, published_on", "one row a pair"),
    ]


@pytest.mark.parametrize("repeated_policy", ["sum", "mean", "max"])
def test_a_declared_policy_admits_repeated_pairs_and_loops_and_counts_them(world, repeated_policy):
    data = world.portfolio().model_dump(mode="json")
    data["relations"][0] |= {"repeated": repeated_policy, "self_loops": "drop"}
    portfolio = PortfolioSpec.model_validate(data)
    raw = world.raw_tables()
    raw["relations:supply"] = with_cells(repeated(raw["relations:supply"], 2), 1, buyer="a1")
    assert broken("relations:supply", raw, portfolio) == []
    firms = admitted_firms(raw["firms"], portfolio).rows
    spec = portfolio.relations[0]
    handled = admitted_relation(raw["relations:supply"], spec, firms, portfolio).handled(spec, firms)
    assert handled == {"self-loops, dropped": 1, f"repeated pairs, merged by {repeated_policy}": 2}
