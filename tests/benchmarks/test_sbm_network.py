"""The two-block network is the published one: draw 0 has the chapter's own numbers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.sbm_network import drawn


def test_draw_0_is_the_network_that_the_chapter_prints():
    """Printed there: 3,208 directed edges, default rates .300, .600 and .000, AUC .538 of a regression on features."""
    draw = drawn(0)
    edges = draw.data.graph.relations["supply"]
    assert (edges.edges, len(edges.indices)) == (1604, 3208)
    assert (draw.truth.mean(), draw.truth[150:].mean(), draw.truth[:150].mean()) == pytest.approx((0.3, 0.6, 0.0))
    features, fitted = draw.data.graph.features, draw.data.development
    model = LogisticRegression(max_iter=500).fit(features[fitted], draw.truth[fitted])
    found = roc_auc_score(draw.truth[draw.test], model.predict_proba(features[draw.test])[:, 1])
    assert round(found, 3) == 0.538


def test_the_oracle_is_the_mean_over_noise_and_beats_the_block_alone():
    draws = [drawn(number) for number in range(10)]
    block = np.repeat([0.0, 1.0], 150)
    oracle = np.mean([roc_auc_score(draw.truth, draw.oracle) for draw in draws])
    assert oracle > np.mean([roc_auc_score(draw.truth, block) for draw in draws]) + 0.03
    # Estimates that are right on average: Bayes' rule with the recipe's own numbers.
    assert np.mean([draw.oracle.mean() for draw in draws]) == pytest.approx(0.3, abs=0.01)


def test_outcomes_of_test_firms_are_hidden_from_fits():
    draw = drawn(3)
    assert (draw.data.truth[draw.test] == -1).all()
    assert (draw.data.development.sum(), draw.data.validation.sum(), draw.test.sum()) == (180, 60, 60)
