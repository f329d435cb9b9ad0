"""Tails: shares that fall, and nothing of the far end cut off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tails import POINTS, tail


def test_shares_counted_by_hand():
    found = tail("partners", np.array([0, 0, 1, 1, 3, 9, 0, 0]))
    assert found.name == "partners"
    assert found.values == (1, 3, 9)
    assert found.shares == (0.5, 0.25, 0.125)


def test_nothing_but_zeros_has_no_tail():
    assert tail("partners", np.zeros(4)).values == ()
    assert tail("partners", np.array([])).shares == ()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300))
def test_every_share_is_that_of_the_values_that_reach_it(values):
    found = tail("x", np.array(values))
    assert len(found.values) <= POINTS
    assert list(found.values) == sorted(set(found.values))
    for value, share in zip(found.values, found.shares, strict=True):
        assert share == pytest.approx(np.mean(np.array(values) >= value))
    if max(values) > 0:
        assert found.values[-1] == max(values)
        assert found.values[0] == min(value for value in values if value)


def test_a_long_tail_is_thinned_evenly_on_a_logarithmic_axis():
    found = tail("x", np.arange(1, 100_001))
    assert 40 <= len(found.values) <= POINTS
    steps = np.diff(np.log(found.values[10:]))
    assert steps.max() < 2.5 * steps.min()
