"""Folds hold groups together, are balanced for size and outcomes, and depend on nothing but the rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.folds import balanced_folds, hashed_folds


def rows_of(sizes, rate, seed=0):
    groups = np.repeat([f"g{number:03d}" for number in range(len(sizes))], sizes)
    rng = np.random.default_rng(seed)
    of_group = rng.beta(rate * 5, (1 - rate) * 5, size=len(sizes))
    return groups, (rng.random(len(groups)) < np.repeat(of_group, sizes)).astype(float)


def worst_rate(folds, outcomes):
    """Return by how much the rate of the worst fold differs from the rate of all."""
    rates = [outcomes[folds == fold].mean() for fold in np.unique(folds)]
    return max(abs(rate - outcomes.mean()) for rate in rates)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 6))
def test_groups_are_never_cut_and_every_fold_has_one(sizes, count):
    groups, outcomes = rows_of(sizes, 0.3)
    folds = balanced_folds(groups, outcomes, count)
    assert all(len(set(folds[groups == group])) == 1 for group in np.unique(groups))
    assert set(folds.tolist()) == set(range(min(count, len(sizes))))


@given(st.integers(0, 50))
def test_rates_and_sizes_are_no_worse_than_those_of_a_random_deal(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 40, size=40)
    groups, outcomes = rows_of(sizes, 0.2, seed)
    folds = balanced_folds(groups, outcomes, 5)
    at_random = []
    for _ in range(20):
        deal = rng.permutation(np.arange(40) % 5)
        at_random.append(worst_rate(np.repeat(deal, sizes), outcomes))
    assert worst_rate(folds, outcomes) <= np.median(at_random)
    assert np.ptp(np.bincount(folds)) <= sizes.max()


def test_the_order_of_rows_does_not_matter():
    groups, outcomes = rows_of([10, 7, 7, 3, 2, 2, 1], 0.3)
    order = np.random.default_rng(1).permutation(len(groups))
    np.testing.assert_array_equal(
        balanced_folds(groups, outcomes, 3)[order], balanced_folds(groups[order], outcomes[order], 3)
    )


def test_hashed_folds_are_stratified_and_the_seed_acts():
    keys = np.array([f"f{number}" for number in range(500)])
    outcomes = (np.arange(500) % 10 == 0).astype(np.int64)
    folds = hashed_folds(keys, outcomes, 5, seed=0)
    assert np.bincount(folds).tolist() == [100] * 5
    assert np.bincount(folds, weights=outcomes).tolist() == [10] * 5
    assert (hashed_folds(keys, outcomes, 5, seed=1) != folds).any()
    order = np.random.default_rng(1).permutation(500)
    np.testing.assert_array_equal(hashed_folds(keys[order], outcomes[order], 5, seed=0), folds[order])
