"""Communities in numbers, counted by hand on graphs that one can draw."""

import networkx as nx
import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.categories import Category
from models.community_portraits import (
    DRAWN,
    LINES,
    OWN_LINES,
    PanelFirms,
    community_portraits,
    panel_firms,
    quotient,
    telling_category,
)
from models.panel import panel
from schemas.terms import Quarter

Q1 = Quarter(2023, 1)


def panel_of(communities, edges, **changes):
    """Firms by position, with the community of each and undirected edges."""
    size = len(communities)
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    half = sp.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    zeros = np.zeros(size, dtype=np.int64)
    fields = {
        "communities": np.array(communities, dtype=np.str_),
        "union": sp.csr_array(half + half.T),
        "outcomes": zeros,
        "unfavourable": zeros,
        "samples": np.full(size, "development"),
        "categories": (),
    }
    return PanelFirms(**(fields | changes))


def test_a_community_counted_by_hand():
    firms = panel_of(
        list("aaabbc"),
        [(0, 1), (1, 2), (2, 3), (1, 3), (3, 4)],
        outcomes=np.array([2, 2, 1, 1, 0, 0]),
        unfavourable=np.array([1, 0, 0, 1, 0, 0]),
        samples=np.array(["development", "development", "", "validation", "development", ""]),
        categories=(Category("colour", ("red", "blue"), np.array([0, 0, -1, 1, 1, 1])),),
    )
    found = community_portraits(firms, [Q1], "colour")
    assert (found.communities, found.alone, found.firms, found.edges) == (3, 1, 6, 5)
    assert (found.outcomes, found.unfavourable) == (6, 2)
    first, second = found.largest  # a single firm is counted, not drawn
    assert (first.name, first.firms, first.inner_edges, first.outer_edges) == ("a", 3, 2, 2)
    assert (first.outcomes, first.unfavourable, first.unfavourable_rate) == (5, 1, 0.2)
    assert (first.sample, second.sample) == ("development", "several")
    assert (first.composition, second.composition) == ({"red": 2, "blue": 0}, {"red": 0, "blue": 2})
    assert [(link.first, link.second, link.edges) for link in found.links] == [("a", "b", 2)]
    assert found.linked_pairs == 1
    assert (found.sizes.values, found.sizes.shares) == ((1, 2, 3), pytest.approx((1, 2 / 3, 1 / 3)))
    assert (found.category, found.values) == ("colour", ("red", "blue"))


def test_without_outcomes_or_category_nothing_is_invented():
    found = community_portraits(panel_of(list("aab"), [(0, 1)]), [Q1], None)
    assert found.category is None
    assert found.largest[0].unfavourable_rate is None
    assert found.largest[0].composition == {}


def test_no_community_of_two_firms_is_no_portrait():
    assert community_portraits(panel_of(list("abc"), []), [Q1], None) is None


def test_of_thousands_of_communities_the_largest_are_drawn_with_their_heaviest_links():
    sizes = [*range(60, 2, -1), *([1] * 3000)]
    communities = np.repeat([f"c{number:04d}" for number in range(len(sizes))], sizes)
    rng = np.random.default_rng(0)
    firms = panel_of(communities, rng.integers(0, 1700, (20_000, 2)))
    found = community_portraits(firms, [Q1], None)
    assert [one.firms for one in found.drawn] == list(range(60, 60 - DRAWN, -1))
    assert (found.communities, found.alone) == (len(sizes), 3000)
    assert LINES <= len(found.links) <= LINES + OWN_LINES * DRAWN < found.linked_pairs
    assert [link.edges for link in found.links] == sorted((link.edges for link in found.links), reverse=True)
    names = {one.name for one in found.drawn}
    ends = [end for link in found.links for end in (link.first, link.second)]
    assert set(ends) == names
    assert all(ends.count(name) >= OWN_LINES for name in names)


@given(st.integers(2, 25), st.floats(0, 0.6), st.integers(1, 6), st.integers(0, 300))
def test_the_quotient_counts_every_edge_once(size, density, groups, seed):
    drawn = nx.gnp_random_graph(size, density, seed=seed)
    members = np.random.default_rng(seed).integers(0, groups, size)
    found = quotient(sp.csr_array(nx.to_scipy_sparse_array(drawn, dtype=float)), members, groups).toarray()
    assert (found == found.T).all()
    assert np.triu(found).sum() == drawn.number_of_edges()
    for a, b in drawn.edges:
        assert found[members[a], members[b]] >= 1


def test_the_panel_is_summed_up_to_its_firms(world, graphs):
    portfolio = world.portfolio()
    category = next(column for column in portfolio.protected_columns)
    one, other = category.values[:2]
    first = graphs.graph_of(list("abc"), {"supply": [("a", "b")]}, np.zeros((3, 1)), as_of=Q1.end)
    second = graphs.graph_of(list("abd"), {"supply": [("b", "d")]}, as_of=Q1.shifted(1).end)
    plain = portfolio.model_copy(
        update={
            "firms": portfolio.firms.model_copy(update={"columns": (category,)}),
            "filings": None,
        }
    )
    outcomes = pl.DataFrame({"vintage": ["2023Q1", "2023Q1", "2023Q2"], "firm_id": list("aba"), "outcome": [1, 0, 0]})
    rows = panel([first, second], outcomes)
    dealt = pl.DataFrame(
        {
            "firm_id": list("abcabd"),
            "community": list("aacaaa"),
            "sample": ["development", "development", "excluded", "out_of_time", "validation", "excluded"],
        }
    )
    attributes = pl.DataFrame(
        {
            "quarter": ["2023Q1"] * 3 + ["2023Q2"] * 3,
            "firm_id": list("abcabd"),
            category.name: [one, one, None, other, None, other],
        }
    )
    found = panel_firms([first, second], rows, dealt, attributes, plain)
    assert found.communities.tolist() == list("aaca")
    assert found.outcomes.tolist() == [2, 1, 0, 0]
    bad = [index for index, name in enumerate(portfolio.target.classes) if name not in portfolio.target.favourable]
    assert found.unfavourable.tolist() == [int(1 in bad) + int(0 in bad), int(0 in bad), 0, 0]
    # Out of time says nothing of the firm; b is in two samples; c and d are left out.
    assert found.samples.tolist() == ["development", "several", "", ""]
    assert found.categories[0].codes.tolist() == [1, 0, -1, 1]
    assert found.union.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("homophily", "told"),
    [({"a": 0.1, "b": -0.4, "c": None}, "b"), ({"a": None}, "a"), ({}, None), ({"a": 0.2, "b": 0.2}, "a")],
)
def test_the_category_furthest_from_chance_tells_most(homophily, told):
    assert telling_category(homophily) == told
