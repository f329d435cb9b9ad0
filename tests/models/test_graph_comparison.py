"""Two quarters' graphs side by side: numbers counted by hand, and what moves them."""

import datetime as dt

import numpy as np
import pytest

from models.categories import Category
from models.graph_comparison import ALL_RELATIONS, ComparedGraph, graph_measures
from schemas.specs import GraphSpec

FIRMS = [f"f{number:03d}" for number in range(120)]
NEXT = dt.date(2023, 6, 30)


def ring(step, *, count=120, weight=None):
    return [(FIRMS[n], FIRMS[(n + step) % 120], float(n + 1) if weight is None else weight) for n in range(count)]


def measured(before, after, **settings):
    pair = [ComparedGraph.of(graph, GraphSpec(), **settings) for graph in (before, after)]
    return {(one.subject, one.statistic): one for one in graph_measures(*pair)}


def graph(graphs, edges, **settings):
    return graphs.graph_of(FIRMS, {"supply": edges}, **settings)


def test_a_graph_does_not_differ_from_itself(graphs):
    same = graph(graphs, ring(1) + ring(7))
    found = measured(same, same)
    assert found["supply", "growth of edges"].value == 0
    assert found["supply", "edges kept"].value == 1
    assert found["supply", "firms that kept all of at least two partners, out"].value == 1
    assert found[ALL_RELATIONS, "communities as before (normalised mutual information)"].value == pytest.approx(1)
    assert found[ALL_RELATIONS, "firms in a community that persists"].value == 1
    assert found[ALL_RELATIONS, "distance of the leading eigenvalues"].value == 0
    assert found[ALL_RELATIONS, "places of firms whose partners are unchanged"].value == pytest.approx(0, abs=1e-12)
    distances = [one.value for one in found.values() if one.direction == "up" and one.value is not None]
    assert distances == pytest.approx([0] * len(distances), abs=1e-12)


def test_edges_that_stayed_and_firms_that_kept_all_are_counted_by_hand(graphs):
    before = graph(graphs, ring(1) + ring(7))
    after = graph(graphs, ring(1) + ring(7, count=90) + ring(11, count=15))
    found = measured(before, after)
    assert found["supply", "edges kept"].value == pytest.approx(210 / 240)
    assert found["supply", "firms that kept all of at least two partners, out"].value == pytest.approx(90 / 120)
    assert found["supply", "growth of edges"].value == pytest.approx(np.log(225.5 / 240.5))


def test_a_new_edge_to_a_firm_without_partners_is_told_from_others(graphs):
    before = graph(graphs, ring(1, count=60))
    after = graph(graphs, ring(1, count=60) + ring(2, count=30) + [(FIRMS[n], FIRMS[n + 30]) for n in range(70, 80)])
    # Of 40 new edges, the first 30 join firms that had partners on that side; the last ten leave from firms without.
    found = measured(before, after)
    assert found["supply", "new edges between firms with partners before"].value == pytest.approx(30 / 40)


def test_weights_that_added_up_to_a_reported_figure_and_no_longer_do(graphs):
    edges = ring(1) + ring(5)
    totals = np.arange(120, dtype=np.float64)[:, None] * 2 + 2
    before = graph(graphs, edges, features=totals)
    dealt = np.random.default_rng(0).permutation(120)
    mixed = [(FIRMS[n], FIRMS[(n + 1) % 120], float(dealt[n] + 1)) for n in range(120)]
    statistic = "sums of weights against a reported figure, out"
    assert measured(before, before)["supply", statistic].value == pytest.approx(1)
    after = graph(graphs, mixed, features=totals)
    assert abs(measured(before, after)["supply", statistic].value) < 0.5
    unrelated = graph(graphs, edges, features=dealt[:, None].astype(np.float64))
    none = measured(unrelated, unrelated)["supply", statistic]
    assert none.value is None
    assert "do not add up" in none.reason


def test_mixing_by_partners_is_negative_for_a_star_and_the_same_for_both_directions_of_an_undirected_edge(graphs):
    stars = [(FIRMS[hub], FIRMS[hub + leaf]) for hub in range(0, 120, 10) for leaf in range(1, 10)]
    chain = [(FIRMS[hub], FIRMS[hub + 10]) for hub in range(0, 110, 10)]
    one = graphs.graph_of(FIRMS, {"supply": stars + chain}, undirected=["supply"])
    other = graphs.graph_of(FIRMS, {"supply": [(b, a) for a, b in stars + chain]}, undirected=["supply"])
    value = measured(one, one)["supply", "mixing by number of partners"].value
    assert value < -0.5
    assert measured(other, other)["supply", "mixing by number of partners"].value == pytest.approx(value)


def test_firms_that_come_and_go_are_shares(graphs):
    before = graphs.graph_of(FIRMS[:100], {"supply": [(FIRMS[n], FIRMS[n + 1]) for n in range(99)]})
    after = graphs.graph_of(FIRMS[20:], {"supply": [(FIRMS[n], FIRMS[n + 1]) for n in range(20, 119)]}, as_of=NEXT)
    found = measured(before, after)
    assert found[ALL_RELATIONS, "firms that are new"].value == pytest.approx(20 / 100)
    assert found[ALL_RELATIONS, "firms that left"].value == pytest.approx(20 / 100)
    # Edges of firms that left did not die of themselves.
    assert found["supply", "edges kept"].value == 1


def test_homophily_is_measured_for_each_category(graphs):
    codes = (np.arange(120) // 60).astype(np.int64)
    halves = [(a, b) for a, b, _ in ring(1) if (int(a[1:]) < 60) == (int(b[1:]) < 60)]
    one = graph(graphs, halves)
    found = measured(one, one, categories=(Category("region", ("urban", "rural"), codes),))
    assert found["supply", "homophily of region"].value == pytest.approx(1)


def test_a_relation_that_was_emptied_has_shrunk(graphs):
    before, after = graph(graphs, ring(1)), graph(graphs, [])
    found = measured(before, after)
    assert found["supply", "growth of edges"].value == pytest.approx(np.log(0.5 / 120.5))
    assert found["supply", "mixing by number of partners"].value is None


def test_renumbering_changes_nothing(graphs):
    edges = ring(1) + ring(7)
    before, after = graph(graphs, edges), graph(graphs, ring(1) + ring(9))
    late = [f"a{firm}" for firm in FIRMS[:3]]
    shifted = [graphs.graph_of(late + FIRMS, {"supply": list(one)}) for one in (edges, ring(1) + ring(9))]
    plain, moved = measured(before, after), measured(*shifted)
    for statistic in ("edges kept", "growth of edges", "mixing by number of partners"):
        assert moved["supply", statistic].value == pytest.approx(plain["supply", statistic].value)


def test_relations_of_another_direction_are_not_compared(graphs):
    edges = [(a, b) for a, b, _ in ring(1)]
    before = graphs.graph_of(FIRMS, {"supply": edges})
    after = graphs.graph_of(FIRMS, {"supply": edges}, undirected=["supply"])
    assert not any(subject == "supply" for subject, _ in measured(before, after))
