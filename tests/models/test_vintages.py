"""Which quarters a refresh learns from: the worked example, the embargo, and the ways it can be too early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vintages import rolling_origins, vintage_plan
from schemas.errors import NotEnoughData
from schemas.splits import SplitSpec
from schemas.terms import Quarter

YEARS = [Quarter(year, number) for year in range(2018, 2025) for number in range(1, 5)]


def texts(quarters):
    return [str(quarter) for quarter in quarters]


def test_the_worked_example_of_a_12_month_outcome():
    plan = vintage_plan(Quarter(2024, 4), 4, SplitSpec(development_vintages=4), YEARS)
    assert str(plan.out_of_time) == "2023Q4"
    assert texts(plan.development) == ["2022Q1", "2022Q2", "2022Q3", "2022Q4"]
    assert texts(plan.every) == ["2022Q1", "2022Q2", "2022Q3", "2022Q4", "2023Q4"]
    assert plan.reason == ""


def test_a_step_takes_every_other_vintage_back_from_the_newest():
    plan = vintage_plan(Quarter(2024, 4), 4, SplitSpec(development_vintages=3, vintage_step=2), YEARS)
    assert texts(plan.development) == ["2021Q4", "2022Q2", "2022Q4"]


def test_an_outcome_of_the_next_quarter_has_an_embargo_of_one_quarter():
    plan = vintage_plan(Quarter(2023, 3), 1, SplitSpec(development_vintages=2), YEARS)
    assert texts(plan.development) == ["2022Q4", "2023Q1"]
    assert str(plan.out_of_time) == "2023Q2"


def test_vintages_that_were_not_delivered_are_not_replaced():
    delivered = [quarter for quarter in YEARS if quarter != Quarter(2022, 3)]
    plan = vintage_plan(Quarter(2024, 4), 4, SplitSpec(development_vintages=4), delivered)
    assert texts(plan.development) == ["2022Q1", "2022Q2", "2022Q4"]


def test_one_closed_vintage_is_for_development_and_out_of_time_is_missing_with_its_reason():
    plan = vintage_plan(Quarter(2023, 2), 1, SplitSpec(), [Quarter(2023, 1), Quarter(2023, 2)])
    assert plan.development == (Quarter(2023, 1),)
    assert plan.out_of_time is None
    assert plan.reason == "only one closed vintage is clear of the label horizon"
    assert plan.every == (Quarter(2023, 1),)


def test_closed_vintages_within_one_horizon_of_each_other_give_no_out_of_time():
    plan = vintage_plan(Quarter(2023, 4), 4, SplitSpec(), [Quarter(2022, 2), Quarter(2022, 3), Quarter(2022, 4)])
    assert plan.development == (Quarter(2022, 4),)
    assert plan.out_of_time is None


def test_data_without_quarters_is_its_one_vintage():
    plan = vintage_plan(Quarter(2020, 2), 0, SplitSpec(), [])
    assert plan.development == (Quarter(2020, 2),)
    assert plan.out_of_time is None
    assert plan.reason == "the data has one quarter, which is treated as closed"


@pytest.mark.parametrize(("horizon", "quarters"), [(1, "1 quarter"), (4, "4 quarters")])
def test_a_quarter_before_any_outcome_is_an_error_that_says_which_would_do(horizon, quarters):
    with pytest.raises(NotEnoughData) as error:
        vintage_plan(Quarter(2018, 1), horizon, SplitSpec(), YEARS[:2])
    assert str(error.value) == (
        "No outcome is known by 2018Q1.\n"
        f"  expected: a delivered vintage of {Quarter(2018, 1).shifted(-horizon)} or earlier "
        f"(its outcome is published {quarters} later)\n"
        "  found: 2018Q1, 2018Q2\n"
        "  way out: refresh a later quarter, or deliver earlier ones"
    )


@given(
    st.sampled_from(YEARS),
    st.integers(1, 6),
    st.integers(1, 8),
    st.integers(1, 4),
    st.sets(st.sampled_from(YEARS), min_size=1),
)
def test_nothing_is_learnt_before_it_was_known(quarter, horizon, vintages, step, delivered):
    spec = SplitSpec(development_vintages=vintages, vintage_step=step)
    try:
        plan = vintage_plan(quarter, horizon, spec, delivered)
    except NotEnoughData:
        assert all(vintage.shifted(horizon) > quarter for vintage in delivered)
        return
    assert set(plan.every) <= delivered
    assert all(vintage.shifted(horizon) <= quarter for vintage in plan.every)
    assert list(plan.every) == sorted(set(plan.every))
    assert 1 <= len(plan.development) <= vintages
    if plan.out_of_time is not None:
        assert all(vintage.shifted(horizon) <= plan.out_of_time for vintage in plan.development)
        assert plan.out_of_time == max(v for v in delivered if v.shifted(horizon) <= quarter)


def test_the_worked_example_of_time_as_a_scheme():
    spec = SplitSpec(schemes=("temporal",), development_vintages=2, validation_vintages=2)
    plan = vintage_plan(Quarter(2024, 4), 4, spec, YEARS)
    assert texts(plan.development) == ["2022Q3", "2022Q4"]
    assert texts(plan.temporal.judged) == ["2022Q3", "2022Q4"]
    assert texts(plan.temporal.learnt) == ["2021Q2", "2021Q3"]
    assert texts(plan.every) == ["2021Q2", "2021Q3", "2022Q3", "2022Q4", "2023Q4"]


def test_origins_go_back_one_horizon_at_a_time():
    plan = vintage_plan(Quarter(2024, 4), 4, SplitSpec(development_vintages=2, origins=3), YEARS)
    assert [texts(window.judged) for window in plan.origins] == [["2023Q4"], ["2022Q4"], ["2021Q4"]]
    assert [texts(window.learnt) for window in plan.origins] == [
        ["2022Q3", "2022Q4"],
        ["2021Q3", "2021Q4"],
        ["2020Q3", "2020Q4"],
    ]


def test_origins_without_a_past_or_without_a_delivery_are_left_out():
    few = [quarter for quarter in YEARS[:10] if quarter != YEARS[7]]
    plan = vintage_plan(YEARS[10], 1, SplitSpec(origins=50), few)
    judged = [window.judged[0] for window in plan.origins]
    assert YEARS[7] not in judged
    assert judged[-1] == YEARS[1], "the first vintage has nothing to learn from"


def test_data_without_quarters_have_no_origins():
    assert rolling_origins([Quarter(2020, 1)], 0, SplitSpec(), 4) == ()


def test_without_a_wish_for_them_no_vintage_is_added():
    plain = vintage_plan(Quarter(2024, 4), 4, SplitSpec(), YEARS)
    assert (plain.temporal, plain.origins) == (None, ())
    assert plain.every == (*plain.development, plain.out_of_time)


@given(
    st.sampled_from(YEARS),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 5),
    st.sets(st.sampled_from(YEARS), min_size=1),
)
def test_origins_and_time_learn_nothing_before_it_was_known(quarter, horizon, vintages, step, origins, delivered):
    spec = SplitSpec(
        schemes=("community", "temporal"), development_vintages=vintages, vintage_step=step, origins=origins
    )
    try:
        plan = vintage_plan(quarter, horizon, spec, delivered)
    except NotEnoughData:
        return
    windows = [*plan.origins, *([plan.temporal] if plan.temporal else [])]
    assert all(learnt.shifted(horizon) <= min(w.judged) for w in windows for learnt in w.learnt)
    assert len(plan.origins) <= origins
    assert vintage_plan(quarter, horizon, spec, plan.every) == plan, "the chosen vintages are all that the plan needs"
