"""Flips are counted where they happen, the worst case is never better than chance, and exact where it says so."""

import numpy as np
import pytest
from scipy.stats import binomtest

from models.candidates import fitted_candidate
from models.edge_effects import margins, mean_interval, share_interval
from models.edge_stability import Subject, edge_stability
from models.graph_reading import asked_of_graph, reading
from models.inputs import with_computed
from models.perturbation import Edit, edited
from models.segments import Segments
from schemas.candidates import Group
from schemas.specs import GraphSpec
from schemas.stability import ALL_FIRMS, Change
from tests.portfolio.graphs import graph_of, learnable

FIRMS = [f"f{number:02d}" for number in range(12)]
#: f00 has four buyers, f01 two, f02 one; the others buy or stand alone
EDGES = [("f00", "f03"), ("f00", "f04"), ("f00", "f05"), ("f00", "f06"), ("f01", "f03"), ("f01", "f04"), ("f02", "f03")]
CANDIDATES = [
    {"name": "aggregates", "kind": "logistic", "features": "neighbour"},
    {"name": "network", "kind": "gcn", "layers": 1},
    {"name": "plain", "kind": "logistic"},
    {"name": "placed", "kind": "lightgbm", "features": "structure"},
    {"name": "smooth", "kind": "correct_and_smooth", "base": {"kind": "logistic", "features": "neighbour"}},
    {"name": "relational", "kind": "rgcn"},
    {"name": "both", "kind": "ensemble", "members": ["aggregates", "plain"]},
    {"name": "all", "kind": "ensemble", "members": ["aggregates", "placed", "relational"]},
]


#: each firm sells to the next two: two buyers each
RING = graph_of(
    [f"f{number:03d}" for number in range(300)],
    {"supply": [(f"f{n:03d}", f"f{(n + step) % 300:03d}") for n in range(300) for step in (1, 2)]},
)


def outgoing_share(graph):
    """Score a firm by its number of buyers: a tenth each, two of them at the cut-off of .2."""
    positive = np.minimum(np.diff(graph.relations["supply"].indptr) / 10.0, 1.0)
    return np.stack([1 - positive, positive], axis=1)


def everybody_alike(graph):
    """Score every firm by the number of edges there are."""
    positive = np.full(graph.size, graph.relations["supply"].edges / 1000.0)
    return np.stack([1 - positive, positive], axis=1)


def measured(world, name="aggregates", graph=None, scorer=outgoing_share, threshold=0.15, segments=None, **settings):
    graph = graph_of(FIRMS, {"supply": EDGES}) if graph is None else graph
    portfolio = world.portfolio(
        candidates=CANDIDATES, graph={"structure": ["degree"]}, stability={"moves": 40} | settings
    )
    spec = next(spec for spec in portfolio.candidates if spec.name == name)
    of_firm = np.array(["x"] * graph.size) if segments is None else segments
    told = Segments(of_firm, ("x", "many", "few", "nobody"), "nothing")
    return edge_stability(graph, portfolio, Subject(spec, scorer, threshold, told), chosen=True)


def overall(found, change):
    return {one.edges: one for one in found.flips_of(change)}


def test_the_worst_case_is_found_where_it_is_known(world):
    found = measured(world)
    worst = overall(found, Change.WORST)
    # One edge turns f01, which loses one of its two buyers, and f02, which gets a second one; two edges turn all
    # firms with none as well; f00 falls from .4 below .15 with three, which five edges can.
    assert worst[1].flipped.value == pytest.approx(2 / 12)
    assert worst[2].flipped.value == pytest.approx(11 / 12)
    assert worst[5].flipped.value == 1.0
    assert worst[1].score_change.value == pytest.approx(0.1)
    assert worst[2].score_change.value == pytest.approx(0.2, abs=0.01)


def test_all_removals_are_tried_where_only_own_edges_count(world):
    found = overall(measured(world, moves=2), Change.ANY_REMOVAL)[1]
    assert found.flipped.value == pytest.approx(1 / 12)
    assert found.score_change.value == pytest.approx(3 * 0.1 / 12)
    assert not measured(world, "network").flips_of(Change.ANY_REMOVAL)


def test_random_changes_do_what_their_name_says(world):
    found = measured(world, draws=20)
    removed, added = overall(found, Change.REMOVED), overall(found, Change.ADDED)
    # f00, f01 and f02 alone have a buyer to lose; the buyers lose suppliers, which this scorer does not see.
    assert removed[5].score_change.value == pytest.approx((4 + 2 + 1) * 0.1 / 12)
    # Half of the additions are on the selling side, and one in twelve would be to itself.
    assert 0.03 < added[1].score_change.value < 0.06
    assert overall(found, Change.REWIRED)[1].score_change.value == 0.0


def test_an_edge_that_moves_does_not_change_the_number_of_buyers_but_their_aggregates(world):
    data = learnable(firms=60, groups=6)
    portfolio = world.portfolio(candidates=CANDIDATES[:2])
    fitted = fitted_candidate(portfolio.candidates[0], data)
    found = measured(world, graph=data.graph, scorer=fitted.probabilities, draws=2)
    assert overall(found, Change.REWIRED)[1].score_change.value > 0


def test_the_worst_case_is_never_better_than_chance_and_more_edges_do_more(world):
    data = learnable(firms=60, groups=6)
    portfolio = world.portfolio(candidates=CANDIDATES[:2])
    fitted = fitted_candidate(portfolio.candidates[0], data)
    found = measured(world, graph=data.graph, scorer=fitted.probabilities, threshold=0.5, moves=4)
    worst = overall(found, Change.WORST)
    for change in (Change.REMOVED, Change.ADDED):
        for edges, one in overall(found, change).items():
            assert one.flipped.value <= worst[edges].flipped.value
            assert one.score_change.value <= worst[edges].score_change.value + 1e-12
    assert worst[1].flipped.value <= worst[2].flipped.value <= worst[5].flipped.value
    assert worst[1].flipped.value > 0


def test_copies_say_what_changing_the_graph_itself_says(world):
    data = learnable(firms=36, groups=4)
    portfolio = world.portfolio(candidates=CANDIDATES[:2])
    fitted = fitted_candidate(portfolio.candidates[0], data)
    base = fitted.probabilities(data.graph)[:, 1]
    largest = np.zeros(data.graph.size)
    supply = data.graph.relations["supply"].matrix().tocoo()
    for source, target in zip(supply.row.tolist(), supply.col.tolist(), strict=True):
        without = edited(data.graph, [Edit("supply", source, target, True, 0.0, False)])
        moved = np.abs(fitted.probabilities(without)[:, 1] - base)
        for firm in (source, target):
            largest[firm] = max(largest[firm], moved[firm])
    found = measured(world, graph=data.graph, scorer=fitted.probabilities, threshold=0.5)
    assert found.firms == found.of == 36
    assert overall(found, Change.ANY_REMOVAL)[1].score_change.value == pytest.approx(largest.mean())


def test_structure_is_computed_again_on_the_changed_graph(world):
    data = learnable(firms=60, groups=6)
    graph = with_computed(data.graph, GraphSpec(structure=("degree",)))

    def by_degree(changed):
        partners = np.nan_to_num(changed.computed[Group.STRUCTURE].values[:, 0])
        return np.stack([1 - partners / 100, partners / 100], axis=1)

    found = measured(world, "placed", graph=graph, scorer=by_degree, firms=8)
    assert overall(found, Change.WORST)[1].score_change.value > 0


def test_firms_that_are_changed_together_turn_as_they_would_alone(world):
    found = measured(world, "network", graph=RING, draws=40)
    worst, removed = overall(found, Change.WORST), overall(found, Change.REMOVED)
    assert (found.firms, found.of, found.together) == (20, 300, 20)
    assert worst[1].flipped.value == 1.0
    # Two of a firm's four edges are sales, and either takes it below the cut-off.
    assert removed[1].flipped.value == pytest.approx(0.5, abs=0.06)
    assert overall(found, Change.ADDED)[5].flipped.value == 0.0


def test_what_the_changes_of_others_do_is_told_apart(world):
    spread = measured(world, "network", graph=RING, scorer=everybody_alike, threshold=0.9, firms=9)
    assert spread.together == 9
    assert 0 < spread.bystanders <= overall(spread, Change.WORST)[5].score_change.value
    alone = measured(world, graph=RING, firms=9)
    assert (alone.together, alone.bystanders) == (1, None)


@pytest.mark.parametrize(("size", "most"), [(3, 1), (12, 3), (120, 20), (2500, 100)])
def test_few_firms_of_a_graph_are_changed_together(world, size, most):
    graph = graph_of([f"f{n:04d}" for n in range(size)], {"supply": [("f0000", "f0001")]})
    found = measured(world, "network", graph=graph, moves=2, draws=1, changes=[1], firms=1000)
    assert found.firms == most


def test_segments_add_up_to_all_firms(world):
    segments = np.array(["few"] * 3 + ["many"] * 9)
    found = measured(world, segments=segments)
    assert found.segments == (ALL_FIRMS, "many", "few")
    few, many = (found.flips_of(Change.WORST, name)[0] for name in ("few", "many"))
    assert (few.firms, many.firms) == (3, 9)
    assert few.flipped.value == pytest.approx(2 / 3)
    assert many.flipped.value == 0.0


def test_every_setting_acts(world):
    base = measured(world, firms=6, moves=4)
    assert measured(world, firms=3, moves=4).firms == 3
    assert [one.edges for one in measured(world, changes=[1, 3]).flips_of(Change.WORST)] == [1, 3]
    assert measured(world, firms=6, moves=4) == base
    assert measured(world, firms=6, moves=4, seed=1) != base
    assert measured(world, firms=6, moves=4, draws=9).flips_of(Change.ADDED) != base.flips_of(Change.ADDED)
    few, many = (measured(world, "network", graph=RING, threshold=0.25, moves=moves) for moves in (2, 40))
    assert overall(few, Change.WORST)[1].flipped.value < overall(many, Change.WORST)[1].flipped.value == 1.0


def test_a_graph_without_an_edge_is_not_assessable(world):
    found = measured(world, graph=graph_of(FIRMS, {"supply": []}))
    assert found.flips == ()
    assert "no edge" in found.reason


def test_what_a_candidate_reads_decides_how_it_is_measured(world):
    portfolio = world.portfolio(candidates=CANDIDATES, graph={"structure": ["degree"]})
    read = {spec.name: reading(spec, portfolio) for spec in portfolio.candidates}
    assert {name for name, one in read.items() if one.own_edges} == {"aggregates", "plain", "both"}
    assert {name for name, one in read.items() if one.other_nodes} == {"placed", "relational", "all"}
    assert read["smooth"].groups == {Group.OWN, Group.NEIGHBOUR}
    assert asked_of_graph(portfolio.graph, read["all"].groups) == portfolio.graph
    assert asked_of_graph(portfolio.graph, read["smooth"].groups).structure == ()


def test_the_interval_of_a_share_is_exact():
    for happened, of in ((0, 10), (3, 17), (10, 10)):
        found = share_interval(np.repeat([1.0, 0.0], [happened, of - happened]))
        exact = binomtest(happened, of).proportion_ci(method="exact")
        assert (found.value, found.low, found.high) == pytest.approx((happened / of, exact.low, exact.high))


def test_the_interval_of_a_mean_holds_it_and_never_goes_below_zero():
    found = mean_interval(np.array([0.0, 0.0, 0.3]))
    assert found.low == 0.0
    assert found.value == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1 + 1.959964 * 0.1)
    assert mean_interval(np.array([0.2])).low is None


def test_the_margin_is_the_distance_to_another_class(world):
    binary = world.portfolio().target
    found = margins(np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([1, 0]), binary, 0.3)
    np.testing.assert_allclose(found, [0.1, 0.2])
    several = binary.model_copy(update={"classes": ("a", "b", "c")})
    found = margins(np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]]), np.array([0, 2]), several, 0.3)
    np.testing.assert_allclose(found, [0.2, -0.2])
