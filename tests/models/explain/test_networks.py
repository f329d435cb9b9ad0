"""Copies of a firm's surroundings give the score that the whole graph gives, whatever is deleted."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import logit

from models.explain.muted import Volume
from models.explain.opened import explained, opened
from models.explain.whole import without_places
from models.label_inputs import KnownOutcomes
from schemas.errors import NotEnoughData
from tests.models.explain.conftest import drawn_network
from tests.models.gnn.conftest import ARCHITECTURES
from tests.models.gnn.test_typed_nodes import linked

FIRM = 7
OTHER_DEPTHS = ({"kind": "gcn", "layers": 1}, {"kind": "gdan", "layers": 3})


def named(settings):
    return " ".join(str(value) for value in settings.values())


def log_odds(door, graph=None):
    found = door.fitted.probabilities(door.graph if graph is None else graph)[:, list(door.adverse)]
    return logit(found.sum(axis=1))


def graph_without(graph, edge, *, pairs):
    """Return the graph without what an explained edge stands for."""
    relations = dict(graph.relations)
    rows = [graph.firms.tolist().index(one) for one in (edge.source, edge.target)]
    for name in edge.relation.split(" + "):
        relation = relations[name]
        places = [
            place
            for place in range(len(relation.indices))
            for ends in [[int(np.searchsorted(relation.indptr, place, side="right")) - 1, relation.indices[place]]]
            if ends == rows or ((pairs or not relation.directed) and sorted(ends) == sorted(rows))
        ]
        relations[name] = without_places(relation, places[:1] if not relation.directed else places)
    return dataclasses.replace(graph, relations=relations)


@pytest.mark.parametrize("settings", [*ARCHITECTURES, *OTHER_DEPTHS], ids=named)
def test_the_surroundings_of_a_firm_give_its_score(scattered, settings):
    door = drawn_network(scattered, **settings)
    expected = log_odds(door)
    around = door.surroundings(np.arange(scattered.size))
    with torch.no_grad():
        found = door.log_odds(around.blocks(), door.values(around)).numpy()
        np.testing.assert_allclose(found, expected, atol=2e-5)
        loud = door.log_odds(around.muted(Volume(len(around.units.owner))), door.values(around)).numpy()
    np.testing.assert_allclose(loud, expected, atol=2e-5)


@pytest.mark.parametrize("settings", ARCHITECTURES, ids=named)
def test_a_deleted_edge_is_one_that_the_graph_does_not_have(scattered, settings):
    door = drawn_network(scattered, **settings)
    one = door.about(FIRM)
    kept = ~np.eye(len(one.edges), dtype=bool)
    found = one.log_odds(kept)
    for number in {0, 1, len(one.edges) // 2, len(one.edges) - 1}:
        without = graph_without(scattered, one.edges[number], pairs=door.heard.parts.union)
        np.testing.assert_allclose(found[number], log_odds(door, without)[FIRM], atol=2e-5)
    assert np.ptp(found) > 0


@pytest.mark.parametrize("settings", ARCHITECTURES, ids=named)
def test_muting_moves_the_score_and_its_gradient_tells_how(scattered, settings):
    door = drawn_network(scattered, **settings)
    around = door.surroundings([FIRM])
    volume, values = Volume(len(around.units.owner)), door.values(around)
    blocks = around.muted(volume)

    def score(loudness):
        volume.set(loudness)
        return door.log_odds(blocks, values)[0]

    middle = torch.full((len(around.units.owner),), 0.6, requires_grad=True)
    score(middle).backward()
    moved = torch.zeros(len(middle))
    moved[0] = 1e-2
    with torch.no_grad():
        rise = (score(middle + moved) - score(middle - moved)) / 2e-2
        silent = score(torch.zeros(len(middle)))
        loud = score(torch.ones(len(middle)))
    np.testing.assert_allclose(float(rise), float(middle.grad[0]), rtol=2e-2, atol=2e-4)
    assert abs(float(loud - silent)) > 1e-4


@pytest.mark.parametrize("kind", ["rgcn", "gdan", "hgt"])
def test_links_to_other_nodes_are_edges_too(graphs, kind):
    graph = linked(graphs.learnable(missing=0).graph)
    door = drawn_network(graph, kind=kind)
    one = door.about(FIRM)
    np.testing.assert_allclose(one.log_odds()[0], log_odds(door)[FIRM], atol=2e-5)
    named_edges = {(edge.relation, edge.hop) for edge in one.edges}
    assert ("board", 0) in named_edges
    assert ("board", 1) in named_edges, "those who share the person"
    board = next(number for number, edge in enumerate(one.edges) if edge.relation == "board" and not edge.hop)
    assert one.edges[board].partner_of(one.firm) == "p07"
    kept = np.ones((1, len(one.edges)), dtype=bool)
    kept[0, board] = False
    assert abs(one.log_odds(kept)[0] - one.log_odds()[0]) > 1e-5


def test_features_are_the_firms_own_and_its_partners(scattered):
    door = drawn_network(scattered, kind="rgcn", members=2)
    one = door.about(FIRM)
    assert [feature.name for feature in one.features[:2]] == list(scattered.feature_names[:2])
    assert [feature.place for feature in one.features] == ["own"] * 3 + ["network"] * 3
    assert one.features[0].value == scattered.features[FIRM, 0]
    nothing = np.zeros((1, 6), dtype=bool)
    mean = np.repeat(door.fitted.scaling.mean[None, :], scattered.size, axis=0)
    average = dataclasses.replace(scattered, features=mean)
    np.testing.assert_allclose(one.log_odds(None, nothing)[0], log_odds(door, average)[FIRM], atol=1e-5)
    own = nothing.copy()
    own[0, 3:] = True
    average.features[:] = scattered.features
    average.features[FIRM] = door.fitted.scaling.mean
    np.testing.assert_allclose(one.log_odds(None, own)[0], log_odds(door, average)[FIRM], atol=1e-5)


def test_known_outcomes_are_hidden_from_the_firms_they_are_asked_about_with(scattered):
    outcomes = {firm: number % 2 for number, firm in enumerate(scattered.firms.tolist()) if number % 3}
    door = drawn_network(scattered, kind="graphsage", known=KnownOutcomes(0.5, 2, outcomes))
    expected = log_odds(door)
    for row in (FIRM, 8, 9):
        one = door.about(row)
        np.testing.assert_allclose(one.log_odds()[0], expected[row], atol=1e-5)
    assert one.features[-1].name == "partners: known outcomes"
    assert len(one.features) == door.number_of_features


def test_a_fanout_takes_fewer_partners_of_partners_and_all_of_its_own(scattered):
    door = drawn_network(scattered, kind="rgcn")
    whole, some = door.surroundings([FIRM]), door.surroundings([FIRM], fanout=2)
    assert some.copies.within[1] == whole.copies.within[1]
    assert some.size < whole.size
    assert np.isfinite(door.log_odds(some.blocks(), door.values(some)).item())


def test_a_firm_that_is_not_there_is_an_error(scattered):
    door = drawn_network(scattered, kind="gcn")
    assert explained(opened(door.fitted, scattered, [1]), "f007").firm == "f007"
    with pytest.raises(NotEnoughData, match="Firm nobody is not in the graph"):
        explained(door, "nobody")


def test_rows_of_edges_and_features_must_match(scattered):
    one = drawn_network(scattered, kind="gcn").about(FIRM)
    with pytest.raises(ValueError, match="same number of rows"):
        one.log_odds(np.ones((2, len(one.edges)), dtype=bool), np.ones((3, 6), dtype=bool))
