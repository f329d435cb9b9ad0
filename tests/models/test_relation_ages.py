"""How old the rows of a relation are, counted by hand."""

import datetime as dt

import polars as pl

from models.relation_ages import relation_age
from schemas.terms import Quarter

END = Quarter(2024, 2).end


def rows(*days, valid_until=None):
    dates = [END - dt.timedelta(days=day) for day in days]
    return pl.DataFrame(
        {"published_on": dates, "valid_until": valid_until or [None] * len(days)},
        schema={"published_on": pl.Date, "valid_until": pl.Date},
    )


def test_ages_count_from_the_end_of_the_quarter():
    found = relation_age("supply", rows(0, 90, 91, 400, 1000), Quarter(2024, 2), dated=True)
    assert (found.relation, found.rows, found.dated) == ("supply", 5, True)
    # The quarter has 91 days: its first is 90 days before its last.
    assert found.published_now == 2
    assert (found.newest, found.oldest) == (END, END - dt.timedelta(days=1000))
    assert (found.median_days, found.p90_days) == (91, 760)


def test_rows_that_are_not_known_yet_or_have_ended_do_not_count():
    found = relation_age("supply", rows(-1, 10, 20, valid_until=[None, END, None]), Quarter(2024, 2), dated=False)
    assert (found.rows, found.newest, found.dated) == (1, END - dt.timedelta(days=20), False)


def test_a_relation_without_rows_has_no_age():
    found = relation_age("supply", rows(), Quarter(2024, 2), dated=True)
    assert (found.rows, found.newest, found.oldest, found.median_days, found.p90_days) == (0, None, None, None, None)
    assert found.published_now == 0
