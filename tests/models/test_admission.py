"""Admission sets bad rows aside with the rule they broke; it changes nothing and loses nothing."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from models.admission import (
    QUARANTINE_SCHEMA,
    admitted_filings,
    admitted_firms,
    admitted_outcomes,
    admitted_relation,
    relation_table,
)
from schemas.portfolio import PortfolioSpec


def admitted(raw, portfolio):
    firms = admitted_firms(raw["firms"], portfolio)
    found = {"firms": firms}
    for spec in portfolio.relations:
        table = relation_table(spec.name)
        found[table] = admitted_relation(raw[table], spec, firms.rows, portfolio)
    found["filings"] = admitted_filings(raw["filings"], portfolio.filings, firms.rows, portfolio)
    found["outcomes"] = admitted_outcomes(raw["outcomes"], firms.rows, portfolio)
    return found


def with_cell(frame, row, **cells):
    """Return the frame with cells of one row (counted from 1) replaced."""
    return frame.with_columns(
        pl.when(pl.col("row") == row).then(pl.lit(value, pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in cells.items()
    )


def changed(portfolio, path, value):
    """Return the portfolio with one deep field replaced, such as ``firms.file``."""
    data = portfolio.model_dump(mode="json")
    *parents, last = path.split(".")
    place = data
    for parent in parents:
        place = place[int(parent)] if parent.isdigit() else place[parent]
    place[last] = value
    return PortfolioSpec.model_validate(data)


def set_aside(table):
    return [row[1:] for row in table.quarantine.iter_rows()]


def test_the_small_world_is_admitted_whole_and_as_written_down(world):
    found = admitted(world.raw_tables(), world.portfolio())
    for name, expected in world.admitted_tables().items():
        assert_frame_equal(found[name].rows, expected, check_column_order=False)
        assert found[name].quarantine.is_empty()
        assert found[name].quarantine.schema == pl.Schema(QUARANTINE_SCHEMA)
        assert found[name].set_aside == 0


def test_names_of_the_delivery_are_gone_after_admission(world):
    columns = admitted(world.raw_tables(), world.portfolio())["filings"].rows.columns
    assert columns == [
        "row",
        "delivered",
        "firm_id",
        "period",
        "published_on",
        "valid_until",
        "assets",
        "debt",
        "profit",
    ]


def test_a_quarantined_firm_takes_its_relations_filings_and_outcomes_with_it(world):
    raw = world.raw_tables()
    raw["firms"] = with_cell(raw["firms"], 1, known_from="yesterday")
    found = admitted(raw, world.portfolio())
    assert set_aside(found["firms"]) == [(1, "published_on", "is a date such as 2024-12-31", "yesterday")]
    assert {row[1:] for row in set_aside(found["relations:supply"])} == {("source", "source is a known firm", "a1")}
    assert set_aside(found["relations:ownership"]) == [
        (1, "source", "source is a known firm", "a1"),
        (3, "target", "target is a known firm", "a1"),
    ]
    assert {row[1:] for row in set_aside(found["filings"])} == {("firm_id", "firm_id is a known firm", "a1")}
    assert found["filings"].set_aside == 3
    assert found["outcomes"].set_aside == 2
    for table in found.values():
        texts = table.rows.select(pl.col(pl.String)).to_dict(as_series=False)
        assert not any("a1" in column for column in texts.values())


def test_a_row_that_breaks_several_rules_is_set_aside_once_with_each(world):
    raw = world.raw_tables()
    raw["filings"] = with_cell(raw["filings"], 5, debt="NA", filed_on="soon", **{"total assets": "-1"})
    found = admitted(raw, world.portfolio())["filings"]
    assert found.set_aside == 1
    assert set_aside(found) == [
        (5, "debt", "is a finite number", "NA"),
        (5, "published_on", "is a date such as 2024-12-31", "soon"),
    ], "an unreadable row is not held to the contract as well: its values are not known"


def test_an_outcome_that_is_not_known_yet_is_no_outcome(world):
    raw = world.raw_tables()
    raw["outcomes"] = with_cell(with_cell(raw["outcomes"], 2, defaulted=None), 3, defaulted="perhaps")
    found = admitted(raw, world.portfolio())["outcomes"]
    assert found.received == 58
    assert set_aside(found) == [(3, "outcome", "one of 0, 1", "perhaps")]
    assert 2 not in found.rows["row"].to_list()


def test_an_empty_outcome_with_an_unreadable_cell_is_still_reported(world):
    raw = world.raw_tables()
    raw["outcomes"] = with_cell(raw["outcomes"], 2, defaulted=None, quarter="Q")
    raw["outcomes"] = with_cell(raw["outcomes"], 1, defaulted=None)
    raw["outcomes"] = with_cell(raw["outcomes"], 9, quarter="1066Q1")
    found = admitted(raw, world.portfolio())["outcomes"]
    rule = "is a quarter such as 2024Q4"
    assert set_aside(found) == [(2, "vintage", rule, "Q"), (9, "vintage", rule, "1066Q1")]
    assert found.received == 58


def test_an_outcome_without_a_date_is_published_when_its_window_closes(world):
    raw = world.raw_tables()
    for horizon, day in ((1, dt.date(2023, 6, 30)), (4, dt.date(2024, 3, 31))):
        portfolio = changed(world.portfolio(), "target.horizon_quarters", horizon)
        rows = admitted(raw, portfolio)["outcomes"].rows
        assert rows.filter(pl.col("vintage") == "2023Q1")["published_on"].unique().to_list() == [day]


def test_a_source_without_weights_gets_weight_one(world):
    portfolio = changed(world.portfolio(), "relations.0.weight", None)
    raw = world.raw_tables()
    found = admitted(raw | {"relations:supply": raw["relations:supply"].drop("volume")}, portfolio)
    assert found["relations:supply"].rows["weight"].unique().to_list() == [1.0]


@pytest.fixture
def quarterly(world):
    """The firms of the small world as one file a quarter, without any date."""
    portfolio = world.portfolio()
    firms = portfolio.firms.model_dump(mode="json") | {"file": "{quarter}/firms", "published_on": None}
    portfolio = PortfolioSpec.model_validate(
        portfolio.model_dump(mode="json") | {"firms": firms | {"valid_until": None}}
    )
    one = world.raw_tables()["firms"].drop("known_from", "gone_on")
    firms = pl.concat(one.with_columns(delivered=pl.lit(quarter)) for quarter in ("2023Q1", "2023Q2"))
    return portfolio, world.raw_tables() | {"firms": firms}


def test_a_quarterly_file_holds_from_its_quarters_end_until_the_next_ones(quarterly):
    portfolio, raw = quarterly
    rows = admitted(raw, portfolio)["firms"].rows
    assert rows.select("delivered", "published_on", "valid_until").unique().sort("delivered").rows() == [
        ("2023Q1", dt.date(2023, 3, 31), dt.date(2023, 6, 30)),
        ("2023Q2", dt.date(2023, 6, 30), dt.date(2023, 9, 30)),
    ]


def test_the_quarantine_names_the_quarter_of_a_quarterly_file(quarterly):
    portfolio, raw = quarterly
    bad = (pl.col("row") == 2) & (pl.col("delivered") == "2023Q2")
    raw["firms"] = raw["firms"].with_columns(id=pl.when(bad).then(None).otherwise("id"))
    found = admitted(raw, portfolio)["firms"]
    assert found.quarantine.rows() == [("firms 2023Q2", 2, "firm_id", "is filled", "")]


def test_a_firm_may_come_back_every_quarter_but_once_in_each(quarterly):
    portfolio, raw = quarterly
    assert admitted(raw, portfolio)["firms"].set_aside == 0
    raw["firms"] = pl.concat([raw["firms"], raw["firms"].tail(1).with_columns(row=pl.lit(31, pl.Int64))])
    found = admitted(raw, portfolio)["firms"]
    assert set_aside(found) == [(30, "firm_id", "unique firm_id", "z1"), (31, "firm_id", "unique firm_id", "z1")]


def test_one_file_for_all_quarters_may_name_a_firm_of_any_quarterly_file(quarterly):
    portfolio, raw = quarterly
    raw["outcomes"] = with_cell(raw["outcomes"], 4, id="nobody")
    found = admitted(raw, portfolio)
    assert set_aside(found["outcomes"]) == [(4, "firm_id", "firm_id is a known firm", "nobody")]
    assert found["relations:supply"].set_aside == 0


def test_a_quarterly_row_must_name_a_firm_of_its_own_quarter(quarterly):
    portfolio, raw = quarterly
    absent = (pl.col("id") == "a5") & (pl.col("delivered") == "2023Q2")
    raw["firms"] = raw["firms"].filter(~absent)
    raw["outcomes"] = raw["outcomes"].with_columns(delivered="quarter")
    found = admitted(raw, changed(portfolio, "outcomes.file", "{quarter}/outcomes"))["outcomes"]
    assert found.quarantine.rows() == [("outcomes 2023Q2", 34, "firm_id", "firm_id is a known firm", "a5")]


def test_data_without_quarters_counts_as_known_at_the_end_of_the_declared_one(world):
    data = world.portfolio().model_dump(mode="json")
    data |= {"quarter": "2023Q1"}
    data["target"]["horizon_quarters"] = 0
    data["firms"] |= {"published_on": None, "valid_until": None}
    data["filings"] |= {"published_on": None, "period": None}
    data["outcomes"]["vintage"] = None
    raw = world.raw_tables()
    raw["filings"] = raw["filings"].unique("id", maintain_order=True)
    raw["outcomes"] = raw["outcomes"].unique("id", maintain_order=True)
    found = admitted(raw, PortfolioSpec.model_validate(data))
    assert all(table.set_aside == 0 for table in found.values())
    for name in ("firms", "filings", "outcomes"):
        assert found[name].rows["published_on"].unique().to_list() == [dt.date(2023, 3, 31)]
    assert found["firms"].rows["valid_until"].null_count() == 30, "the declared quarter is never replaced by a next one"
    assert found["filings"].rows["period"].unique().to_list() == ["2023Q1"]
    assert found["outcomes"].rows["vintage"].unique().to_list() == ["2023Q1"]


def test_an_empty_table_is_admitted_empty(world):
    raw = {name: frame.clear() for name, frame in world.raw_tables().items()}
    for table in admitted(raw, world.portfolio()).values():
        assert (table.received, table.rows.height, table.quarantine.height) == (0, 0, 0)


cells = st.sampled_from([None, "", "NA", "a1", "a2", "zz", "-1", "0.5", "1e999", "2023-01-05", "2023Q1", "1066Q1", "0"])


@settings(max_examples=25)
@given(st.data())
def test_no_row_is_ever_lost_whatever_the_cells_hold(world, data):
    raw = world.raw_tables()
    for name in raw:
        for _ in range(data.draw(st.integers(0, 4))):
            column = data.draw(st.sampled_from(raw[name].columns[2:]))
            raw[name] = with_cell(raw[name], data.draw(st.integers(1, 6)), **{column: data.draw(cells)})
    found = admitted(raw, world.portfolio())
    for name, table in found.items():
        aside = set(table.quarantine["row"].to_list())
        kept = set(table.rows["row"].to_list())
        received = set(raw[name]["row"].to_list())
        if name == "outcomes":
            received -= set(raw[name].filter(pl.col("defaulted").is_null())["row"].to_list()) - aside
        assert kept.isdisjoint(aside)
        assert kept | aside == received
        assert table.received == len(received)
        assert table.set_aside == len(aside)
