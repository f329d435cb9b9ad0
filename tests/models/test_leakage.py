"""The leakage gap shows when a random split would have flattered, and is small when it would not."""

import dataclasses

import numpy as np
import pytest

from models.leakage import LeakageRows, leakage_gap
from schemas.specs import TrainingSpec

TRAINING = TrainingSpec(threads=1)


def rows_of(graphs, *, copied, seed=0, communities=60, size=10):
    """Return firms of one community that share their label (`copied`), or each its own.

    A firm's first feature is its community's place on a line: it says nothing of a community that was
    never seen, and everything of one whose other firms were. The second feature is honest evidence.
    """
    rng = np.random.default_rng(seed)
    count = communities * size
    member = np.repeat(np.arange(communities), size)
    shared = (rng.random(communities) < 0.5).astype(np.int64)[member]
    truth = shared if copied else (rng.random(count) < 0.5).astype(np.int64)
    place = rng.normal(size=communities)[member] + rng.normal(scale=1e-4, size=count)
    honest = truth + rng.normal(scale=1.5, size=count)
    firms = [f"f{number:04d}" for number in range(count)]
    edges = [(firms[n], firms[n + 1]) for n in range(count - 1) if member[n] == member[n + 1]]
    graph = graphs.graph_of(firms, {"supply": edges}, np.stack([place, honest], axis=1))
    return LeakageRows(
        graph=graph,
        truth=truth,
        usable=np.ones(count, dtype=bool),
        held_communities=np.isin(member, rng.permutation(communities)[: communities // 4]),
        firms=np.array(firms),
        communities=np.array([f"c{group:02d}" for group in member]),
    )


def test_the_gap_is_large_where_labels_are_copied_within_a_community(graphs):
    gap = leakage_gap(rows_of(graphs, copied=True), TRAINING, draws=100)
    assert gap.value > 0.15
    assert 0 < gap.low <= gap.value <= gap.high


def test_the_gap_is_near_nothing_where_firms_stand_for_themselves(graphs):
    gap = leakage_gap(rows_of(graphs, copied=False), TRAINING, draws=100)
    assert abs(gap.value) < 0.1
    assert gap.low < 0 < gap.high


def test_the_same_twice_is_the_same_and_the_seed_acts(graphs):
    rows = rows_of(graphs, copied=True, communities=20)
    first = leakage_gap(rows, TRAINING, draws=40)
    assert leakage_gap(rows, TRAINING, draws=40) == first
    assert leakage_gap(rows, TrainingSpec(threads=1, seed=5), draws=40) != first


def test_rows_that_cannot_be_used_do_not_matter(graphs):
    rows = rows_of(graphs, copied=True, communities=20)
    usable = rows.usable.copy()
    usable[::7] = False
    masked = np.where(usable, rows.truth, -1)
    one, other = (
        leakage_gap(dataclasses.replace(rows, usable=usable, truth=truth), TRAINING, draws=40)
        for truth in (rows.truth, masked)
    )
    assert one == other


def test_a_sample_of_one_class_has_no_gap(graphs):
    rows = rows_of(graphs, copied=True, communities=20)
    truth = np.where(rows.held_communities, 0, rows.truth)
    gap = leakage_gap(dataclasses.replace(rows, truth=truth), TRAINING, draws=40)
    assert (gap.value, gap.low, gap.high) == (None, None, None)


@pytest.mark.parametrize("classes", [3])
def test_several_classes_are_compared_too(graphs, classes):
    rows = rows_of(graphs, copied=True, communities=30)
    truth = (rows.truth + np.unique(rows.communities, return_inverse=True)[1] % 2).astype(np.int64)
    assert truth.max() == classes - 1
    assert leakage_gap(dataclasses.replace(rows, truth=truth), TRAINING, draws=40).value is not None
