"""Reading is strict: a value is what the contract says, or it is reported; nothing is coerced."""

import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parsing import parsed
from schemas.errors import DeliveryError
from schemas.terms import Kind, Quarter

NO_NUMBERS = ["", "NA", "nan", "NaN", "inf", "-Infinity", "1e400", "1,5", "1.000,5", "1_000", "0x10", " 5", "5 ", "5\n"]
NO_NUMBERS += ["1e", ".", "e5", "--5", "12a", "½", "١٢", "1e٣", "５"]


def read(values, kind):
    """Return what a column is read as and the texts that could not be read."""
    found = parsed(pl.DataFrame({"x": values}), {"x": kind}, table="t")
    return found.rows["x"].to_list(), found.unread["value"].to_list()


@pytest.mark.parametrize("text", ["00123", "NA", "1e5", "null", "", " a ", "-0", "None", "Zürich", "2024Q4"])
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.CATEGORY])
def test_an_id_stays_the_text_it_is(text, kind):
    assert read([text], kind) == ([text], [])


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7.0), ("+5", 5.0), ("-5", -5.0), ("007", 7.0), (".5", 0.5), ("5.", 5.0), ("1e5", 1e5), ("+.5E+3", 500.0)],
)
def test_a_number_is_read_in_its_usual_spellings(text, number):
    assert read([text], Kind.NUMBER) == ([number], [])


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_not_wholly_a_finite_number_is_reported(text):
    assert read(["1", text], Kind.NUMBER) == ([1.0, None], [text])


@pytest.mark.parametrize("text", ["2.5", "2.0", "1e3", "", "NA", "1234567890123456789", " 2", "١٢"])
def test_what_is_not_wholly_a_whole_number_is_reported(text):
    assert read([text, "-12"], Kind.INTEGER) == ([None, -12], [text])


def test_two_and_a_half_is_never_two():
    assert read([2.0, 2.5, None], Kind.INTEGER) == ([2, None, None], ["2.5"])


def test_a_missing_float_is_missing_and_an_infinite_one_is_reported():
    values = [1.5, math.nan, None, math.inf, -math.inf]
    assert read(values, Kind.NUMBER) == ([1.5, None, None, None, None], ["inf", "-inf"])
    assert read(values[1:], Kind.INTEGER) == ([None, None, None, None], ["inf", "-inf"])


def test_a_whole_number_too_large_for_a_column_is_reported_not_wrapped():
    assert read([2.0**53], Kind.INTEGER)[0] == [None]
    assert read(pl.Series([2**63], dtype=pl.UInt64), Kind.INTEGER) == ([None], [str(2**63)])


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2023-02-29", "2024-2-3", "31.12.2024", "2024/12/31", "2024-12-31 00:00", "0000-01-01", "NA", ""],
)
def test_what_is_no_day_of_the_calendar_is_reported(text):
    assert read([text, "2024-02-29"], Kind.DATE) == ([None, dt.date(2024, 2, 29)], [text])


def test_the_usual_end_of_time_is_a_date():
    assert read(["9999-12-31"], Kind.DATE) == ([dt.date(9999, 12, 31)], [])


def test_a_moment_is_a_date_only_at_midnight():
    moments = [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 5)]
    days, unread = read(moments, Kind.DATE)
    assert days == [dt.date(2024, 1, 1), None]
    assert len(unread) == 1
    assert read([dt.date(2024, 1, 1)], Kind.DATE) == ([dt.date(2024, 1, 1)], [])


def test_a_quarter_is_read_with_or_without_a_dash():
    assert read(["2024Q4", "2024-Q4"], Kind.QUARTER) == (["2024Q4", "2024Q4"], [])


@pytest.mark.parametrize("text", ["2024q4", "2024Q5", "2024", " 2024Q4", "1066Q1", "2200Q1", "２０２４Q1"])
def test_what_no_other_part_would_take_for_a_quarter_is_reported(text):
    assert read([text], Kind.QUARTER) == ([None], [text])


@pytest.mark.parametrize("series", [pl.Series(["a", None], dtype=pl.Categorical), pl.Series(["a", None])])
def test_categorical_columns_are_texts(series):
    assert read(series, Kind.CATEGORY) == (["a", None], [])


def test_whole_numbers_and_booleans_are_texts_where_a_text_is_expected():
    assert read([7, None], Kind.TEXT) == (["7", None], [])
    assert read([True, False], Kind.CATEGORY) == (["true", "false"], [])


@pytest.mark.parametrize("kind", list(Kind))
def test_a_column_without_any_value_is_read_as_missing(kind):
    assert read([None, None], kind) == ([None, None], [])
    assert read(pl.Series([], dtype=pl.String), kind) == ([], [])


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([True], Kind.NUMBER, "Boolean, such as True"),
        ([True], Kind.INTEGER, "Boolean, such as True"),
        ([dt.date(2024, 1, 1)], Kind.NUMBER, "Date, such as 2024-01-01"),
        ([1.5], Kind.TEXT, "Float64, such as 1.5"),
        ([20241231], Kind.DATE, "Int64, such as 20241231"),
        ([1, 2, 3, 4], Kind.QUARTER, "Int64, such as 1, 2, 3"),
        (pl.Series(["1"], dtype=pl.Categorical), Kind.NUMBER, "Categorical, such as 1"),
    ],
)
def test_a_stored_type_that_can_never_be_right_is_an_error(values, kind, found):
    with pytest.raises(DeliveryError) as error:
        read(values, kind)
    assert error.value.problem == "Table t, column 'x' has the wrong type."
    assert error.value.found == found


def test_each_unread_cell_is_named_with_its_position_and_rule():
    raw = pl.DataFrame({"other": ["p", "q", "r"], "x": ["1", "NA", "2"], "day": ["2024-01-01", "x", "y"]})
    found = parsed(raw, {"x": Kind.NUMBER, "day": Kind.DATE}, table="t")
    assert found.unread.rows() == [
        (1, "x", "is a finite number", "NA"),
        (1, "day", "is a date such as 2024-12-31", "x"),
        (2, "day", "is a date such as 2024-12-31", "y"),
    ]
    assert found.rows["other"].to_list() == ["p", "q", "r"], "columns that nobody named pass through"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_number_written_and_read_is_the_same(number):
    assert read([repr(number)], Kind.NUMBER) == ([number], [])


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_a_whole_number_written_and_read_is_the_same(number):
    assert read([str(number)], Kind.INTEGER) == ([number], [])


@given(st.dates(dt.date(1000, 1, 1)))
def test_a_day_written_and_read_is_the_same(day):
    assert read([day.isoformat()], Kind.DATE) == ([day], [])


@given(st.integers(1900, 2199), st.integers(1, 4))
def test_a_quarter_written_and_read_is_the_same(year, number):
    assert read([str(Quarter(year, number))], Kind.QUARTER) == ([str(Quarter(year, number))], [])


@given(st.text())
def test_any_text_stays_itself_or_is_reported_but_never_breaks_the_reading(text):
    assert read([text], Kind.TEXT) == ([text], [])
    for kind in (Kind.NUMBER, Kind.INTEGER, Kind.DATE, Kind.QUARTER):
        value, unread = read([text], kind)
        assert (value[0] is None) == (unread == [text])


@given(st.text(alphabet="0123456789.eE+-١٢５ ", max_size=8))
def test_python_agrees_on_every_number_that_is_read(text):
    value, _ = read([text], Kind.NUMBER)
    if value[0] is not None:
        assert float(text) == value[0]
