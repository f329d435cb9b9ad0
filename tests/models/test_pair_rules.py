"""Rules about rows that speak of other rows: held against what was known on the day, never against later rows."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pair_rules import excess_shares, reversed_rows

D1, D2, D3 = dt.date(2023, 1, 1), dt.date(2023, 4, 1), dt.date(2023, 7, 1)
SCHEMA = {
    "source": pl.String,
    "target": pl.String,
    "weight": pl.Float64,
    "published_on": pl.Date,
    "valid_until": pl.Date,
}
day = st.sampled_from([D1, D2, D3])
rows = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("xyz"),
        st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]),
        day,
        st.none() | st.just(dt.date(2023, 6, 1)) | st.just(dt.date(2024, 1, 1)),
    ).filter(lambda row: row[4] is None or row[4] > row[3]),
    max_size=14,
)


def table(values):
    frame = pl.DataFrame(values, schema=SCHEMA, orient="row")
    return frame.with_row_index("row", offset=1).with_columns(
        pl.col("row").cast(pl.Int64), delivered=pl.lit(None, pl.String)
    )


def numbers(found):
    return sorted(found["row"].to_list())


def test_shares_up_to_the_limit_are_kept_and_beyond_it_set_aside_with_the_total():
    shares = [("a", "x", 0.6), ("b", "x", 0.4), ("a", "y", 0.7), ("b", "y", 0.6)]
    found = excess_shares(table([(*share, D1, None) for share in shares]), 1.0)
    assert found.rows() == [(3, None, "y: 1.3 in total"), (4, None, "y: 1.3 in total")]


def test_rounding_of_shares_is_forgiven():
    thirds = [(owner, "x", 1 / 3 + 1e-8, D1, None) for owner in "abc"]
    assert excess_shares(table(thirds), 1.0).is_empty()
    assert numbers(excess_shares(table(thirds), 0.99)) == [1, 2, 3]


def test_the_day_that_goes_beyond_the_limit_loses_its_rows_and_earlier_ones_stay():
    found = excess_shares(table([("a", "x", 0.6, D1, None), ("b", "x", 0.6, D2, None), ("c", "x", 0.4, D3, None)]), 1.0)
    assert numbers(found) == [2], "what was set aside does not count against the later 40 %"


def test_a_share_that_was_sold_does_not_count_any_more():
    assert excess_shares(table([("a", "x", 1.0, D1, D2), ("b", "x", 1.0, D2, None)]), 1.0).is_empty()
    assert numbers(excess_shares(table([("a", "x", 1.0, D1, D3), ("b", "x", 1.0, D2, None)]), 1.0)) == [2]


@given(rows)
def test_no_day_has_more_than_the_limit_of_what_is_kept(values):
    frame = table(values)
    kept = frame.filter(~pl.col("row").is_in(numbers(excess_shares(frame, 1.0))))
    for moment in (D1, D2, D3):
        known = kept.filter(
            (pl.col("published_on") <= moment) & (pl.col("valid_until").is_null() | (pl.col("valid_until") > moment))
        )
        assert all(total <= 1 + 1e-6 for total in known.group_by("target").agg(pl.sum("weight"))["weight"])


@given(rows, rows, st.sampled_from([excess_shares, reversed_rows]))
def test_rows_published_later_change_nothing_earlier(values, more, rule):
    early = [row for row in values if row[3] < D3]
    late = [(*row[:3], D3, None) for row in more]
    judge = (lambda frame: rule(frame, 1.0)) if rule is excess_shares else rule
    before = numbers(judge(table(early)))
    after = [row for row in numbers(judge(table([*early, *late]))) if row <= len(early)]
    assert before == after


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([("a", "b", 1.0, D1, None), ("b", "a", 1.0, D1, None)], [1, 2]),
        ([("a", "b", 1.0, D1, None), ("b", "a", 1.0, D2, None)], [2]),
        ([("a", "b", 1.0, D1, D2), ("b", "a", 1.0, D2, None)], []),
        ([("a", "b", 1.0, D1, None), ("b", "c", 1.0, D1, None)], []),
        ([("a", "a", 1.0, D1, None)], []),
    ],
)
def test_a_row_that_reverses_one_that_holds_is_found(values, expected):
    found = reversed_rows(table(values))
    assert numbers(found) == expected
    if expected:
        assert {*found.filter(pl.col("row") == 2)["value"]} == {"b, a"}
