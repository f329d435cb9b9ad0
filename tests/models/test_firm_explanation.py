"""Explanations of single firms: what they ask is what the candidate would say, and each change told is true."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.calibrated import mapped
from models.candidates import fitted_candidate
from models.contributions import Development
from models.corporate_graph import Columns
from models.counterfactuals import Verdicts, lowered
from models.ensemble import FittedEnsemble
from models.explain.opened import opened
from models.firm_explanation import ScoredGraph, firm_explanation
from models.partners import PartnerEdges
from models.what_if import is_quick, single_moves, with_own_items
from schemas.candidates import Group
from schemas.terms import Quarter

TREES = {"kind": "lightgbm", "rounds": 20, "patience": 20, "least_rows_a_leaf": 5}
NETWORK = {"kind": "graphsage", "hidden": 8, "epochs": 20, "patience": 20}
KINDS = [
    {"kind": "logistic"},
    TREES | {"features": "neighbour", "calibration": "beta"},
    {"kind": "random_forest", "trees": 5},
    NETWORK,
    NETWORK | {"label_inputs": 0.5},
    {"kind": "label_propagation"},
    {"kind": "kriging"},
]


def scored(world, data, model, spec, **changes):
    portfolio = world.portfolio(candidates=[spec])
    described = {
        "portfolio": portfolio,
        "quarter": Quarter(2023, 1),
        "refresh": "4d" * 32,
        "fingerprint": "f",
        "model_version": "creditnet-small_world 1",
        "spec": portfolio.candidates[0],
        "decided_by": "it",
        "in_use": "",
        "model": model,
        "threshold": 0.5,
        "graph": data.graph,
        "probabilities": model.probabilities(data.graph),
        "development": Development(data.graph, data.development),
        "outcomes": data.truth,
        "names": {},
    }
    return ScoredGraph(**(described | changes))


def of_kind(world, graphs, settings, **changes):
    data = graphs.learnable(missing=0.0, **changes)
    spec = {"name": "it", **settings}
    model = fitted_candidate(world.portfolio(candidates=[spec]).single_candidates[0], data)
    return data, model, scored(world, data, model, spec)


@pytest.mark.parametrize("settings", KINDS, ids=lambda one: one["kind"])
def test_versions_of_a_firm_are_scored_as_the_firm_would_be(world, graphs, settings):
    data, model, _ = of_kind(world, graphs, settings)
    items = np.stack([data.graph.features[7], data.graph.features[7] + 1, np.full(3, np.nan)])
    found = with_own_items(model, data.graph, 7, items)
    for row, version in zip(found, items, strict=True):
        features = data.graph.features.copy()
        features[7] = version
        whole = model.probabilities(replace(data.graph, features=features))[7]
        np.testing.assert_allclose(row, whole, atol=1e-5)


def test_versions_pass_through_steps_grades_and_ensembles(world, graphs):
    data = graphs.learnable(classes=3, missing=0.0)
    specs = [{"name": "a", "kind": "logistic", "ordered": True}, {"name": "b", **TREES}]
    rated = {"kind": "ordinal", "classes": ["0", "1", "2"], "favourable": ["0"], "horizon_quarters": 1, "label": "r"}
    a, b = (fitted_candidate(one, data) for one in world.portfolio(candidates=specs, target=rated).single_candidates)
    model = FittedEnsemble({"a": a, "b": b}, {"a": 0.4, "b": 0.6}, {}, {})
    items = data.graph.features[[3, 9]]
    features = data.graph.features.copy()
    features[3] = items[1]
    expected = model.probabilities(replace(data.graph, features=features))[3]
    np.testing.assert_allclose(with_own_items(model, data.graph, 3, items)[1], expected, atol=1e-9)
    assert is_quick(model)
    assert not is_quick(FittedEnsemble({"a": of_kind(world, graphs, {"kind": "kriging"})[1]}, {"a": 1.0}, {}, {}))


@pytest.mark.parametrize("kind", ["logistic", "kriging", "graph_kernel"])
def test_changes_over_quarters_move_along(world, graphs, kind):
    data = graphs.learnable(missing=0.0)
    history = Columns(data.graph.features[:, :1] - 2.0, ("x0: change over 1 quarters",))
    data = replace(data, graph=replace(data.graph, computed={Group.HISTORY: history}))
    spec = {"name": "it", "kind": kind, "features": "history"}
    one = world.portfolio(candidates=[spec], graph={"history": {"changes": [1]}}).single_candidates[0]
    model = fitted_candidate(one, data)
    version = data.graph.features[[5]] + np.array([[0.5, 0, 0]])
    values = history.values.copy()
    values[5] += 0.5
    features = data.graph.features.copy()
    features[5] = version
    whole = replace(data.graph, features=features, computed={Group.HISTORY: Columns(values, history.names)})
    np.testing.assert_allclose(with_own_items(model, data.graph, 5, version)[0], model.probabilities(whole)[5])


def test_single_moves_change_one_item_along_development(graphs):
    data = graphs.learnable(missing=0.0)
    moves, rows = single_moves(data.graph, 4, data.graph.features[data.development], (0.1, 0.5, 0.9))
    assert {move.feature for move in moves} == {"x0", "x1", "x2"}
    assert ((rows != data.graph.features[4]).sum(axis=1) == 1).all()
    assert all(0 <= move.distance <= 1 for move in moves)
    near, far = sorted(
        (move for move in moves if move.feature == "x0"), key=lambda move: abs(move.after - move.before)
    )[::2]
    assert near.distance < far.distance


@pytest.mark.parametrize("settings", KINDS[:4], ids=lambda one: one["kind"])
def test_every_change_that_is_told_moves_class_or_grade(world, graphs, settings):
    data, model, source = of_kind(world, graphs, settings)
    told = 0
    for row in (0, 3, 8, 20):
        found = firm_explanation(source, row)
        for one in found.counterfactuals:
            better = one.then.probability < found.standing.probability
            assert better != found.standing.favourable
            assert one.then.grade != found.standing.grade or one.class_changes
            if one.partner:
                continue
            place = data.graph.feature_names.index(one.subject)
            version = data.graph.features[[row]].copy()
            version[0, place] = float(one.after)
            again = with_own_items(model, data.graph, row, version)[0, 1]
            assert again == pytest.approx(one.then.probability, abs=0.02)  # four figures of the value are told
            told += 1
    assert told > 3


def test_without_a_relation_a_network_says_what_is_told(world, graphs):
    data, model, source = of_kind(world, graphs, NETWORK)
    found = firm_explanation(source, 6)
    assert found.asked == len(found.partners) == found.partners_in_all
    one = max(found.partners, key=lambda partner: abs(partner.effect))
    supply = data.graph.relations["supply"]
    ends = (found.firm, one.firm) if one.direction == "target" else (one.firm, found.firm)
    source_row, target_row = (int(np.searchsorted(data.graph.firms, end)) for end in ends)
    place = supply.indptr[source_row] + int(
        np.flatnonzero(supply.indices[supply.indptr[source_row] : supply.indptr[source_row + 1]] == target_row)[0]
    )
    stays = np.arange(len(supply.indices)) != place
    before = np.concatenate([[0], np.cumsum(stays)])
    without = replace(
        supply, indptr=before[supply.indptr], indices=supply.indices[stays], weights=supply.weights[stays]
    )
    asked = replace(data.graph, relations={"supply": without})
    odds = [np.log(p[6, 1] / p[6, 0]) for p in (model.probabilities(data.graph), model.probabilities(asked))]
    assert one.effect == pytest.approx(odds[0] - odds[1], abs=1e-4)
    assert one.effect != 0


def test_several_classes_are_explained_by_the_unfavourable_ones_together(world, graphs):
    data = graphs.learnable(classes=3, missing=0.0)
    rated = {"kind": "ordinal", "classes": ["0", "1", "2"], "favourable": ["0"], "horizon_quarters": 1, "label": "r"}
    spec = TREES | {"name": "it", "features": "neighbour"}
    portfolio = world.portfolio(candidates=[spec], target=rated)
    model = fitted_candidate(portfolio.single_candidates[0], data)
    source = scored(world, data, model, spec, portfolio=portfolio)
    for row in range(12):
        found = firm_explanation(source, row)
        p = source.probabilities[row]
        assert found.standing.probability == pytest.approx(p[1] + p[2])
        assert found.threshold is None
        assert found.standing.predicted_class == str(p.argmax())
        assert all(one.then.predicted_class is None for one in found.counterfactuals if one.partner)
        assert found.log_odds == pytest.approx(np.log((p[1] + p[2]) / p[0]))


def test_a_calibrated_candidate_loses_a_relation_through_its_map(world, graphs):
    data, model, source = of_kind(world, graphs, TREES | {"features": "neighbour", "calibration": "platt"})
    verdicts = Verdicts(source.portfolio, 0.5, source.probabilities[4])
    assert lowered(model, data.graph, 4, 0.0, verdicts).probability == pytest.approx(source.risk[4], abs=1e-6)
    before = model.base.probabilities(data.graph)[4, 1]
    odds = before / (1 - before) * np.exp(-0.7)
    less = odds / (1 + odds)
    [expected] = mapped(np.array([[1 - less, less]]), model.maps)[:, 1]
    assert lowered(model, data.graph, 4, 0.7, verdicts).probability == pytest.approx(expected)


def test_own_and_network_factors_are_apart_and_add_up(world, graphs):
    _, _, source = of_kind(world, graphs, TREES | {"features": "neighbour"})
    found = firm_explanation(source, 5)
    assert not any(one.network for one in found.own)
    assert all(one.network for one in found.network)
    assert found.uses_graph
    total = found.rest + sum(one.contribution for one in (*found.own, *found.network))
    assert total == pytest.approx(found.log_odds, abs=1e-4)
    item = next(one for one in found.own if one.feature == "x0")
    assert item.value == source.graph.features[5, 0]


def test_a_candidate_of_own_items_hears_nobody_and_says_so(world, graphs):
    _, _, source = of_kind(world, graphs, {"kind": "logistic"})
    found = firm_explanation(source, 5)
    assert not found.uses_graph
    assert found.network == ()
    assert found.asked == 0
    assert "does not hear the firms around" in found.relations_missing
    assert all(one.effect is None for one in found.partners)


def test_a_path_leads_from_distress_to_the_firm(world, graphs):
    _, _, source = of_kind(world, graphs, {"kind": "logistic"})
    found = next(
        one for one in (firm_explanation(source, row) for row in range(20)) if one.path and not one.standing.favourable
    )
    firms = [step.firm for step in found.path.steps]
    assert firms[-1] == found.firm
    start = int(np.searchsorted(source.graph.firms, firms[0]))
    assert source.in_distress[start]
    shares = [step.share for step in found.path.steps[:-1]]
    assert found.path.strength == pytest.approx(source.risk[start] * np.prod(shares), abs=1e-6)
    union = source.graph.union()
    for a, b in itertools.pairwise(firms):
        assert union[int(np.searchsorted(source.graph.firms, a)), int(np.searchsorted(source.graph.firms, b))]


def test_nobody_in_distress_near_by_is_said(world, graphs):
    _, _, source = of_kind(world, graphs, {"kind": "logistic"})
    calm = replace(source, threshold=1.1, outcomes=np.full(120, -1))
    found = firm_explanation(calm, 5)
    assert found.path is None
    assert found.path_missing == "No firm in distress is within three relations."


def test_a_lost_relation_is_told_with_its_weight_whichever_way_it_leads(world, graphs):
    *_, source = of_kind(world, graphs, NETWORK | {"kind": "gcn"})
    weights = []
    for row in range(0, 40, 4):
        found = firm_explanation(source, row)
        listed = {(one.relation, one.firm): one.weight for one in found.partners}
        lost = [one for one in found.counterfactuals if one.partner]
        weights += [(float(one.before), listed[one.subject, one.partner]) for one in lost]
    assert len(weights) >= 5
    assert all(told == pytest.approx(known, rel=1e-3) and told > 0 for told, known in weights)


def test_links_to_other_nodes_are_asked_about_in_an_ensemble_too(world, graphs):
    plain = graphs.learnable(missing=0.0)
    ones = np.arange(plain.graph.size, dtype=np.int64)
    board = PartnerEdges("person", np.append(ones, len(ones)), ones % 15, np.full(len(ones), 2.0), 15)
    persons = {"person": np.array([f"p{number:02d}" for number in range(15)])}
    data = replace(plain, graph=replace(plain.graph, nodes=persons, partners={"board": board}))
    specs = [NETWORK | {"name": "typed", "kind": "hgt"}, {"name": "lines", "kind": "logistic"}]
    portfolio = world.portfolio(candidates=specs)
    typed, lines = (fitted_candidate(one, data) for one in portfolio.single_candidates)
    both = FittedEnsemble({"typed": typed, "lines": lines}, {"typed": 0.7, "lines": 0.3}, {}, {})
    source = scored(world, data, both, specs[0], portfolio=portfolio)
    about = opened(both, data.graph, [1]).about(7)
    [link] = [place for place, edge in enumerate(about.edges) if edge.relation == "board"]
    assert (about.edges[link].source, about.edges[link].target) == ("f007", "p07")
    kept = np.ones((1, len(about.edges)), dtype=np.bool_)
    kept[0, link] = False
    stays = ones != 7
    without = replace(
        board, indptr=np.append(0, np.cumsum(stays)), indices=board.indices[stays], weights=board.weights[stays]
    )
    p = both.probabilities(replace(data.graph, partners={"board": without}))[7]
    assert about.log_odds(kept)[0] == pytest.approx(np.log(p[1] / p[0]), abs=1e-5)
    told = [one for row in range(30) for one in firm_explanation(source, row).counterfactuals]
    persons_lost = [one for one in told if one.subject == "board"]
    assert {one.before for one in persons_lost} <= {"2"}
