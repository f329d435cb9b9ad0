"""Publication decides: what is published later cannot change what was known before."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import corporate_graph
from models.fingerprint import part_digests
from models.knowledge import closed_outcomes, known_by, newest_filings, newest_firms
from schemas.terms import Quarter

Q1, Q2, Q3 = (Quarter(2023, number) for number in (1, 2, 3))
rows = pl.DataFrame(
    {
        "row": [1, 2, 3],
        "published_on": [dt.date(2023, 1, 1), dt.date(2023, 2, 1), dt.date(2023, 3, 1)],
        "valid_until": [dt.date(2023, 2, 15), None, None],
    }
)


@pytest.mark.parametrize(
    ("day", "known"),
    [
        (dt.date(2022, 12, 31), []),
        (dt.date(2023, 1, 1), [1]),
        (dt.date(2023, 2, 14), [1, 2]),
        (dt.date(2023, 2, 15), [2]),
        (dt.date(2023, 3, 1), [2, 3]),
    ],
)
def test_a_row_counts_from_its_day_and_until_but_not_on_the_day_it_ends(day, known):
    assert known_by(rows, day)["row"].to_list() == known


def test_a_table_without_an_end_holds_for_ever():
    assert known_by(rows.drop("valid_until"), dt.date(2099, 1, 1))["row"].to_list() == [1, 2, 3]


def test_a_late_filing_is_not_known_at_the_quarters_end(world):
    filings = world.admitted_tables()["filings"]
    assert world.LATE not in newest_filings(filings, Q1.end)["firm_id"].to_list()
    filed = newest_filings(filings, dt.date(2023, 4, 20)).filter(pl.col("firm_id") == world.LATE)
    assert filed["period"].to_list() == ["2022Q4"]


@pytest.mark.parametrize(
    ("day", "profit"), [(dt.date(2023, 3, 31), 20.0), (dt.date(2023, 4, 9), 20.0), (dt.date(2023, 4, 10), 30.0)]
)
def test_a_restated_filing_counts_from_its_restatement(world, day, profit):
    filings = newest_filings(world.admitted_tables()["filings"], day)
    assert filings.filter(pl.col("firm_id") == world.RESTATED)["profit"].to_list() == [profit]


def test_the_latest_period_wins_over_a_later_restatement_of_an_earlier_one(world):
    filings = world.admitted_tables()["filings"]
    restated = filings.filter((pl.col("firm_id") == "a1") & (pl.col("period") == "2022Q4")).with_columns(
        published_on=pl.lit(dt.date(2023, 6, 1)), profit=pl.lit(-99.0)
    )
    newest = newest_filings(pl.concat([filings, restated]), Q2.end).filter(pl.col("firm_id") == "a1")
    assert newest.select("period", "profit").rows() == [("2023Q1", -1.0)]


def test_a_firm_is_there_from_its_founding_until_it_leaves(world):
    firms = world.admitted_tables()["firms"]
    there = {quarter: set(newest_firms(firms, quarter.end)["firm_id"]) for quarter in (Q1, Q2, Q3)}
    assert set(world.FIRMS) - there[Q1] == {world.BORN_LATER}
    assert set(world.FIRMS) - there[Q2] == set()
    assert set(world.FIRMS) - there[Q3] == {world.LEAVES}


def test_a_firm_is_as_it_was_last_described():
    firms = pl.DataFrame(
        {
            "firm_id": ["b", "a", "b"],
            "published_on": [dt.date(2023, 2, 1), dt.date(2023, 1, 1), dt.date(2023, 1, 1)],
            "region": ["rural", "urban", "urban"],
        }
    )
    assert newest_firms(firms, Q1.end).select("firm_id", "region").rows() == [("a", "urban"), ("b", "rural")]
    assert newest_firms(firms, dt.date(2023, 1, 31)).select("firm_id", "region").rows() == [
        ("a", "urban"),
        ("b", "urban"),
    ]


def test_an_outcome_is_known_once_its_window_has_closed(world):
    outcomes = world.admitted_tables()["outcomes"]
    assert closed_outcomes(outcomes, Q1, Q1.end).is_empty()
    assert closed_outcomes(outcomes, Q1, Q2.end - dt.timedelta(days=1)).is_empty()
    known = closed_outcomes(outcomes, Q1, Q2.end)
    assert known.height == 29
    assert known["vintage"].unique().to_list() == ["2023Q1"]
    assert set(known.filter(pl.col("outcome") == "1")["firm_id"]) == world.DEFAULTS["2023Q1"]
    assert closed_outcomes(outcomes, Q2, Q2.end).is_empty()


def digests(tables, world, as_of):
    graph = corporate_graph(tables, world.portfolio(), as_of)
    labels = {
        vintage: sorted(closed_outcomes(tables["outcomes"], vintage, as_of).iter_rows()) for vintage in (Q1, Q2, Q3)
    }
    return part_digests(graph), labels


@given(st.data())
def test_a_row_published_later_changes_no_feature_edge_or_label(world, data):
    as_of = data.draw(st.sampled_from([Q1.end, dt.date(2023, 4, 15), Q2.end, Q3.end]))
    tables = world.admitted_tables()
    before = digests(tables, world, as_of)
    firm = st.sampled_from([*world.FIRMS, "new"])
    later = st.dates(as_of + dt.timedelta(days=1), as_of + dt.timedelta(days=900))
    number = st.floats(-1e6, 1e6)
    new = {
        "firms": {"firm_id": firm, "industry": st.sampled_from(["steel", "trade"]), "region": st.just("rural")},
        "relations:supply": {"source": firm, "target": firm, "weight": st.floats(0, 1e6)},
        "relations:ownership": {"source": firm, "target": firm, "weight": st.floats(0, 1)},
        "filings": {
            "firm_id": firm,
            "period": st.sampled_from(["2022Q4", "2023Q1", "2030Q1"]),
            "assets": number,
            "debt": number,
            "profit": number,
        },
        "outcomes": {
            "firm_id": firm,
            "vintage": st.sampled_from(["2022Q4", "2023Q1", "2023Q2", "2023Q3"]),
            "outcome": st.sampled_from(["0", "1"]),
        },
    }
    for name, columns in new.items():
        row = {column: data.draw(values) for column, values in columns.items()}
        row["published_on"] = data.draw(later)
        added = pl.DataFrame([row], schema={column: tables[name].schema[column] for column in row})
        tables[name] = pl.concat([tables[name], added], how="diagonal")
    assert digests(tables, world, as_of) == before


@given(st.sampled_from([Q1, Q2, Q3]))
def test_a_row_that_ended_by_the_day_changes_nothing_either(world, quarter):
    tables = world.admitted_tables()
    before = digests(tables, world, quarter.end)
    ended = pl.DataFrame(
        {
            "source": ["a1"],
            "target": ["d1"],
            "weight": [9.0],
            "published_on": [world.BEGINNING],
            "valid_until": [quarter.end],
        }
    )
    tables["relations:supply"] = pl.concat([tables["relations:supply"], ended], how="diagonal")
    assert digests(tables, world, quarter.end) == before


def test_what_is_published_on_the_day_itself_does_count(world):
    tables = world.admitted_tables()
    before, _ = digests(tables, world, Q1.end)
    tables["filings"] = tables["filings"].with_columns(
        published_on=pl.when(pl.col("firm_id") == world.LATE).then(pl.lit(Q1.end)).otherwise("published_on")
    )
    after, _ = digests(tables, world, Q1.end)
    assert {part for part in before if before[part] != after[part]} == {"features"}
