"""What changed between two graphs, held against graphs that one can draw and against plain sets."""

import datetime as dt
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.communities import Communities
from models.graph_diff import MOVES_SHOWN, NEIGHBOURHOODS_SHOWN, graph_diff

LATER = dt.date(2023, 6, 30)
FIRMS = ["a", "b", "c", "d", "e"]


def groups(graph, *members):
    """Return a partition: each group is a string of one-letter firms; the others are on their own."""
    name = {firm: min(group) for group in members for firm in group}
    return Communities(np.array([name.get(firm, firm) for firm in graph.firms.tolist()]), 0.0)


def compared(before, after, old=(), new=()):
    return graph_diff(before, after, groups(before, *old), groups(after, *new))


def test_the_same_graph_twice_has_an_empty_difference(graphs):
    graph = graphs.graph_of(
        FIRMS, {"supply": [("a", "b", 2.0), ("b", "c")], "board": [("a", "e")]}, undirected=["board"]
    )
    found = compared(graph, graph, ["abc"], ["abc"])
    assert found.equal
    assert all(part.equal for part in found.parts)
    assert (found.firms.came, found.firms.left) == ((), ())
    assert all(relation.unchanged and relation.jaccard == 1.0 for relation in found.relations)
    assert not (found.communities.split or found.communities.merged or found.communities.born or found.communities.died)
    assert [(one.before.name, one.shared) for one in found.communities.kept] == [("a", 3)]
    assert (found.neighbourhoods.changed, found.neighbourhoods.most_changed) == (0, ())
    assert found.neighbourhoods.mean_change == 0.0


def test_the_parts_that_are_equal_are_said_to_be_equal(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b")], "board": [("a", "e")]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "c")], "board": [("a", "e")]}, as_of=LATER)
    found = compared(before, after)
    assert {part.part: part.equal for part in found.parts} == {
        "firms": True,
        "features": True,
        "relation:board": True,
        "relation:supply": False,
    }
    assert not found.equal


def test_firms_that_come_and_go_are_named(graphs):
    before = graphs.graph_of(["a", "b", "c"], {"supply": [("a", "b")]})
    after = graphs.graph_of(["b", "c", "zebra", "a1"], {"supply": [("b", "c")]})
    firms = compared(before, after).firms
    assert (firms.before, firms.after, firms.kept) == (3, 4, 2)
    assert (firms.came, firms.left) == (("a1", "zebra"), ("a",))


def test_edges_are_matched_by_firm_and_not_by_position(graphs):
    before = graphs.graph_of(["b", "c", "d"], {"supply": [("b", "c"), ("c", "d")]})
    after = graphs.graph_of(["a", "b", "c", "d"], {"supply": [("b", "c"), ("c", "d")]})
    relation = compared(before, after).relations[0]
    assert relation.unchanged
    assert (relation.kept, relation.born, relation.died) == (2, 0, 0)


def test_edges_born_died_and_kept_are_counted_with_their_weights(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b", 5.0), ("b", "c", 1.0), ("c", "d", 7.0)]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "b", 2.0), ("b", "c", 1.0), ("d", "c", 7.0), ("e", "a", 9.0)]})
    relation = compared(before, after).relations[0]
    assert (relation.edges_before, relation.edges_after) == (3, 4)
    assert (relation.kept, relation.born, relation.died, relation.jaccard) == (2, 2, 1, 2 / 5)
    assert (relation.reweighted, relation.kept_weight_before, relation.kept_weight_after) == (1, 6.0, 3.0)
    assert [(move.source, move.target, move.before, move.after) for move in relation.moves] == [("a", "b", 5.0, 2.0)]
    assert relation.moves[0].change == -3.0


def test_an_undirected_edge_counts_once(graphs):
    before = graphs.graph_of(FIRMS, {"board": [("b", "a", 1.0), ("c", "d")]}, undirected=["board"])
    after = graphs.graph_of(FIRMS, {"board": [("a", "b", 4.0)]}, undirected=["board"])
    relation = compared(before, after).relations[0]
    assert (relation.directed, relation.edges_before, relation.kept, relation.died) == (False, 2, 1, 1)
    assert (relation.reweighted, relation.kept_weight_before, relation.kept_weight_after) == (1, 1.0, 4.0)


def test_a_relation_that_only_one_quarter_has_is_born_or_dies_whole(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b")]})
    after = graphs.graph_of(FIRMS, {"board": [("a", "b"), ("c", "d")]}, undirected=["board"])
    board, supply = compared(before, after).relations
    assert (board.relation, board.born, board.died, board.jaccard) == ("board", 2, 0, 0.0)
    assert (supply.relation, supply.born, supply.died, supply.jaccard) == ("supply", 0, 1, 0.0)
    parts = {part.part: (part.before is None, part.after is None) for part in compared(before, after).parts}
    assert (parts["relation:board"], parts["relation:supply"]) == ((True, False), (False, True))


def test_a_relation_that_lost_its_direction_is_compared_without_it(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("b", "a", 2.0)]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "b", 2.0)]}, undirected=["supply"])
    relation = compared(before, after).relations[0]
    assert (relation.directed, relation.kept, relation.unchanged) == (False, 1, True)
    assert [part.equal for part in compared(before, after).parts if part.part == "relation:supply"] == [False]


def test_a_relation_without_an_edge_has_no_jaccard(graphs):
    graph = graphs.graph_of(FIRMS, {"supply": []})
    assert compared(graph, graph).relations[0].jaccard is None


def test_the_largest_moves_come_first_and_are_at_most_ten(graphs):
    firms = [f"f{number:02d}" for number in range(14)]
    before = graphs.graph_of(firms, {"supply": [(firms[0], firm, 100.0) for firm in firms[1:]]})
    after = graphs.graph_of(firms, {"supply": [(firms[0], firm, 100.0 - n) for n, firm in enumerate(firms[1:])]})
    relation = compared(before, after).relations[0]
    assert relation.reweighted == 12
    assert len(relation.moves) == MOVES_SHOWN
    assert [move.target for move in relation.moves] == firms[:3:-1]


def test_the_neighbourhood_that_lost_all_its_partners_leads(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b"), ("a", "c"), ("d", "e")], "board": [("b", "c")]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "b"), ("d", "a")], "board": [("b", "c")]})
    found = compared(before, after).neighbourhoods
    # a: {b, c} -> {b, d}; c: {a, b} -> {b}; d: {e} -> {a}; e: {d} -> {}; b stays {a, c}
    assert [(one.firm, one.change) for one in found.most_changed] == [
        ("d", 1.0),
        ("e", 1.0),
        ("a", pytest.approx(2 / 3)),
        ("c", 0.5),
    ]
    assert (found.firms, found.changed) == (5, 4)
    assert found.mean_change == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 5)
    first = found.most_changed[0]
    assert (first.partners_before, first.partners_after, first.came, first.left) == (1, 1, 1, 1)


def test_equal_changes_of_partners_are_ordered_by_the_weight_that_moved(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b", 1.0), ("c", "d", 1.0)]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "b", 3.0), ("c", "d", 8.0)]})
    found = compared(before, after).neighbourhoods
    assert [(one.firm, one.change, one.weight_change) for one in found.most_changed] == [
        ("c", 0.0, 7.0),
        ("d", 0.0, 7.0),
        ("a", 0.0, 2.0),
        ("b", 0.0, 2.0),
    ]
    assert found.changed == 0


def test_weights_that_move_in_opposite_directions_do_not_cancel(graphs):
    before = graphs.graph_of(FIRMS, {"supply": [("a", "b", 5.0), ("b", "a", 1.0)], "board": [("a", "b", 1.0)]})
    after = graphs.graph_of(FIRMS, {"supply": [("a", "b", 1.0), ("b", "a", 5.0)], "board": [("a", "b", 2.0)]})
    assert compared(before, after).neighbourhoods.most_changed[0].weight_change == 9.0


def test_only_firms_of_both_quarters_have_a_changed_neighbourhood_and_at_most_twenty_are_shown(graphs):
    firms = [f"f{number:02d}" for number in range(30)]
    before = graphs.graph_of(firms, {"supply": [(firms[0], firm) for firm in firms[1:]]})
    after = graphs.graph_of(firms[1:], {"supply": []})
    found = compared(before, after).neighbourhoods
    assert (found.firms, found.changed, len(found.most_changed)) == (29, 29, NEIGHBOURHOODS_SHOWN)
    assert found.most_changed[0].firm == "f01"


LETTERS = [chr(ord("a") + place) for place in range(20)]


def two(graphs, old, new, gone=""):
    before = graphs.graph_of(LETTERS, {"supply": [("a", "b")]})
    after = graphs.graph_of([firm for firm in LETTERS if firm not in gone], {"supply": []})
    return compared(before, after, old, new).communities


def test_a_community_that_divides_in_halves_is_split(graphs):
    found = two(graphs, ["abcdefgh"], ["abcd", "efgh"])
    assert [(flow.name, flow.firms, flow.persisting) for flow in found.split] == [("a", 8, 8)]
    assert [(part.name, part.shared) for part in found.split[0].parts] == [("a", 4), ("e", 4)]
    assert (found.kept, found.merged, found.born, found.died) == ((), (), (), ())
    assert (found.before, found.after) == (13, 14)


def test_two_communities_that_become_one_are_merged(graphs):
    found = two(graphs, ["abcd", "efghi"], ["abcdefghi"])
    assert [(part.name, part.firms, part.shared) for part in found.merged[0].parts] == [("e", 5, 5), ("a", 4, 4)]
    assert (found.merged[0].name, found.merged[0].firms) == ("a", 9)
    assert (found.kept, found.split, found.born, found.died) == ((), (), (), ())


@pytest.mark.parametrize(
    ("old", "new", "split"),
    [
        ("abcdefgh", ["abcdef", "gh"], 0),  # a quarter of the firms, but two only
        ("abcdefghijklmno", ["abcdefghijkl", "mno"], 1),  # a fifth exactly, three exactly
        ("abcdefghijklmnop", ["abcdefghijklm", "nop"], 0),  # three, but less than a fifth
    ],
)
def test_a_splinter_counts_from_a_fifth_of_the_persisting_firms_and_from_three(graphs, old, new, split):
    found = two(graphs, [old], new)
    assert len(found.split) == split
    assert len(found.kept) == 1 - split


def test_firms_that_left_do_not_count_towards_the_fifth(graphs):
    # of sixteen firms ten persist: three of them are enough then
    found = two(graphs, ["abcdefghijklmnop"], ["abcdefg", "nop"], gone="hijklm")
    assert [(flow.firms, flow.persisting) for flow in found.split] == [(16, 10)]


def test_a_kept_community_may_have_another_name(graphs):
    found = two(graphs, ["abcdef"], ["bcdefg"], gone="a")
    assert [(one.before.name, one.after.name, one.shared) for one in found.kept] == [("a", "b", 5)]


def test_a_community_whose_firms_scatter_dies_and_one_without_an_origin_is_born(graphs):
    found = two(graphs, ["abcd", "mnopq"], ["efghi", "mnopq"])
    assert [(one.name, one.firms) for one in found.died] == [("a", 4)]
    assert [(one.name, one.firms) for one in found.born] == [("e", 5)]
    assert [one.before.name for one in found.kept] == ["m"]


@pytest.mark.parametrize(("old", "new"), [("abcd", "abef"), ("abcd", "ab"), ("ab", "abcd")])
def test_exactly_half_is_no_majority(graphs, old, new):
    found = two(graphs, [old], [new])
    assert found.kept == ()
    assert [one.name for one in found.died] == (["a"] if len(old) > 2 else [])
    assert [one.name for one in found.born] == (["a"] if len(new) > 2 else [])


def test_the_loners_and_the_pairs_are_counted_and_not_followed(graphs):
    found = two(graphs, ["ab"], ["cd"])
    assert (found.before, found.after) == (19, 19)
    assert (found.kept, found.split, found.merged, found.born, found.died) == ((), (), (), (), ())


firm_ids = st.sampled_from([f"f{number}" for number in range(8)])
edge_lists = st.dictionaries(
    st.tuples(firm_ids, firm_ids).filter(lambda pair: pair[0] < pair[1]), st.sampled_from([0.0, 0.5, 1.0, 3.0])
)


def partners(edges, firms):
    found = defaultdict(set)
    for source, target in edges:
        if source in firms and target in firms:
            found[source].add(target)
            found[target].add(source)
    return found


@given(edge_lists, edge_lists, st.sets(firm_ids, min_size=1), st.sets(firm_ids, min_size=1), st.booleans())
def test_every_number_is_the_one_that_plain_sets_give(graphs, old, new, before, after, directed):
    one, two = (
        graphs.graph_of(
            sorted(firms),
            {"supply": [(*pair, w) for pair, w in edges.items()]},
            undirected=[] if directed else ["supply"],
        )
        for firms, edges in ((before, old), (after, new))
    )
    found = compared(one, two)
    was = {pair: w for pair, w in old.items() if set(pair) <= before}
    now = {pair: w for pair, w in new.items() if set(pair) <= after}
    kept = was.keys() & now.keys()
    relation = found.relations[0]
    assert (relation.kept, relation.born, relation.died) == (len(kept), len(now) - len(kept), len(was) - len(kept))
    assert relation.reweighted == sum(was[pair] != now[pair] for pair in kept)
    assert relation.kept_weight_before == pytest.approx(sum(was[pair] for pair in kept))
    assert relation.kept_weight_after == pytest.approx(sum(now[pair] for pair in kept))
    earlier, later = partners(old, before), partners(new, after)
    both = before & after
    assert found.neighbourhoods.changed == sum(earlier[firm] != later[firm] for firm in both)
    for change in found.neighbourhoods.most_changed:
        union = earlier[change.firm] | later[change.firm]
        jaccard = len(earlier[change.firm] & later[change.firm]) / len(union) if union else 1.0
        assert change.change == pytest.approx(1 - jaccard)
        moved = sum(abs(was.get(pair, 0) - now.get(pair, 0)) for pair in was.keys() | now.keys() if change.firm in pair)
        assert change.weight_change == pytest.approx(moved)
    assert found.firms.came == tuple(sorted(after - before))
    assert found.firms.left == tuple(sorted(before - after))


@given(edge_lists, edge_lists)
def test_the_way_back_mirrors_the_way_there(graphs, old, new):
    one, two = (
        graphs.graph_of([f"f{n}" for n in range(8)], {"supply": [(*pair, w) for pair, w in edges.items()]})
        for edges in (old, new)
    )
    there, back = compared(one, two), compared(two, one)
    for a, b in zip(there.relations, back.relations, strict=True):
        assert (a.born, a.died, a.kept, a.jaccard) == (b.died, b.born, b.kept, b.jaccard)
    assert [x.change for x in there.neighbourhoods.most_changed] == [x.change for x in back.neighbourhoods.most_changed]
