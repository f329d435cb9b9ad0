"""Random forests: class shares as probabilities, and every setting acts."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from models.forest import fit_forest
from schemas.candidates import RandomForestSpec
from schemas.specs import TrainingSpec


def spec(**settings):
    return RandomForestSpec(name="forest", kind="random_forest", **({"trees": 40} | settings))


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_what_can_be_learnt(graphs, classes):
    data = graphs.learnable(firms=400, classes=classes)
    found = fit_forest(spec(), data).probabilities(data.graph)
    rows = data.validation
    assert found.min() > 0
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert roc_auc_score(data.truth[rows] == classes - 1, found[rows, classes - 1]) > 0.75
    assert log_loss(data.truth[rows], found[rows]) < np.log(classes) - 0.1


def test_one_leaf_holds_the_class_share_of_development(graphs):
    data = graphs.learnable(firms=400)
    truth = np.where(data.truth >= 0, np.arange(400) % 4 == 0, -1).astype(np.int64)
    rare = dataclasses.replace(data, truth=truth)
    found = fit_forest(spec(trees=200, least_rows_a_leaf=10_000), rare).probabilities(data.graph)
    share = truth[data.development].mean()
    assert share < 0.45
    assert found[:, 1] == pytest.approx(share, abs=0.01)


def test_balanced_trees_give_probabilities_at_the_level_that_was_observed(graphs):
    data = graphs.learnable(firms=600)
    skewed = np.where(data.truth >= 0, data.truth * (np.arange(600) % 4 == 0), -1)
    data = dataclasses.replace(data, truth=skewed)
    found = fit_forest(spec(balanced=True, trees=100), data).probabilities(data.graph)
    share = skewed[data.development].mean()
    assert share < 0.2
    assert found[data.validation, 1].mean() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    "change",
    [
        {"trees": 2},
        {"leaves": 3},
        {"least_rows_a_leaf": 25},
        {"row_share": 0.3},
        {"column_share": 1.0},
        {"balanced": True},
        {"features": "neighbour"},
    ],
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable(seed=2)
    skewed = np.where(data.truth >= 0, data.truth * (np.arange(120) % 3 != 0), -1)
    data = dataclasses.replace(data, truth=skewed)
    one, other = (fit_forest(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-3


def test_the_seed_acts(graphs):
    data = graphs.learnable()
    other = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    one, two = (fit_forest(spec(), some).probabilities(data.graph) for some in (data, other))
    assert np.abs(one - two).max() > 1e-3
