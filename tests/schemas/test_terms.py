"""Quarters: read strictly, ordered in time, and the same after a journey through JSON."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.base import Frozen
from schemas.errors import SettingsError
from schemas.terms import TEST_SAMPLES, Quarter, Sample

quarters = st.builds(Quarter, st.integers(1900, 2199), st.integers(1, 4))


class Holder(Frozen):
    quarter: Quarter


@pytest.mark.parametrize("text", ["2024Q4", "2024-Q4", "2024q4", " 2024Q4\n"])
def test_a_quarter_is_read_in_its_usual_spellings(text):
    assert Quarter.parse(text) == Quarter(2024, 4)


@pytest.mark.parametrize(
    "text", ["", "2024", "2024Q0", "2024Q5", "24Q1", "Q42024", "2024Q44", "2024 Q4", "1899Q4", "2200Q1", "2024--Q4"]
)
def test_what_is_no_quarter_is_refused_with_the_way_out(text):
    with pytest.raises(SettingsError) as refused:
        Quarter.parse(text)
    assert str(refused.value) == (
        f"{text!r} is not a quarter.\n  expected: a year and a quarter, such as 2024Q4\n  found: {text!r}"
    )


@given(quarters)
def test_a_quarter_written_and_read_is_the_same(quarter):
    assert Quarter.parse(str(quarter)) == quarter


@given(quarters)
def test_a_quarter_survives_json(quarter):
    held = Holder(quarter=quarter)
    assert held.model_dump(mode="json") == {"quarter": str(quarter)}
    assert Holder.model_validate_json(held.model_dump_json()) == held


@given(quarters, st.integers(-400, 400), st.integers(-400, 400))
def test_shifts_add_up(quarter, first, second):
    assert quarter.shifted(first).shifted(second) == quarter.shifted(first + second)


def test_shifts_cross_the_year():
    assert Quarter(2024, 4).shifted(1) == Quarter(2025, 1)
    assert Quarter(2024, 1).shifted(-1) == Quarter(2023, 4)
    assert Quarter(2024, 2).shifted(-7) == Quarter(2022, 3)


@given(quarters, quarters)
def test_quarters_are_ordered_as_their_first_days(one, other):
    assert (one < other) == (one.start < other.start)
    assert (one < other) == (str(one) < str(other))


@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)))
def test_every_day_lies_in_its_quarter(day):
    quarter = Quarter.of(day)
    assert quarter.start <= day <= quarter.end
    assert quarter.end + dt.timedelta(days=1) == quarter.shifted(1).start


def test_quarters_end_on_the_last_day_of_the_month():
    assert [Quarter(2024, n).end.isoformat()[5:] for n in range(1, 5)] == ["03-31", "06-30", "09-30", "12-31"]


def test_a_bad_quarter_in_a_specification_is_a_validation_error():
    with pytest.raises(ValidationError, match="'2024Q9' is not a quarter"):
        Holder(quarter="2024Q9")
    with pytest.raises(ValidationError, match="is not a quarter"):
        TypeAdapter(Quarter).validate_python(20241)


def test_the_samples_of_fitting_are_not_for_testing():
    assert set(TEST_SAMPLES) == set(Sample) - {Sample.DEVELOPMENT, Sample.VALIDATION, Sample.EXCLUDED}
