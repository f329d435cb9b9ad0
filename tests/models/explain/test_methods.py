"""Every method on networks and tables: what it must keep to, whatever it finds."""

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.explain.attention import attention_attribution, attention_maps
from models.explain.attribution import Method, Place
from models.explain.dist_shift import dist_shift
from models.explain.fidelity import agreement
from models.explain.integrated_gradients import integrated_gradients
from models.explain.leave_one_out import leave_one_out
from models.explain.masks import MaskSettings, batched_masks, gnn_explainer
from models.explain.opened import opened
from models.explain.pg_explainer import PgSettings, fitted_pg_explainer
from models.explain.shapley import shap_values
from models.explain.tables import OpenedTable
from models.explain.whole import OpenedWhole
from schemas.errors import SettingsError
from tests.models.explain.conftest import drawn_network

FIRM = 7
ATTENDING = [{"kind": "gat"}, {"kind": "gatv2"}, {"kind": "han"}, {"kind": "hgt"}, {"kind": "gdan"}]


@pytest.fixture(scope="module")
def planted(graphs):
    """Return a hub with twelve suppliers of which one, f003, is what its network hears, and that network.

    The linear network adds up the mean of the suppliers' only feature; theirs are alike but for one.
    """
    firms = [f"f{number:03d}" for number in range(30)]
    edges = [(firms[number], firms[0], 1.0) for number in range(1, 13)]
    edges += [(firms[number], firms[number - 12], 1.0) for number in range(13, 25)]
    values = np.random.default_rng(0).normal(scale=0.01, size=(30, 1))
    values[3] = 6.0
    graph = graphs.graph_of(firms, {"supply": edges}, values)
    door = drawn_network(graph, kind="graphsage", layers=1)
    return graph, door


@pytest.mark.parametrize(
    "explain",
    [
        leave_one_out,
        integrated_gradients,
        lambda one: gnn_explainer(one, MaskSettings(steps=40)),
        lambda one: batched_masks(one.opened, [5, one.row], MaskSettings(steps=40))[1],
    ],
    ids=["leave_one_out", "integrated_gradients", "gnn_explainer", "batched_masks"],
)
def test_the_partner_that_makes_the_score_comes_first(planted, explain):
    _, door = planted
    found = explain(door.about(0))
    assert found.firm == "f000"
    assert found.top_edges(1)[0].edge.partner_of("f000") == "f003"
    assert found.top_edges(1)[0].edge.relation == "supply"
    of_partners = found.top_features(1, Place.NETWORK)[0]
    assert of_partners.feature.name == f"partners: {door.graph.feature_names[0]}"


def test_a_learnt_explainer_finds_the_same_on_firms_it_has_not_seen(planted):
    _, door = planted
    settings = PgSettings(epochs=12, rate=0.02)
    learnt = fitted_pg_explainer(door, np.arange(1, 30), settings)
    found = learnt.explain([0, 5])
    assert [one.firm for one in found] == ["f000", "f005"]
    assert found[0].method is Method.PG_EXPLAINER
    strengths = [one.weight for one in found[0].edges]
    assert len(strengths) == 12
    assert found[0].top_edges(1)[0].edge.partner_of("f000") == "f003"
    assert min(strengths) >= 0
    assert max(strengths) <= 1


@pytest.mark.parametrize("settings", [{"kind": "gcn"}, {"kind": "rgcn", "members": 2}, *ATTENDING, {"kind": "sehgnn"}])
def test_integrated_gradients_add_up_to_the_distance_from_the_baseline(scattered, settings):
    one = drawn_network(scattered, **settings).about(FIRM)
    found = integrated_gradients(one, steps=64)
    total = sum(weight.weight for weight in (*found.edges, *found.features))
    assert found.log_odds == pytest.approx(one.log_odds()[0])
    assert total == pytest.approx(found.log_odds - found.notes["baseline"], abs=0.01 + 0.02 * abs(total))
    assert abs(found.notes["incompleteness"]) < 0.01 + 0.02 * abs(total)


def test_left_out_edges_are_those_of_the_firm_unless_more_hops_are_asked_for(scattered):
    one = drawn_network(scattered, kind="rgcn").about(FIRM)
    near, far = leave_one_out(one, features=False), leave_one_out(one, hops=2)
    assert not near.features
    assert len(far.features) == len(one.features)
    for own, weight in zip(near.edges, far.edges, strict=True):
        assert own.weight == (pytest.approx(weight.weight) if own.edge.hop == 0 else 0)
    assert any(weight.weight for weight in far.edges if weight.edge.hop == 1)


def test_masks_learnt_together_are_those_learnt_alone(scattered):
    door = drawn_network(scattered, kind="gat")
    settings = MaskSettings(spread=0.0, steps=15)
    together = batched_masks(door, [FIRM, 8, 9], settings, fanout=0)
    for one, row in zip(together, (FIRM, 8, 9), strict=True):
        alone = gnn_explainer(door.about(row), settings)
        assert [w.edge for w in one.edges] == [w.edge for w in alone.edges]
        np.testing.assert_allclose([w.weight for w in one.edges], [w.weight for w in alone.edges], atol=1e-3)
        np.testing.assert_allclose([w.weight for w in one.features], [w.weight for w in alone.features], atol=1e-3)


def test_seeds_and_prices_of_masks_act(scattered):
    one = drawn_network(scattered, kind="rgcn").about(FIRM)
    first, again, other = (gnn_explainer(one, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    dear = gnn_explainer(one, MaskSettings(size=5.0))
    assert sum(w.weight for w in dear.edges) < sum(w.weight for w in first.edges)
    undecided = gnn_explainer(one, MaskSettings(entropy=0.0, spread=0.0, steps=1))
    assert all(0.4 < w.weight < 0.6 for w in undecided.edges)


@pytest.mark.parametrize("settings", ATTENDING, ids=lambda one: one["kind"])
def test_attention_is_shared_out_among_those_who_are_heard(scattered, settings):
    door = drawn_network(scattered, **settings, layers=2)
    one = door.about(FIRM)
    maps = attention_maps(one)
    assert any(edge for found in maps for edge in found.edges)
    for found in maps:
        np.testing.assert_allclose(found.shares.sum(axis=0), 1, atol=1e-5)
        assert all(one.firm in (edge.source, edge.target) for edge in found.edges if edge)
        assert found.columns == ("dimensions" if settings["kind"] == "gdan" else "heads")
    rolled = attention_attribution(one)
    own = sum(weight.weight for weight in rolled.edges if weight.edge.hop == 0)
    assert own > 0
    assert all(weight.weight >= 0 for weight in rolled.edges)
    assert sum(weight.weight for weight in rolled.edges) <= 2 + 1e-6, "at most 1 a layer"


def test_a_network_without_attention_says_so(scattered):
    with pytest.raises(SettingsError, match="has no attention"):
        attention_attribution(drawn_network(scattered, kind="gcn").about(FIRM))


@pytest.fixture(scope="module")
def learnt(graphs):
    return graphs.learnable()


@pytest.mark.parametrize(
    ("settings", "way"),
    [
        ({"kind": "lightgbm", "rounds": 20, "features": "neighbour"}, "TreeSHAP"),
        ({"kind": "logistic", "features": "neighbour"}, "linear"),
        ({"kind": "random_forest", "trees": 10}, "32 sampled orders"),
    ],
)
@pytest.mark.parametrize("adverse", [(1,), (0,)])
def test_shap_values_and_baseline_add_up_to_the_score(learnt, settings, way, adverse):
    fitted = fitted_candidate(_spec(settings), learnt)
    door = opened(fitted, learnt.graph, adverse)
    assert isinstance(door, OpenedTable)
    found = shap_values(door.about(FIRM), orders=32)
    assert found.notes["way"] == way
    total = sum(weight.weight for weight in found.features) + found.notes["baseline"]
    assert total == pytest.approx(found.log_odds, abs=1e-6)
    assert [one.feature.name for one in found.features] == [one.name for one in door.about(FIRM).features]


def test_sampled_shap_values_come_near_the_exact_ones(learnt):
    fitted = fitted_candidate(_spec({"kind": "logistic"}), learnt)
    door = opened(fitted, learnt.graph, [1])
    exact = shap_values(door.about(FIRM))
    other = OpenedTable(_Unknown(fitted), learnt.graph, door.groups, (1,))
    sampled = shap_values(other.about(FIRM), orders=2000)
    assert sampled.notes["way"] == "2000 sampled orders"
    np.testing.assert_allclose([w.weight for w in sampled.features], [w.weight for w in exact.features], atol=0.1)


class _Unknown:
    """A candidate of which only the probabilities are known."""

    def __init__(self, fitted):
        self.probabilities = fitted.probabilities


def test_a_table_loses_a_partner_as_its_graph_does(learnt):
    fitted = fitted_candidate(_spec({"kind": "logistic", "features": "neighbour"}), learnt)
    row, whole = opened(fitted, learnt.graph, [1]).about(FIRM), OpenedWhole(fitted, learnt.graph, (1,)).about(FIRM)
    assert row.edges == whole.edges
    kept = ~np.eye(len(row.edges), dtype=bool)
    np.testing.assert_allclose(row.log_odds(kept), whole.log_odds(kept), atol=1e-9)
    assert row.log_odds()[0] == pytest.approx(whole.log_odds()[0])
    assert abs(row.log_odds(kept) - row.log_odds()).max() > 0
    assert len(leave_one_out(row).edges) == 2


def test_a_table_without_aggregates_has_no_edges(learnt):
    fitted = fitted_candidate(_spec({"kind": "logistic"}), learnt)
    one = opened(fitted, learnt.graph, [1]).about(FIRM)
    assert one.edges == ()
    assert leave_one_out(one).edges == ()


def test_anything_else_is_asked_again(learnt):
    fitted = fitted_candidate(_spec({"kind": "label_propagation"}), learnt)
    door = opened(fitted, learnt.graph, [1])
    assert isinstance(door, OpenedWhole)
    found = leave_one_out(door.about(FIRM))
    assert len(found.edges) == 2
    assert any(weight.weight for weight in found.edges)
    assert not any(weight.weight for weight in found.features), "it looks at outcomes alone"


def test_calibration_is_looked_through(learnt):
    plain = fitted_candidate(_spec({"kind": "logistic"}), learnt)
    calibrated = fitted_candidate(_spec({"kind": "logistic", "calibration": "isotonic"}), learnt)
    found = [opened(one, learnt.graph, [1]).about(FIRM).log_odds()[0] for one in (plain, calibrated)]
    assert found[0] == pytest.approx(found[1])


def test_dist_shift_prefers_partners_that_make_sure(graphs):
    firms = [f"f{number:03d}" for number in range(80)]
    rng = np.random.default_rng(3)
    truth = np.arange(80) % 2
    values = rng.normal(scale=0.7, size=(80, 2)) + np.where(truth[:, None] == 1, 1.0, -1.0)
    alike = [(firms[a], firms[a + 2], 1.0) for a in range(78)]
    mixed = [(firms[a], firms[a + 1], 1.0) for a in range(0, 79, 5)]
    graph = graphs.graph_of(firms, {"supply": alike, "payment": mixed}, values)
    found = dist_shift(graph, values, truth, subgraphs=4, seeds=0.4)
    assert found.samples > 1
    pairs, importance = found.of_pairs()
    same = truth[pairs[:, 0]] == truth[pairs[:, 1]]
    assert importance[same].mean() > importance[~same].mean()
    again, other = (dist_shift(graph, values, truth, subgraphs=4, seeds=0.4, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.importance.data, found.importance.data)
    assert (other.importance.data != found.importance.data).any()
    one = drawn_network(graph, kind="gcn").about(10)
    told = found.about(one)
    assert {weight.edge.hop for weight in told.edges if weight.weight} == {0}
    assert agreement([told, told])[0, 1] == pytest.approx(1)
    with pytest.raises(ValueError, match="known outcomes of two classes"):
        dist_shift(graph, values, np.where(truth == 1, -1, truth))


def _spec(settings):
    from pydantic import TypeAdapter

    from schemas.candidates import CandidateSpec

    return TypeAdapter(CandidateSpec).validate_python({"name": "one"} | settings)


def test_explaining_leaves_the_network_as_it_was(scattered):
    door = drawn_network(scattered, kind="gat")
    before = {name: tensor.clone() for name, tensor in door.fitted.networks[0].state_dict().items()}
    gnn_explainer(door.about(FIRM), MaskSettings(steps=2))
    integrated_gradients(door.about(FIRM), steps=2)
    fitted_pg_explainer(door, [FIRM, 8], PgSettings(epochs=1))
    assert all(parameter.grad is None for parameter in door.fitted.networks[0].parameters())
    after = door.fitted.networks[0].state_dict()
    assert all((after[name] == tensor).all() for name, tensor in before.items())
