"""The shape of two quarters' graphs, and which edges came and went, counted by hand."""

import datetime as dt

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from monitoring.graph_drift import graph_drift
from schemas.specs import GatesSpec
from schemas.terms import Quarter

GATES = GatesSpec()
Q1, Q2, Q3 = (Quarter(2023, number) for number in (1, 2, 3))


def churn_of(found):
    return {one.relation: (one.kept, one.born, one.died, one.jaccard) for one in found.churn}


def test_edges_that_came_and_went_are_counted_by_hand(graphs):
    before = graphs.graph_of(
        list("abcd"),
        {"supply": [("a", "b"), ("b", "c"), ("c", "d")], "links": [("a", "b"), ("c", "d")]},
        undirected=["links"],
    )
    after = graphs.graph_of(
        list("abce"),
        {"supply": [("a", "b"), ("c", "b"), ("a", "e")], "links": [("b", "a"), ("a", "c")]},
        undirected=["links"],
    )
    found = graph_drift(before, after, GATES)
    # b -> c turned round is another edge of a directed relation; b - a is a - b of an undirected one.
    assert churn_of(found) == {"links": (1, 1, 1, 1 / 3), "supply": (1, 2, 2, 1 / 5)}
    assert (found.firms_in, found.firms_out) == (1, 1)


def test_the_small_worlds_quarters(world):
    tables, portfolio = world.admitted_tables(), world.portfolio()
    first, second, third = (corporate_graph(tables, portfolio, quarter.end) for quarter in (Q1, Q2, Q3))
    found = graph_drift(first, second, GATES)
    assert found.expected_quarter == Q1
    assert churn_of(found) == {"ownership": (6, 0, 0, 1.0), "supply": (46, 3, 0, 46 / 49)}
    assert (found.firms_in, found.firms_out) == (1, 0)
    found = graph_drift(second, third, GATES)
    assert churn_of(found)["supply"] == (46, 0, 3, 46 / 49)
    assert (found.firms_in, found.firms_out) == (0, 1)


def test_a_graph_does_not_drift_against_itself(world):
    graph = corporate_graph(world.admitted_tables(), world.portfolio(), Q1.end)
    found = graph_drift(graph, graph, GATES)
    assert [drift.value for drift in found.columns] == pytest.approx([0] * len(found.columns), abs=1e-9)
    assert found.drifted_share == 0
    assert all(jaccard == 1 for *_, jaccard in churn_of(found).values())
    assert (found.firms_in, found.firms_out) == (0, 0)
    assert [drift.column for drift in found.columns] == [
        "ownership: partners out",
        "ownership: partners in",
        "supply: partners out",
        "supply: partners in",
        "clustering",
        "core number",
    ]


def test_edges_dealt_anew_with_the_same_degrees_churn_but_do_not_drift(graphs):
    firms = [f"f{number:02d}" for number in range(60)]
    rings = [[(firms[n], firms[(n + step) % 60]) for n in range(60)] for step in (7, 11)]
    before, after = (graphs.graph_of(firms, {"supply": ring}) for ring in rings)
    found = graph_drift(before, after, GATES)
    assert churn_of(found) == {"supply": (0, 60, 60, 0.0)}
    assert found.drifted_share == 0


def test_a_graph_that_thickened_drifts(graphs):
    firms = [f"f{number:02d}" for number in range(60)]
    ring = [(firms[n], firms[(n + 1) % 60]) for n in range(60)]
    chords = [(firms[n], firms[(n + 2) % 60]) for n in range(60)]
    found = graph_drift(
        graphs.graph_of(firms, {"supply": ring}), graphs.graph_of(firms, {"supply": ring + chords}), GATES
    )
    assert {drift.column for drift in found.columns if drift.drifted} == {
        "supply: partners out",
        "supply: partners in",
        "clustering",
        "core number",
    }


def test_relations_without_edges_have_no_overlap_to_speak_of(graphs):
    empty = graphs.graph_of(["a", "b"], {"supply": []})
    assert churn_of(graph_drift(empty, empty, GATES)) == {"supply": (0, 0, 0, None)}


def test_only_relations_of_both_quarters_are_compared(graphs):
    before = graphs.graph_of(["a", "b"], {"supply": [("a", "b")], "gone": [("a", "b")]})
    after = graphs.graph_of(["a", "b"], {"supply": [("a", "b")], "new": [("a", "b")]}, as_of=dt.date(2023, 6, 30))
    found = graph_drift(before, after, GATES)
    assert list(churn_of(found)) == ["supply"]
    assert not any(drift.column.startswith(("gone", "new")) for drift in found.columns)


def test_firms_that_were_renumbered_are_still_the_same(graphs):
    before = graphs.graph_of(["b", "c"], {"supply": [("b", "c")]}, np.zeros((2, 1)))
    after = graphs.graph_of(["a", "b", "c"], {"supply": [("b", "c")]}, np.zeros((3, 1)))
    assert churn_of(graph_drift(before, after, GATES)) == {"supply": (1, 0, 0, 1.0)}
