"""Boosting: every setting acts, validation only stops it, and the text is the model."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from models.boosting import fit_boosting, recency_weights
from models.corporate_graph import block_diagonal
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


def test_recency_weights_halve_by_the_half_life_and_have_mean_one():
    days = np.array(["2023-03-31", "2023-06-30", "2023-12-31"], dtype="datetime64[D]")
    found = recency_weights(days, 1.0)
    np.testing.assert_allclose(found / found[-1], [1 / 8, 1 / 4, 1])
    assert found.mean() == pytest.approx(1)
    np.testing.assert_array_equal(recency_weights(days[:1], 0.5), [1])


def test_the_half_life_decides_which_vintage_counts(graphs):
    """Two vintages whose outcomes contradict each other: a short half-life sides with the newer one."""
    newer = graphs.learnable(missing=0.0)
    older = dataclasses.replace(newer.graph, as_of=newer.graph.as_of.replace(year=newer.graph.as_of.year - 1))
    known = newer.truth >= 0
    flipped = np.where(known, 1 - newer.truth, -1)
    twice = [np.concatenate([rows, rows]) for rows in (newer.development, newer.communities)]
    data = dataclasses.replace(
        newer,
        graph=block_diagonal([older, newer.graph]),
        truth=np.where(twice[0], np.concatenate([flipped, newer.truth]), -1),
        development=twice[0],
        validation=np.zeros(len(twice[0]), dtype=bool),
        communities=twice[1],
    )
    alike, recent = (
        fit_boosting(spec(half_life_quarters=half_life), data).probabilities(newer.graph)[:, 1]
        for half_life in (None, 0.5)
    )
    rows = newer.development
    assert roc_auc_score(newer.truth[rows], recent[rows]) > 0.95
    assert roc_auc_score(newer.truth[rows], alike[rows]) < 0.9
