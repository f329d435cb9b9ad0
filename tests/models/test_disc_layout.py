"""Discs: never one over another, always in the same place, related ones nearer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.disc_layout import association_strength, disc_layout


def random_links(count, seed, density=0.5):
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.poisson(4, (count, count)) * (rng.random((count, count)) < density), 1)
    return (weights + weights.T).astype(float), np.sqrt(rng.pareto(1.2, count) * 10 + 2)


def distances(places):
    return np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))


@given(st.integers(1, 40), st.integers(0, 200), st.sampled_from([0.0, 0.1, 0.6, 1.0]))
def test_no_disc_lies_over_another_and_the_same_input_gives_the_same_places(count, seed, density):
    weights, radii = random_links(count, seed, density)
    places = disc_layout(weights, radii)
    assert np.isfinite(places).all()
    free = distances(places) - radii[:, None] - radii[None, :]
    assert free[~np.eye(count, dtype=bool)].min(initial=np.inf) > 0
    assert disc_layout(weights, radii).tolist() == places.tolist()


def test_discs_with_more_links_than_chance_lie_nearer():
    rng = np.random.default_rng(0)
    block = np.arange(24) % 3
    same = block[:, None] == block[None]
    weights = np.triu(rng.poisson(np.where(same, 20, 2)), 1).astype(float)
    apart = distances(disc_layout(weights + weights.T, 1 + rng.random(24)))
    assert apart[same & ~np.eye(24, dtype=bool)].mean() < 0.75 * apart[~same].mean()


def test_association_is_one_where_links_are_as_chance_has_them():
    degrees = np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.outer(degrees, degrees)
    assert association_strength(weights) == pytest.approx(association_strength(10 * weights))
    block = np.kron(np.eye(2), np.ones((2, 2)))
    assert association_strength(block).tolist() == [[0, 4, 0, 0], [4, 0, 0, 0], [0, 0, 0, 4], [0, 0, 4, 0]]
    assert association_strength(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_the_longest_axis_of_the_drawing_lies_flat_and_its_middle_at_the_origin():
    chain = np.diag(np.ones(9), 1)
    places = disc_layout(chain + chain.T, np.ones(10))
    wide, high = places.var(axis=0)
    assert wide > high
    assert np.cov(places.T)[0, 1] == pytest.approx(0, abs=1e-9)
    assert places.min(axis=0) + places.max(axis=0) == pytest.approx([0, 0], abs=1e-9)
