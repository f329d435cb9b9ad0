"""Maps never fall, stay within [0, 1], and leave alone what is calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from models.calibration_maps import LogOddsMap, beta_map, fitted_map, isotonic_map, restored_map
from schemas.tabular import Calibration

METHODS = [Calibration.PLATT, Calibration.ISOTONIC, Calibration.BETA]
GRID = np.linspace(0, 1, 201)


def outcomes(probability, seed=0):
    return np.random.default_rng(seed).random(len(probability)) < probability


@pytest.mark.parametrize("method", METHODS)
@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
)
def test_a_map_never_falls_and_stays_between_zero_and_one(method, rows):
    probability, positive = (np.array(each) for each in zip(*rows, strict=True))
    found = fitted_map(method, probability, positive)(GRID)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (np.diff(found) >= -1e-12).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_calibrated_is_left_nearly_alone(method):
    probability = np.random.default_rng(1).beta(2, 5, size=20_000)
    found = fitted_map(method, probability, outcomes(probability))
    inner = np.linspace(0.05, 0.7, 50)
    assert np.abs(found(inner) - inner).mean() < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_a_distortion_is_undone(method):
    probability = np.random.default_rng(2).uniform(0.02, 0.98, size=20_000)
    told = expit(3 * logit(probability) + 1)  # too sure, and too high
    found = fitted_map(method, told, outcomes(probability))(told)
    assert np.abs(found - probability).mean() < 0.015 < 0.1 < np.abs(told - probability).mean()


def test_beta_bends_the_two_ends_differently_where_platt_cannot():
    rng = np.random.default_rng(3)
    told = rng.uniform(0.01, 0.99, size=30_000)
    probability = LogOddsMap(0.2, 2.0, 0.5)(told)
    positive = outcomes(probability)
    beta, platt = (fitted_map(method, told, positive) for method in (Calibration.BETA, Calibration.PLATT))
    np.testing.assert_allclose([beta.a, beta.b, beta.c], [0.2, 2.0, 0.5], atol=0.15)
    assert np.abs(platt(told) - probability).mean() > 2 * np.abs(beta(told) - probability).mean()


def test_isotonic_by_hand():
    # Pools 0.4 and 0.5, which fell, to their mean; lines join the levels.
    found = isotonic_map(np.array([0.1, 0.4, 0.5, 0.9, 0.9]), np.array([False, True, False, True, True]))
    np.testing.assert_allclose(found(np.array([0.0, 0.1, 0.4, 0.45, 0.5, 0.9])), [1 / 7, 1 / 7, 0.5, 0.5, 0.5, 6 / 7])
    assert found(np.array([0.7]))[0] == pytest.approx((0.5 + 6 / 7) / 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("all_of_them", [True, False])
def test_one_class_alone_gives_no_infinite_constants(method, all_of_them):
    found = fitted_map(method, np.linspace(0.1, 0.9, 30), np.full(30, all_of_them))(GRID)
    assert np.isfinite(found).all()
    assert (found > 0.9).all() if all_of_them else (found < 0.1).all()


def test_separated_rows_give_finite_constants():
    probability = np.concatenate([np.full(20, 0.2), np.full(20, 0.8)])
    found = beta_map(probability, probability > 0.5)
    assert np.isfinite([found.a, found.b, found.c]).all()
    np.testing.assert_allclose(found(np.array([0.2, 0.8])), [1 / 22, 21 / 22], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_read_back_is_the_same(method):
    probability = np.random.default_rng(4).random(300)
    found = fitted_map(method, probability, outcomes(probability))
    np.testing.assert_array_equal(restored_map(found.tensors())(GRID), found(GRID))
