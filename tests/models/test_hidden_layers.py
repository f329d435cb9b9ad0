"""Last hidden layers: the layer is the one before the outputs, clusters as published, pictures keep groups."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from models.fitting import fit_gnn
from models.hidden_layers import MOST_ROWS, ROWS_IN_ALL, cluster_agreement, plane, shown_rows

KINDS = ("gcn", "graphsage", "gat", "gatv2", "gin", "rgcn", "han", "hgt", "gdan", "sehgnn")


def fitted(world, data, **described):
    short = {"epochs": 2, "hidden": 8, "heads": 2} if described["kind"] in {"gat", "gatv2", "han", "hgt"} else {}
    short = short or {"epochs": 2, "hidden": 8}
    spec = world.portfolio(candidates=[{"name": "one", **short, **described}]).single_candidates[0]
    return fit_gnn(spec, data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_has_a_last_hidden_layer(world, graphs, kind):
    data = graphs.learnable(firms=36, groups=6)
    model = fitted(world, data, kind=kind)
    layer = model.last_hidden(data.graph)
    assert layer.shape == (36, 8)
    assert np.isfinite(layer).all()
    assert np.ptp(layer, axis=0).any()


def test_the_head_makes_the_outputs_of_the_last_hidden_layer(world, graphs):
    data = graphs.learnable(firms=36, groups=6)
    model = fitted(world, data, kind="gdan")
    layer = torch.from_numpy(model.last_hidden(data.graph)).float()
    with torch.no_grad():
        outputs = model.networks[0].head(layer)
    assert torch.allclose(outputs.softmax(dim=1).double(), torch.from_numpy(model.probabilities(data.graph)), atol=1e-6)


def test_a_network_without_hidden_layers_shows_what_it_is_given(world, graphs):
    data = graphs.learnable(firms=36, groups=6)
    model = fitted(world, data, kind="propagated", layers=2)
    assert model.last_hidden(data.graph).shape == (36, 3 * model.inputs)


def test_no_firm_is_shown_its_own_outcome(world, graphs):
    data = graphs.learnable(firms=36, groups=6)
    model = fitted(world, data, kind="graphsage", label_inputs=0.5)
    layer = model.last_hidden(data.graph)
    firm = int(np.flatnonzero(data.development)[0])
    name = data.graph.firms[firm]
    model.known.by_firm.update({name: 1 - model.known.by_firm[name]})
    assert np.array_equal(model.last_hidden(data.graph)[firm], layer[firm])
    assert not np.array_equal(model.last_hidden(data.graph), layer)


def groups(apart):
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 40)
    return classes, rng.normal(size=(120, 5)) + apart * np.eye(5)[classes]


def test_clusters_that_are_the_classes_agree_with_them_and_chance_does_not():
    classes, layer = groups(apart=20)
    ari, nmi = cluster_agreement(layer, classes, clusters=3)
    assert (ari.mean, nmi.mean) == pytest.approx((1, 1), abs=0.2)
    shuffled = np.random.default_rng(1).permutation(classes)
    ari, nmi = cluster_agreement(layer, shuffled, clusters=3)
    assert abs(ari.mean) < 0.05
    assert nmi.mean < 0.05


def test_one_start_is_k_means_by_scikit_learn():
    from sklearn.cluster import KMeans

    classes, layer = groups(apart=1)
    labels = KMeans(3, n_init=1, random_state=0).fit_predict(layer)
    ari, nmi = cluster_agreement(layer, classes, clusters=3, seeds=1)
    assert ari.mean == adjusted_rand_score(classes, labels)
    assert nmi.mean == normalized_mutual_info_score(classes, labels)
    assert (ari.sd, nmi.sd) == (0, 0)


def test_a_layer_that_tells_nothing_apart_is_one_cluster():
    ari, nmi = cluster_agreement(np.zeros((10, 3)), np.arange(10) % 2, clusters=2)
    assert (ari.mean, nmi.mean) == (0, 0)
    assert (plane(np.zeros((10, 3))) == 0).all()


def test_in_the_plane_alike_firms_are_near_each_other_the_same_way_each_time():
    classes, layer = groups(apart=20)
    places = plane(layer)
    middles = np.stack([places[classes == one].mean(axis=0) for one in range(3)])
    nearest = np.linalg.norm(places[:, None] - middles, axis=2).argmin(axis=1)
    assert (nearest == classes).all()
    assert np.array_equal(plane(layer), places)


@pytest.mark.parametrize(("networks", "most"), [(1, MOST_ROWS), (3, MOST_ROWS), (10, ROWS_IN_ALL // 10)])
def test_many_firms_are_sampled_and_few_are_all_shown(networks, most):
    rows = np.arange(5000) % 2 == 0
    shown = shown_rows(rows, networks, seed=1)
    assert len(shown) == most
    assert rows[shown].all()
    assert (np.diff(shown) > 0).all()
    assert np.array_equal(shown, shown_rows(rows, networks, seed=1))
    assert np.array_equal(shown_rows(rows[:90], networks, seed=1), np.arange(0, 90, 2))
