"""Explanations are held against their model: what is known to be right stands above chance, and chance does not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.explain.attribution import Edge, Feature, Method, Place, attribution
from models.explain.fidelity import (
    FLOOR,
    agreement,
    deletion_curve,
    insertion_curve,
    measured,
    random_attribution,
    sparsity,
    stability,
)
from models.explain.leave_one_out import leave_one_out
from models.explain.masks import gnn_explainer
from models.explain.opened import opened
from tests.models.explain.conftest import drawn_network


@dataclass(frozen=True)
class Sum:
    """A score that is the sum of what is kept: four edges and two features, worth 8, 4, 2, 1, .5 and 0."""

    firm: str = "a"
    edges: tuple = tuple(Edge("a", name, "supply", 0) for name in "bcde")
    features: tuple = (Feature("x", Place.OWN, 1.0), Feature("y", Place.NETWORK, 2.0))
    worth: tuple = (8.0, 4.0, 2.0, 1.0, 0.5, 0.0)

    def log_odds(self, edges=None, features=None):
        rows = len(edges) if edges is not None else len(features) if features is not None else 1
        edges = np.ones((rows, 4)) if edges is None else edges
        features = np.ones((rows, 2)) if features is None else features
        return np.concatenate([edges, features], axis=1) @ np.array(self.worth)


def told(weights, one=None):
    return attribution(one or Sum(), Method.SHAP, log_odds=15.5, signed=True, edges=weights[:4], features=weights[4:])


RIGHT, WRONG = told(Sum().worth), told(Sum().worth[::-1])


def test_fidelity_by_hand():
    found = measured(Sum(), RIGHT).fidelity
    assert found.plus == pytest.approx((8 + 12 + 14 + 15.5) / 4), "without 1, 2, 3 and 5"
    assert found.minus == pytest.approx((7.5 + 3.5 + 1.5 + 0) / 4)
    assert found.plus > FLOOR * found.random_plus
    assert found.sparsity == pytest.approx(1 - 3 / 6), "14 of 15.5 are nine tenths"


def test_what_raises_and_what_lowers_risk_are_taken_away_apart():
    one = Sum(worth=(4.0, -4.0, 0.1, 0.1, 0.1, 0.1))
    found = measured(one, told(one.worth, one)).fidelity
    assert found.plus > 3.9, "together they would cancel"
    unsigned = replace(told(one.worth, one), signed=False)
    assert measured(one, unsigned).fidelity.plus < found.plus


def test_an_explanation_that_is_no_better_than_chance_is_not_reliable():
    assert measured(Sum(), RIGHT).reliable
    wrong = measured(Sum(), WRONG)
    assert wrong.fidelity.plus < wrong.fidelity.random_plus
    assert not wrong.reliable


def test_an_explanation_that_names_nothing_is_not_reliable_whatever_stands_first():
    found = measured(Sum(), told((0.0,) * 6))
    assert found.fidelity.plus == 0.0 < found.fidelity.random_plus
    assert not found.reliable


def test_an_explanation_that_changes_with_its_seed_is_not_reliable():
    assert measured(Sum(), RIGHT, stability=0.9).reliable
    assert not measured(Sum(), RIGHT, stability=0.1).reliable


def test_a_score_that_nothing_moves_is_explained_by_anything():
    still = Sum(worth=(0.0,) * 6)
    assert measured(still, told((1.0,) * 6, still)).reliable
    alone = Sum(edges=(), features=())
    assert measured(alone, attribution(alone, Method.SHAP, log_odds=0.0, signed=True)).reliable


def test_the_right_order_deletes_and_inserts_first_what_matters():
    for curve in (deletion_curve, insertion_curve):
        right, wrong = curve(Sum(), RIGHT), curve(Sum(), WRONG)
        assert right.area > wrong.area
        assert right.share.tolist() == pytest.approx([k / 6 for k in range(7)])
    assert deletion_curve(Sum(), RIGHT).log_odds.tolist() == [15.5, 7.5, 3.5, 1.5, 0.5, 0.0, 0.0]
    assert insertion_curve(Sum(), RIGHT).log_odds.tolist() == [0.0, 8.0, 12.0, 14.0, 15.0, 15.5, 15.5]


def test_agreement_compares_what_two_have_in_common():
    found = agreement([RIGHT, WRONG, RIGHT])
    assert found[0, 2] == pytest.approx(1)
    assert found[0, 1] < 0
    edges_alone = replace(WRONG, features=())
    assert agreement([RIGHT, edges_alone])[0, 1] == pytest.approx(-1)
    assert np.isnan(agreement([RIGHT, told((1.0,) * 6)])[0, 1]), "a constant has no order"


def test_stability_is_the_mean_agreement_between_seeds():
    assert stability(lambda _: RIGHT, [0, 1, 2]) == pytest.approx(1)
    assert stability(lambda seed: (RIGHT, WRONG)[seed % 2], [0, 1]) == pytest.approx(agreement([RIGHT, WRONG])[0, 1])
    assert np.isnan(stability(lambda _: RIGHT, [0]))


def test_sparsity_counts_what_is_not_needed():
    assert sparsity(np.array([1.0, 0, 0, 0])) == 0.75
    assert sparsity(np.ones(10)) == pytest.approx(0.1)
    assert sparsity(np.zeros(3)) == sparsity(np.zeros(0)) == 1


def test_methods_stand_above_chance_and_bear_disturbed_inputs(scattered):
    door = drawn_network(scattered, kind="rgcn", layers=1)
    one = door.about(7)
    for explain in (leave_one_out, gnn_explainer):
        assert measured(one, explain(one)).fidelity.plus > measured(one, random_attribution(one)).fidelity.plus
    steady = stability(lambda seed: leave_one_out(door.disturbed(0.01, seed).about(7)), [0, 1])
    shaken = stability(lambda seed: leave_one_out(door.disturbed(3.0, seed).about(7)), [0, 1])
    assert steady > 0.9 > shaken


@pytest.mark.parametrize("settings", [{"kind": "logistic", "features": "neighbour"}, {"kind": "label_propagation"}])
def test_whatever_is_opened_can_be_disturbed(graphs, settings):
    from pydantic import TypeAdapter

    from models.candidates import fitted_candidate
    from schemas.candidates import CandidateSpec

    data = graphs.learnable()
    fitted = fitted_candidate(TypeAdapter(CandidateSpec).validate_python({"name": "one"} | settings), data)
    door = opened(fitted, data.graph, [1])
    other = door.disturbed(0.1, 0)
    moved = np.nan_to_num(other.graph.features - door.graph.features)
    assert 0.05 < moved.std() < 0.2
    assert (np.isnan(other.graph.features) == np.isnan(door.graph.features)).all()
    same = np.allclose(other.about(7).log_odds(), door.about(7).log_odds())
    assert same == (settings["kind"] == "label_propagation")
