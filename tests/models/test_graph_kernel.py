"""The graph kernel: cosines by hand, partners known by id, and every setting acts."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from models.corporate_graph import bare_ids, block_diagonal
from models.graph_kernel import Places, fit_graph_kernel, place_kernel, unit_partners
from schemas.candidates import GraphKernelSpec
from schemas.specs import TrainingSpec


def spec(**settings):
    return GraphKernelSpec(name="kernel", kind="graph_kernel", **settings)


def test_the_kernel_is_the_power_of_the_cosine_of_adjacency_rows(graphs):
    graph = graphs.learnable().graph
    partners = unit_partners(graph, tuple(graph.firms.tolist()))
    places = Places(partners, np.zeros((graph.size, 1)))
    for power in (1, 2, 3):
        found = place_kernel(spec(power=power, feature_weight=0), places, places)
        np.testing.assert_allclose(found, cosine_similarity(graph.union().toarray()) ** power, atol=1e-12)


def test_features_add_their_share(graphs):
    graph = graphs.learnable().graph
    places = Places(unit_partners(graph, tuple(graph.firms.tolist())), np.nan_to_num(graph.features))
    one, other = (place_kernel(spec(feature_weight=weight), places, places) for weight in (0.1, 0.6))
    np.testing.assert_allclose(np.diag(other) - np.diag(one), 0.5)


def test_unknown_partners_make_a_firm_less_like_others(graphs):
    graph = graphs.graph_of(["a", "b", "n"], {"supply": [("a", "b"), ("a", "n")]})
    np.testing.assert_allclose(unit_partners(graph, ("b",)).toarray(), [[np.sqrt(0.5)], [0], [0]])


def test_partners_are_known_by_their_ids_in_every_quarter(graphs):
    quarters = [graphs.graph_of(["a b", "c"], {"supply": [("a b", "c")]}, as_of=dt.date(2023, m, 30)) for m in (6, 9)]
    panel = block_diagonal(quarters)
    assert bare_ids(panel.firms).tolist() == ["a b", "c", "a b", "c"]
    assert bare_ids(quarters[0].firms).tolist() == ["a b", "c"]
    partners = unit_partners(panel, ("a b", "c")).toarray()
    np.testing.assert_array_equal(partners[:2], partners[2:])
    np.testing.assert_array_equal(partners[:2], unit_partners(quarters[0], ("a b", "c")).toarray())


def sharing(graphs, seed=0):
    """Return data in which firms with the same three suppliers have the same outcome and features say nothing."""
    rng = np.random.default_rng(seed)
    firms, hubs = 150, [f"h{number:02d}" for number in range(10)]
    names = [f"f{number:03d}" for number in range(firms)]
    group = np.arange(firms) % 5
    edges = [(hubs[2 * g + k], name) for name, g in zip(names, group, strict=True) for k in range(2)]
    graph = graphs.graph_of([*names, *hubs], {"supply": edges}, rng.normal(size=(160, 2)))
    truth = np.concatenate([np.isin(group, [0, 2, 3]), np.full(10, -1)]).astype(np.int64)
    development = np.concatenate([rng.random(firms) < 0.5, np.zeros(10, bool)])
    data = graphs.learnable(firms=160)
    masked = np.where(development, truth, -1)
    communities = np.array([f"c{number % 8}" for number in range(160)])
    return truth, dataclasses.replace(
        data,
        graph=graph,
        truth=masked,
        development=development,
        validation=np.zeros(160, bool),
        communities=communities,
    )


@pytest.mark.parametrize("landmarks", [2500, 25])
def test_firms_with_the_same_partners_are_thought_alike(graphs, landmarks):
    truth, data = sharing(graphs)
    fitted = fit_graph_kernel(spec(landmarks=landmarks), data)
    asked = (truth >= 0) & ~data.development
    assert roc_auc_score(truth[asked], fitted.probabilities(data.graph)[asked, 1]) > 0.95
    assert fitted.notes["landmarks"] == min(landmarks, data.development.sum())


def test_a_firm_never_seen_is_like_those_it_shares_partners_with(graphs):
    _, data = sharing(graphs)
    edges = [("h00", "new"), ("h01", "new"), ("h02", "other"), ("h03", "other")]
    later = graphs.graph_of(["h00", "h01", "h02", "h03", "new", "other"], {"supply": edges}, np.zeros((6, 2)))
    found = fit_graph_kernel(spec(), data).probabilities(later)[:, 1]
    assert found[4] > 0.7
    assert found[5] < 0.3


@pytest.mark.parametrize(
    "change",
    [
        {"power": 1},
        {"feature_weight": 1.0},
        {"feature_weight": 0.0},
        {"gamma": 3.0},
        {"inverse_penalty": 0.05},
        {"landmarks": 20},
        {"folds": 2},
        {"features": "neighbour"},
    ],
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable()
    one, other = (fit_graph_kernel(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-4


def test_the_seed_draws_the_landmarks(graphs):
    data = graphs.learnable()
    other = dataclasses.replace(data, training=TrainingSpec(seed=1, threads=1))
    one, two = (fit_graph_kernel(spec(landmarks=10), some).probabilities(data.graph) for some in (data, other))
    assert np.abs(one - two).max() > 1e-4
