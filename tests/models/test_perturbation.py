"""A changed graph is the graph that would have been built so, and a copy of a firm has the firm's own edges."""

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from models.neighbours import neighbour_features
from models.perturbation import Edit, edited, with_copies
from tests.portfolio.graphs import graph_of

FIRMS = ["a", "b", "c", "d"]
SUPPLY = [("a", "b", 2.0), ("b", "c", 3.0), ("a", "c", 0.0)]
BOARD = [("a", "d", 1.0), ("b", "d", 4.0)]


def graph(supply=SUPPLY, board=BOARD):
    return graph_of(FIRMS, {"supply": supply, "board": board}, np.arange(8.0).reshape(4, 2) ** 2, undirected=["board"])


def edit(relation, firm, partner, *, outgoing=True, weight=1.0, added=True):
    return Edit(relation, FIRMS.index(firm), FIRMS.index(partner), outgoing, weight, added)


def assert_same_edges(found, expected):
    for name, relation in expected.relations.items():
        for part in ("indptr", "indices", "weights"):
            np.testing.assert_array_equal(getattr(found.relations[name], part), getattr(relation, part), err_msg=name)


def test_an_edge_is_added_to_the_side_that_is_told():
    outgoing, incoming = edit("supply", "d", "a", weight=7.0), edit("supply", "d", "a", outgoing=False, weight=7.0)
    assert_same_edges(edited(graph(), [outgoing]), graph([*SUPPLY, ("d", "a", 7.0)]))
    assert_same_edges(edited(graph(), [incoming]), graph([*SUPPLY, ("a", "d", 7.0)]))


def test_an_edge_without_direction_comes_and_goes_on_both_sides():
    come, go = edit("board", "c", "a", weight=5.0), edit("board", "d", "b", added=False)
    assert_same_edges(edited(graph(), [come, go]), graph(board=[BOARD[0], ("a", "c", 5.0)]))


def test_a_removed_edge_is_gone_and_an_edge_of_weight_zero_is_still_one():
    gone = edit("supply", "c", "b", outgoing=False, added=False)
    assert_same_edges(edited(graph(), [gone]), graph([SUPPLY[0], SUPPLY[2]]))
    assert_same_edges(edited(graph(), [edit("supply", "a", "c", added=False)]), graph(SUPPLY[:2]))


def test_what_is_there_already_or_not_there_stays_as_it_is():
    there, absent = edit("supply", "a", "b", weight=99.0), edit("supply", "d", "b", added=False)
    assert_same_edges(edited(graph(), [there, absent]), graph())


def test_an_edge_may_be_replaced_by_one_of_another_weight():
    pair = [edit("supply", "a", "b", added=False), edit("supply", "a", "b", weight=9.0)]
    assert_same_edges(edited(graph(), pair), graph([("a", "b", 9.0), *SUPPLY[1:]]))


def test_copies_have_the_aggregates_of_the_firms_they_copy():
    again = np.array([2, 0, 2, 3])
    found, _ = neighbour_features(with_copies(graph(), again))
    expected, _ = neighbour_features(graph())
    np.testing.assert_allclose(found[4:], expected[again], rtol=1e-12)


def test_a_copy_can_lose_an_edge_that_the_firm_keeps():
    copied = with_copies(graph(), np.array([1, 1]))
    gone = Edit("supply", 5, 0, outgoing=False, weight=0.0, added=False)
    found, _ = neighbour_features(edited(copied, [gone]))
    expected, _ = neighbour_features(edited(graph(), [edit("supply", "b", "a", outgoing=False, added=False)]))
    before, _ = neighbour_features(graph())
    np.testing.assert_allclose(found[5], expected[1], rtol=1e-12)
    np.testing.assert_allclose(found[4], before[1], rtol=1e-12)


@pytest.fixture(scope="module")
def with_people(world):
    portfolio = world.portfolio_with_partners()
    tables = world.admitted_tables() | world.admitted_partners()
    return corporate_graph(tables, portfolio, world.QUARTERS[0].end)


def test_links_to_persons_come_and_go_too(with_people):
    links = with_people.partners["board"]
    firm = int(np.flatnonzero(with_people.firms == "a1")[0])
    persons = with_people.nodes["person"]
    anna, carl = (int(np.flatnonzero(persons == name)[0]) for name in ("anna", "carl"))
    changed = edited(
        with_people, [Edit("board", firm, anna, True, 0.0, False), Edit("board", firm, carl, True, 2.0, True)]
    ).partners["board"]
    expected = links.matrix().toarray()
    expected[firm, anna], expected[firm, carl] = 0.0, 2.0
    np.testing.assert_array_equal(changed.matrix().toarray(), expected)
    assert changed.links == links.links


def test_a_copy_is_linked_to_the_same_persons(with_people):
    copied = with_copies(with_people, np.array([0]))
    for name, links in with_people.partners.items():
        both = copied.partners[name].matrix().toarray()
        np.testing.assert_array_equal(both[-1], links.matrix().toarray()[0])
        np.testing.assert_array_equal(both[:-1], links.matrix().toarray())
