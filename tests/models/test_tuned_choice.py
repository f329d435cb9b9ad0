"""The search's best replaces what is in use only where it is significantly better."""

from __future__ import annotations

import numpy as np

from models.selection import SampleRows
from models.tuned_choice import tuned_choice


def contest(noise_of, rows=600, groups=30):
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=rows)
    communities = np.array([f"c{row % groups:02d}" for row in range(rows)])
    scores = {name: truth + rng.normal(scale=noise, size=rows) for name, noise in noise_of.items()}
    probabilities = {}
    for name, score in scores.items():
        second = (score - score.min()) / np.ptp(score)
        probabilities[name] = np.stack([1 - second, second], axis=1)
    return SampleRows(truth, communities, probabilities)


def auc_of(rows, names):
    from models.discrimination import point_scores

    return {name: point_scores(rows.truth, rows.probabilities[name], threshold=0.5)["auc"] for name in names}


def test_a_clearly_better_one_replaces_what_is_in_use():
    rows = contest({"simple": 1.0, "rich": 0.9, "tuned": 0.3})
    found = tuned_choice(rows, auc_of(rows, ["simple", "rich"]), "tuned", draws=100, seed=0)
    assert found.improved
    assert found.difference.low > 0
    assert "significantly better" in found.reason


def test_a_little_better_is_not_enough():
    rows = contest({"simple": 1.0, "tuned": 0.98})
    found = tuned_choice(rows, auc_of(rows, ["simple"]), "tuned", draws=100, seed=0)
    assert not found.improved
    assert found.current == "simple"
    assert "simple stays" in found.reason


def test_without_a_trial_what_is_in_use_stays():
    rows = contest({"simple": 1.0, "rich": 1.0})
    found = tuned_choice(rows, auc_of(rows, ["simple", "rich"]), None, draws=50, seed=0)
    assert (found.current, found.improved, found.difference.value) == ("simple", False, None)


def test_one_community_gives_no_interval_and_so_no_change():
    rows = contest({"simple": 2.0, "tuned": 0.1}, groups=1)
    found = tuned_choice(rows, auc_of(rows, ["simple"]), "tuned", draws=50, seed=0)
    assert not found.improved
    assert "no interval" in found.reason
