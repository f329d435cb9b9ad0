"""The strongest path: by shares of weight, from distress, no longer than asked."""

from __future__ import annotations

import numpy as np
import pytest

from models.ego_picture import FAR, NEAR, drawn_firms
from models.risk_path import heard_shares, side_adjacency, strongest_path


def asked(graph, firm, distressed, probability=0.5, **settings):
    names = graph.firms.tolist()
    risk = np.full(graph.size, probability) if isinstance(probability, float) else np.array(probability)
    bad = np.isin(graph.firms, distressed)
    found = strongest_path(side_adjacency(graph), names.index(firm), risk, bad, **settings)
    return found and ([names[way.firm] for way in found.ways], found.strength)


def test_shares_multiply_along_the_path(graphs):
    # b is 3/4 of what a hears of its suppliers, c all that b hears of its own.
    graph = graphs.graph_of(list("abcd"), {"supply": [("b", "a", 3.0), ("d", "a", 1.0), ("c", "b", 2.0)]})
    assert asked(graph, "a", ["c"]) == (["c", "b"], pytest.approx(0.5 * 0.75))
    assert asked(graph, "a", ["c", "d"]) == (["c", "b"], pytest.approx(0.5 * 0.75))
    assert asked(graph, "a", ["c", "d"], [0, 0, 0.1, 0.9]) == (["d"], pytest.approx(0.9 * 0.25))


def test_the_firm_itself_is_no_beginning_and_far_ones_are_none(graphs):
    graph = graphs.graph_of(list("abcde"), {"supply": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]})
    assert asked(graph, "a", ["a"]) is None
    assert asked(graph, "a", ["e"]) is None
    found, _ = asked(graph, "a", ["e"], hops=4)
    assert found == ["e", "d", "c", "b"]


def test_a_longer_way_may_be_stronger(graphs):
    edges = [("b", "a", 9.0), ("d", "a", 1.0), ("d", "b", 5.0)]
    graph = graphs.graph_of(list("abd"), {"supply": edges})
    assert asked(graph, "a", ["d"]) == (["d", "b"], pytest.approx(0.45))


def test_weights_of_nothing_are_shared_equally(graphs):
    graph = graphs.graph_of(list("abc"), {"supply": [("b", "a", 0.0), ("c", "a", 0.0)]})
    _, shares = heard_shares(side_adjacency(graph)["supply", "in"], 0)
    np.testing.assert_array_equal(shares, [0.5, 0.5])


def test_a_hub_is_drawn_with_its_most_important_partners(graphs):
    partners = [f"p{number:03d}" for number in range(60)]
    further = [(name, f"q{number:03d}{one}") for number, name in enumerate(partners) for one in "abcde"]
    firms = ["hub", *partners, *(second for _, second in further)]
    graph = graphs.graph_of(firms, {"supply": [("hub", name) for name in partners] + further})
    names = graph.firms.tolist()
    loud = {names.index(f"p{number:03d}"): 1.0 for number in range(30, 60)}
    on_path = [names.index("p001"), names.index("q001e")]
    found = drawn_firms(graph.union(), names.index("hub"), loud, on_path)
    assert (found.near, found.far) == (60, 300)
    assert found.hops.count(1) == NEAR
    assert found.hops.count(2) == NEAR * FAR
    assert set(on_path) <= set(found.firms)
    inner = {names[one] for one, hop in zip(found.firms, found.hops, strict=True) if hop == 1}
    assert all(name >= "p030" for name in inner - {"p001"})
    assert len(set(found.places)) == len(found.places)


def test_a_firm_alone_is_drawn_alone(graphs):
    graph = graphs.graph_of(list("ab"), {"supply": []})
    assert drawn_firms(graph.union(), 0, {}, ()).firms == (0,)
