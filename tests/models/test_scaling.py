"""Inputs are made complete and comparable with constants of the development rows alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from models.scaling import Scaling

NAN = np.nan


def test_a_small_example_by_hand():
    rows = np.array([[1.0, 10.0], [3.0, NAN], [5.0, 30.0]])
    scaling = Scaling.fitted(rows)
    assert scaling.median.tolist() == [3.0, 20.0]
    assert scaling.mean.tolist() == [3.0, 20.0]
    assert scaling.flagged.tolist() == [1]
    deviation = np.sqrt(8 / 3)
    np.testing.assert_allclose(
        scaling.applied(rows),
        [[-2 / deviation, -10 / (10 * np.sqrt(2 / 3)), 0], [0, 0, 1], [2 / deviation, 10 / (10 * np.sqrt(2 / 3)), 0]],
    )


def test_it_is_what_scikit_learn_does():
    rng = np.random.default_rng(0)
    rows = np.where(rng.random((50, 4)) < 0.2, NAN, rng.normal(3, 2, size=(50, 4)))
    filled = SimpleImputer(strategy="median", add_indicator=True).fit_transform(rows)
    expected = np.hstack([StandardScaler().fit_transform(filled[:, :4]), filled[:, 4:]])
    np.testing.assert_allclose(Scaling.fitted(rows).applied(rows), expected)


def test_rows_seen_later_do_not_move_the_constants():
    scaling = Scaling.fitted(np.array([[0.0], [2.0]]))
    np.testing.assert_allclose(scaling.applied(np.array([[1.0], [4.0], [NAN]])), [[0.0], [3.0], [0.0]])


def test_a_constant_or_empty_column_becomes_zero():
    rows = np.array([[5.0, NAN], [5.0, NAN]])
    scaling = Scaling.fitted(rows)
    assert scaling.applied(rows).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert scaling.flagged.tolist() == [], "a column that was always missing tells nothing by being missing"


def test_an_absurd_value_is_cut():
    scaling = Scaling.fitted(np.array([[0.0], [2.0]]))
    assert scaling.applied(np.array([[1e12], [-1e12]])).tolist() == [[8.0], [-8.0]]


def test_constants_come_back_from_their_tensors():
    rows = np.array([[1.0, NAN], [2.0, 4.0], [9.0, 5.0]])
    scaling = Scaling.fitted(rows)
    again = Scaling.from_tensors(scaling.tensors())
    np.testing.assert_array_equal(again.applied(rows), scaling.applied(rows))
    assert again.flagged.dtype == np.int64


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 8), st.integers(1, 4)),
        elements=st.one_of(st.just(NAN), st.floats(-1e6, 1e6)),
    )
)
def test_what_comes_out_is_complete_and_bounded(rows):
    applied = Scaling.fitted(rows).applied(rows)
    assert np.isfinite(applied).all()
    assert np.abs(applied).max() <= 8
    assert applied.shape[0] == rows.shape[0]


@given(st.floats(0.1, 100), st.floats(-100, 100))
def test_units_do_not_matter(factor, shift):
    rows = np.array([[1.0], [2.0], [4.0], [NAN]])
    one = Scaling.fitted(rows).applied(rows)
    other = Scaling.fitted(rows * factor + shift).applied(rows * factor + shift)
    assert other == pytest.approx(one, abs=1e-6)


def test_logarithms_draw_in_the_tails_and_keep_sign_order_and_gaps():
    rows = np.array([[-99.0], [0.0], [NAN], [9.0], [999_999.0]])
    scaling = Scaling.fitted(rows, logarithmic=True)
    by_hand = np.array([-np.log(100.0), 0.0, np.nan, np.log(10.0), np.log(1e6)])[:, None]
    np.testing.assert_allclose(scaling.applied(rows), Scaling.fitted(by_hand).applied(by_hand))
    again = Scaling.from_tensors(scaling.tensors())
    np.testing.assert_array_equal(again.applied(rows), scaling.applied(rows))
    assert np.ptp(Scaling.fitted(rows).applied(rows)[:4, 0]) < 0.01, "without them one amount hides all others"
