"""A simple model wins ties, and only validation decides."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.selection import SampleRows, best_of, simplest_not_worse

SETTINGS = {"draws": 200, "seed": 0}


def contest(*, unlike=True, **skills):
    """Return rows on which each candidate separates the classes with its skill; unlike ones err each in its way."""
    rng = np.random.default_rng(1)
    truth = (rng.random(600) < 0.3).astype(np.int64)
    noise = rng.normal(size=600)
    probabilities = {}
    for name, skill in skills.items():
        own = rng.normal(scale=0.3, size=600) if unlike else 0.0
        positive = 1 / (1 + np.exp(-(skill * (2 * truth - 1) + noise + own)))
        probabilities[name] = np.stack([1 - positive, positive], axis=1)
    rows = SampleRows(truth, np.repeat(np.arange(60), 10).astype(np.str_), probabilities)
    auc = {name: roc_auc_score(truth, found[:, 1]) for name, found in probabilities.items()}
    return rows, auc


@pytest.mark.parametrize(
    ("auc", "best"),
    [
        ({"a": 0.7, "b": 0.8, "c": 0.75}, "b"),
        ({"a": 0.8, "b": 0.8, "c": 0.8}, "a"),
        ({"a": None, "b": 0.1, "c": None}, "b"),
        ({"a": None, "b": None, "c": None}, "a"),
    ],
)
def test_the_best_has_the_highest_auc_and_the_earlier_one_wins_ties(auc, best):
    assert best_of(["a", "b", "c"], auc) == best


def test_a_simpler_candidate_that_is_not_significantly_worse_is_chosen():
    rows, auc = contest(poor=0.1, simple=0.80, best=0.82)
    assert auc["best"] > auc["simple"]
    choice = simplest_not_worse(list(auc), auc, rows, **SETTINGS)
    assert (choice.chosen, choice.best) == ("simple", "best")
    assert choice.reason.startswith(
        "best has the highest AUC on validation; simple is simpler and not significantly worse (difference 0.0"
    )


def test_a_significantly_better_candidate_is_chosen_however_complex():
    rows, auc = contest(poor=0.1, simple=0.5, best=1.5)
    choice = simplest_not_worse(list(auc), auc, rows, **SETTINGS)
    assert (choice.chosen, choice.best) == ("best", "best")
    assert choice.reason.endswith("every simpler candidate is significantly worse.")


def test_equal_candidates_go_to_the_simplest():
    rows, auc = contest(unlike=False, first=1.0, second=1.0, third=1.0)
    assert simplest_not_worse(list(auc), auc, rows, **SETTINGS).chosen == "first"


def test_a_more_complex_candidate_is_never_chosen_over_the_best():
    rows, auc = contest(best=1.0, complex=0.99)
    choice = simplest_not_worse(list(auc), auc, rows, **SETTINGS)
    assert (choice.chosen, choice.best) == ("best", "best")


def test_the_order_of_the_portfolio_is_the_order_of_simplicity():
    rows, auc = contest(one=0.80, other=0.80)
    assert simplest_not_worse(["one", "other"], auc, rows, **SETTINGS).chosen == "one"
    assert simplest_not_worse(["other", "one"], auc, rows, **SETTINGS).chosen == "other"


def test_the_difference_is_challenger_minus_baseline():
    rows, auc = contest(weak=0.2, strong=1.0)
    difference = rows.auc_difference("strong", "weak", **SETTINGS)
    assert difference.value == pytest.approx(auc["strong"] - auc["weak"])
    assert 0 < difference.low < difference.value < difference.high
    assert rows.auc_difference("weak", "strong", **SETTINGS).value == pytest.approx(-difference.value)
