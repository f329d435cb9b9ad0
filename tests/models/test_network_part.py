"""The score without partners, and what is left when it is taken from the score."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.corporate_graph import Columns
from models.inputs import with_computed
from models.network_part import as_many_favoured, examined_candidate, plain_partner, without_partners
from schemas.candidates import Group
from schemas.specs import GraphSpec

CANDIDATES = [
    {"name": "plain", "kind": "logistic"},
    {"name": "trees", "kind": "lightgbm"},
    {"name": "aggregates", "kind": "logistic", "features": "neighbour"},
    {"name": "sage", "kind": "graphsage", "hidden": 8, "epochs": 3},
    {"name": "together", "kind": "ensemble", "members": ["plain", "sage"]},
]
AUC = {"plain": 0.6, "trees": 0.7, "aggregates": 0.65, "sage": 0.62, "together": 0.9}


@pytest.fixture
def portfolio(world):
    return world.portfolio(candidates=CANDIDATES)


@pytest.mark.parametrize(
    ("chosen", "examined"),
    [("aggregates", "aggregates"), ("together", "together"), ("plain", "aggregates"), ("trees", "aggregates")],
)
def test_the_chosen_candidate_is_examined_or_else_the_best_single_one_with_the_graph(portfolio, chosen, examined):
    assert examined_candidate(SimpleNamespace(portfolio=portfolio), chosen, AUC).name == examined


def test_nothing_is_examined_where_no_candidate_uses_the_graph(world):
    plain = SimpleNamespace(portfolio=world.portfolio(candidates=CANDIDATES[:2]))
    assert examined_candidate(plain, "plain", AUC) is None


@pytest.mark.parametrize(("name", "partner"), [("aggregates", "plain"), ("sage", None), ("together", None)])
def test_a_plain_partner_is_of_the_same_kind_on_own_features_alone(portfolio, name, partner):
    spec = next(one for one in portfolio.candidates if one.name == name)
    assert plain_partner(portfolio, spec) == partner


def test_without_partners_every_firm_stands_alone_and_keeps_its_past(graphs):
    spec = GraphSpec(structure=("degree", "pagerank"), embedding={"kind": "node2vec", "dimensions": 4})
    past = Columns(np.arange(120.0)[:, None], ("then",))
    graph = with_computed(graphs.learnable().graph, spec)
    alone = without_partners(replace(graph, computed={**graph.computed, Group.HISTORY: past}), spec)
    assert sum(relation.edges for relation in alone.relations.values()) == 0
    assert set(alone.computed) == {Group.STRUCTURE, Group.EMBEDDING, Group.HISTORY}
    assert alone.computed[Group.HISTORY] is past
    assert np.ptp(np.nan_to_num(alone.computed[Group.STRUCTURE].values), axis=0).max() < 1e-12
    assert not alone.computed[Group.EMBEDDING].values.any()


def test_a_candidate_on_structure_can_score_firms_without_partners(graphs, world):
    spec = GraphSpec(structure=("degree",))
    data = graphs.learnable()
    data = replace(data, graph=with_computed(data.graph, spec))
    (candidate,) = world.portfolio(
        candidates=[{"name": "trees", "kind": "lightgbm", "features": "structure"}], graph=spec.model_dump()
    ).single_candidates
    model = fitted_candidate(candidate, data)
    found = model.probabilities(without_partners(data.graph, spec))
    assert found.shape == (120, 2)
    assert np.isfinite(found).all()


def test_the_part_favours_as_many_firms_as_the_combined_score():
    part = np.array([0.3, -0.2, 0.1, 0.0, -0.1])
    assert as_many_favoured(part, np.array([True, False, True, False, False])).tolist() == [
        False,
        True,
        False,
        False,
        True,
    ]
    assert not as_many_favoured(part, np.zeros(5, dtype=bool)).any()
    assert as_many_favoured(part, np.ones(5, dtype=bool)).all()


def test_firms_with_the_same_part_are_treated_alike():
    part = np.array([0.0, 0.0, 0.0, 0.2])
    assert as_many_favoured(part, np.array([True, False, False, False])).tolist() == [True, True, True, False]
