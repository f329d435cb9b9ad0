"""Boosting: every setting acts, validation only stops it, and the text is the model."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from models.boosting import fit_boosting
from schemas.candidates import LightGBMSpec
from schemas.specs import TrainingSpec

QUICK = {"rounds": 60, "patience": 60, "least_rows_a_leaf": 5}


def spec(**settings):
    return LightGBMSpec(name="trees", kind="lightgbm", **(QUICK | settings))


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_of_every_class_and_sum_to_one(graphs, classes):
    data = graphs.learnable(classes=classes)
    found = fit_boosting(spec(), data).probabilities(data.graph)
    assert found.shape == (120, classes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()


def test_it_learns_what_can_be_learnt(graphs):
    data = graphs.learnable(firms=400)
    found = fit_boosting(spec(), data).probabilities(data.graph)
    rows = data.validation
    assert roc_auc_score(data.truth[rows], found[rows, 1]) > 0.75


def test_the_kept_round_is_the_one_with_the_least_validation_loss(graphs):
    data = graphs.learnable()
    rows = data.validation

    def loss(rounds):
        fitted = fit_boosting(spec(rounds=rounds, patience=200, learning_rate=0.3), data)
        return fitted.notes["best round"], log_loss(data.truth[rows], fitted.probabilities(data.graph)[rows, 1])

    best, least = loss(60)
    assert best < 60
    assert all(loss(rounds)[1] >= least - 1e-9 for rounds in (1, best // 2 or 1, best + 5))
    assert loss(best) == (best, pytest.approx(least))


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 2},
        {"learning_rate": 0.5},
        {"leaves": 2},
        {"least_rows_a_leaf": 30},
        {"column_share": 0.4},
        {"row_share": 0.5},
        {"penalty": 50.0},
        {"features": "neighbour"},
    ],
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable()
    one, other = (fit_boosting(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-4


def test_patience_acts(graphs):
    data = graphs.learnable(seed=3)
    impatient, patient = (
        fit_boosting(spec(patience=patience, rounds=300, learning_rate=0.3), data).notes["best round"]
        for patience in (1, 300)
    )
    assert impatient < patient


def test_the_seed_acts(graphs):
    data = graphs.learnable()
    other = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    one, two = (fit_boosting(spec(row_share=0.5), some).probabilities(data.graph) for some in (data, other))
    assert np.abs(one - two).max() > 1e-4


def test_a_booster_with_one_class_missing_in_development_still_has_its_column(graphs):
    data = graphs.without_class(graphs.learnable(classes=3), 1)
    found = fit_boosting(spec(), data).probabilities(data.graph)
    assert found.shape == (120, 3)
    assert found[:, 1].max() < 0.05
