"""What the tests of explanations share: networks that were drawn, not trained, and graphs they score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.explain.networks import OpenedNetwork
from models.fitting import FittedGnn
from models.gnn.architectures import network
from models.gnn.blocks import node_types, side_names
from models.gnn.network import Shape
from models.inputs import design_matrix
from models.label_inputs import KnownOutcomes
from models.scaling import Scaling
from tests.models.gnn.conftest import spec_of


def drawn_network(graph, *, outputs=2, seed=0, known=None, adverse=(1,), **settings):
    """Return a network of random weights, opened on a graph."""
    spec = spec_of(**settings)
    rows, _ = design_matrix(graph, spec.features)
    scaling = Scaling.fitted(rows)
    known = KnownOutcomes(0.0, 0, {}) if known is None else known
    typed = spec.hears_other_nodes
    names, types = side_names(graph, typed=typed), node_types(graph, typed=typed)
    inputs = scaling.applied(rows).shape[1] + known.width
    torch.manual_seed(seed)
    networks = tuple(network(spec, Shape(inputs, outputs, names, types)) for _ in range(spec.members))
    fitted = FittedGnn(spec, Shape(inputs, outputs, names, types), scaling, networks, known, {})
    return OpenedNetwork(fitted, graph, adverse)


def random_graph(graphs, firms=40, edges=70, seed=0):
    """Return firms with three features and relations `supply`, directed, and `director`, which has no direction."""
    rng = np.random.default_rng(seed)
    names = [f"f{number:03d}" for number in range(firms)]

    def pairs(count):
        some = {tuple(rng.choice(names, 2, replace=False)) for _ in range(count)}
        return [(a, b, float(rng.uniform(0.5, 2))) for a, b in sorted(some)]

    directors = {tuple(sorted(pair[:2])): pair for pair in pairs(edges // 2)}
    return graphs.graph_of(
        names,
        {"supply": pairs(edges), "director": list(directors.values())},
        rng.normal(size=(firms, 3)),
        undirected=["director"],
    )


@pytest.fixture(scope="session")
def scattered(graphs):
    """Return a graph of forty firms, two relations and three features."""
    return random_graph(graphs)
