"""The known answer at a size that tests can afford: what carried a firm's risk is found, and not by chance."""

import numpy as np
import pytest

from benchmarks.known_answer import Case, by_chance, found, learnt_network, shares_found
from models.explain.attribution import Attribution, Edge, EdgeWeight, Method
from models.explain.integrated_gradients import integrated_gradients
from schemas.terms import Quarter

NETWORK = {"kind": "propagated", "per_relation": True, "weighted": True, "layers": 1, "epochs": 40}


def test_the_relation_that_carried_the_risk_is_among_the_first_three():
    quarters = [Quarter(2017, 4), Quarter(2019, 4), Quarter(2021, 4)]
    fitted = learnt_network(NETWORK | {"learning_rate": 0.03, "dropout": 0.0}, firms=700, quarters=quarters)
    methods = {"gradients": lambda one: integrated_gradients(one, steps=4)}
    shares = shares_found(fitted, methods, [102], firms=700, at_most=60)
    assert shares["cases"] == [60]
    assert shares["random"][0] < 0.3
    assert shares["gradients"][0] >= 0.7


@pytest.mark.parametrize(("rank", "hit"), [(1, True), (3, True), (4, False)])
def test_only_the_first_three_of_the_firms_own_relations_count(rank, hit):
    far = [EdgeWeight(Edge("x", "y", "supply", 1), 9.0)]
    own = [EdgeWeight(Edge("a", f"p{place}", "supply", 0), float(10 - place)) for place in range(1, 12)]
    told = Attribution("a", Method.SHAP, 0.0, signed=True, edges=(*far, *own))
    assert found(Case(0, f"p{rank}", "supply", 11), told) == hit
    assert not found(Case(0, f"p{rank}", "ownership", 11), told)


def test_chance_finds_three_of_so_many():
    assert by_chance(Case(0, "p", "supply", 12)) == 0.25
    assert by_chance(Case(0, "p", "supply", 2)) == 1
    assert np.isfinite(by_chance(Case(0, "p", "supply", 3)))
