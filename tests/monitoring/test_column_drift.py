"""Columns against the earlier quarter: still where nothing moved, found where something did."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from monitoring.column_drift import CATEGORY_METHOD, NUMBER_METHOD, Columns, column_drifts

LABELS = ("timber", "steel", "trade")
HOSTILE = "<script>alert('x')</script>; DROP TABLE \"firms\"; {{ 7 * 7 }} \u202e\n,="


def columns(seed=0, *, rows=2000, shift=0.0, shares=(0.5, 0.3, 0.2), missing=0.0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(5 + 2 * shift, 2, size=rows)
    numbers[rng.random(rows) < missing] = np.nan
    codes = np.arange(rows) % 100
    codes = np.searchsorted(np.cumsum(shares) * 100, codes, side="right")
    return Columns({"profit": numbers}, {"industry": (codes.astype(np.int64), LABELS)})


def drifts(expected, actual, *, limit=0.1, rows=10**6):
    return {drift.column: drift for drift in column_drifts(expected, actual, limit=limit, rows=rows)}


def test_nothing_drifts_against_itself():
    same = columns(missing=0.1)
    for drift in drifts(same, same).values():
        assert drift.value == pytest.approx(0, abs=1e-9)
        assert not drift.drifted
        assert drift.limit == 0.1
        assert drift.histogram.expected == pytest.approx(drift.histogram.actual)


def test_another_draw_of_the_same_economy_does_not_drift():
    assert not any(drift.drifted for drift in drifts(columns(0), columns(1)).values())


def test_a_shift_by_a_third_of_a_deviation_is_found_in_its_column_only():
    found = drifts(columns(0), columns(1, shift=0.3))
    assert found["profit"].drifted
    assert not found["industry"].drifted


def test_a_numbers_drift_is_wassersteins_distance_in_deviations_of_the_earlier_quarter():
    expected, actual = columns(0), columns(1, shift=0.3)
    before, after = expected.numbers["profit"], actual.numbers["profit"]
    found = drifts(expected, actual)["profit"]
    assert found.method == NUMBER_METHOD
    assert found.value == pytest.approx(wasserstein_distance(before, after) / before.std(), rel=1e-6)
    assert found.value == pytest.approx(0.3, abs=0.08)


def test_a_categorys_drift_is_the_distance_of_jensen_and_shannon():
    found = drifts(columns(), columns(shares=(0.2, 0.3, 0.5)))
    assert found["industry"].method == CATEGORY_METHOD
    assert found["industry"].value == pytest.approx(jensenshannon([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]), rel=1e-6)
    assert found["industry"].drifted
    assert not found["profit"].drifted


def test_a_category_is_drawn_with_its_labels_and_shares():
    found = drifts(columns(), columns(shares=(0.2, 0.3, 0.5)))["industry"].histogram
    assert found.edges == LABELS
    assert found.expected == pytest.approx((0.5, 0.3, 0.2))
    assert found.actual == pytest.approx((0.2, 0.3, 0.5))


def test_a_missing_category_is_one_of_its_own():
    actual = columns()
    codes = actual.categories["industry"][0].copy()
    codes[::2] = -1
    found = drifts(columns(), dataclasses.replace(actual, categories={"industry": (codes, LABELS)}))["industry"]
    assert found.drifted
    assert found.histogram.edges == ("missing", *LABELS)
    assert found.histogram.actual[0] == pytest.approx(0.5)
    assert found.histogram.expected[0] == 0


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0])
def test_shares_of_a_histogram_sum_to_one(shift):
    for drift in drifts(columns(0, missing=0.2), columns(1, shift=shift)).values():
        assert sum(drift.histogram.expected) == pytest.approx(1)
        assert sum(drift.histogram.actual) == pytest.approx(1)
        assert len(drift.histogram.edges) == len(drift.histogram.expected) == len(drift.histogram.actual)


def test_the_limit_decides():
    found = drifts(columns(0), columns(1, shift=0.3), limit=0.5)["profit"]
    assert not found.drifted
    assert found.limit == 0.5


def test_missing_numbers_are_left_out_of_the_distance():
    expected = columns(0)
    actual = Columns({"profit": np.where(np.arange(2000) % 20 == 0, np.nan, expected.numbers["profit"])}, {})
    kept = actual.numbers["profit"][~np.isnan(actual.numbers["profit"])]
    before = expected.numbers["profit"]
    assert drifts(expected, actual)["profit"].value == pytest.approx(
        wasserstein_distance(before, kept) / before.std(), rel=1e-6
    )


@pytest.mark.parametrize("emptied", ["expected", "actual", "both"])
def test_a_column_without_any_value_has_no_distance(emptied):
    full, empty = columns(0), dataclasses.replace(columns(0), numbers={"profit": np.full(2000, np.nan)})
    expected = full if emptied == "actual" else empty
    actual = full if emptied == "expected" else empty
    found = drifts(expected, actual)
    assert (found["profit"].value, found["profit"].histogram) == (None if emptied == "both" else 1.0, None)
    assert found["profit"].drifted == (emptied != "both"), "to stop being delivered is drift"
    assert found["industry"].value == pytest.approx(0, abs=1e-9), "the other columns are compared all the same"


def test_with_no_column_to_compare_nothing_is_found():
    nothing = Columns({"profit": np.full(3, np.nan)}, {})
    assert [drift.value for drift in column_drifts(nothing, nothing, limit=0.1, rows=10)] == [None]
    assert column_drifts(Columns({}, {}), Columns({}, {}), limit=0.1, rows=10) == ()


def test_only_columns_of_both_quarters_are_compared_in_the_order_of_the_actual_one():
    old = Columns({"a": np.arange(50.0), "gone": np.arange(50.0)}, {})
    new = Columns({"new": np.arange(50.0), "a": np.arange(50.0)}, {})
    assert list(drifts(old, new)) == ["a"]
    both = Columns({"b": np.arange(50.0), "a": np.arange(50.0)}, {})
    assert list(drifts(Columns(dict(reversed(both.numbers.items())), {}), both)) == ["b", "a"]


def test_hostile_names_come_through_unharmed_and_unread():
    one = Columns(
        {HOSTILE: np.arange(200.0), "n0": np.arange(200.0)}, {"k0": (np.arange(200) % 2, (HOSTILE, "target"))}
    )
    other = Columns({HOSTILE: np.arange(200.0) * 2, "n0": np.arange(200.0)}, dict(one.categories))
    found = drifts(one, other)
    assert set(found) == {HOSTILE, "n0", "k0"}
    assert found[HOSTILE].drifted
    assert not found["n0"].drifted
    assert found["k0"].histogram.edges == (HOSTILE, "target")


def test_a_constant_column_and_one_of_few_values_are_numbers_too():
    one = Columns({"constant": np.ones(300), "few": np.arange(300) % 3.0}, {})
    found = drifts(one, one)
    assert [drift.value for drift in found.values()] == pytest.approx([0, 0])
    moved = drifts(one, Columns({"constant": np.full(300, 2.0), "few": np.arange(300) % 3.0}, {}))
    assert moved["constant"].drifted


def test_at_most_so_many_rows_are_compared_and_rows_stay_together():
    whole = Columns({"x": np.arange(1000.0)}, {"k": (np.arange(1000), ("v",) * 1000)})
    part = whole.sampled(100)
    assert len(part.numbers["x"]) == 100
    np.testing.assert_array_equal(part.numbers["x"], part.categories["k"][0])
    np.testing.assert_array_equal(part.numbers["x"], whole.sampled(100).numbers["x"])
    assert whole.sampled(1000) is whole


def test_a_column_that_stops_being_delivered_drifted():
    before = columns(0)
    gone = Columns({**before.numbers, "profit": np.full(2000, np.nan)}, before.categories)
    found = drifts(before, gone)["profit"]
    assert found.drifted
    assert found.value == 1.0
    assert found.method == "difference of missing shares"


def test_values_lost_at_random_are_drift_though_those_left_look_the_same():
    before = columns(0)
    lost = np.where(np.arange(2000) % 5 < 2, np.nan, before.numbers["profit"])
    found = drifts(before, Columns({**before.numbers, "profit": lost}, before.categories))["profit"]
    assert found.drifted
    assert found.value == pytest.approx(0.4)
