"""What the tests of the architectures share: every architecture, the small world's graph, blocks, engines."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from pydantic import TypeAdapter

from models.corporate_graph import corporate_graph
from models.gnn.architectures import network
from models.gnn.blocks import Block, side_names, whole_graph
from models.gnn.network import Shape
from models.message_passing import Neighbourhood
from schemas.candidates import CandidateSpec
from schemas.terms import Quarter

INPUTS = 5

#: every architecture, with the settings that change what it computes
ARCHITECTURES = (
    {"kind": "gcn"},
    {"kind": "gcn", "residual": True, "dimension_attention": 0.5},
    {"kind": "graphsage"},
    {"kind": "graphsage", "aggregator": "pool", "residual": True},
    {"kind": "graphsage", "aggregator": "lstm"},
    {"kind": "gat"},
    {"kind": "gat", "dimension_attention": 0.5},
    {"kind": "gatv2"},
    {"kind": "gin"},
    {"kind": "rgcn"},
    {"kind": "rgcn", "decomposition": "basis", "parts": 3},
    {"kind": "rgcn", "decomposition": "block", "dimension_attention": 0.5},
    {"kind": "han"},
    {"kind": "han", "dimension_attention": 0.5},
    {"kind": "hgt"},
    {"kind": "hgt", "dimension_attention": 0.5},
    {"kind": "gdan"},
    {"kind": "gdan", "own_term": False, "normalisation": "root", "beta": 1.0},
    {"kind": "sehgnn"},
    {"kind": "sehgnn", "fusion": "semantic"},
    {"kind": "propagated"},
    {"kind": "propagated", "powers": "last"},
    {"kind": "propagated", "per_relation": True, "hidden_layers": 1},
    {"kind": "propagated", "per_relation": True, "weighted": True},
)


def spec_of(**settings):
    """Return a candidate's settings, small unless told otherwise."""
    described = {"name": "one", "hidden": 8, "dropout": 0.0, "epochs": 2} | settings
    return TypeAdapter(CandidateSpec).validate_python(described)


@pytest.fixture(params=ARCHITECTURES, ids=lambda settings: " ".join(str(value) for value in settings.values()))
def spec(request):
    """One architecture after the other."""
    return spec_of(**request.param)


@pytest.fixture(scope="session")
def described():
    """Return `spec_of`."""
    return spec_of


@pytest.fixture(scope="session")
def first(world):
    """Return the small world as known at the end of 2023Q1."""
    return corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 1).end)


@pytest.fixture(scope="session")
def second(world):
    """Return the small world a quarter later: c7 is new."""
    return corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, 2).end)


@pytest.fixture(scope="session")
def drawn():
    """Return a function that draws a network of double precision for a graph."""

    def draw(spec, graph, *, outputs=3, seed=0):
        torch.manual_seed(seed)
        return network(spec, Shape(INPUTS, outputs, side_names(graph))).double()

    return draw


@pytest.fixture(scope="session")
def inputs():
    """Return a function that draws inputs, (n, `INPUTS`)."""

    def draw(size, seed=0):
        return torch.from_numpy(np.random.default_rng(seed).normal(size=(size, INPUTS)))

    return draw


@pytest.fixture(scope="session")
def scored():
    """Return a function of network, graph and inputs: the outputs in use, (n, outputs)."""

    def score(one, graph, values, layers=2):
        one.eval()
        with torch.no_grad():
            return one([whole_graph(graph)] * layers, values).numpy()

    return score


@pytest.fixture(scope="session")
def sampled():
    """Return a function that makes the blocks for some firms, every partner among them."""

    def sample(graph, firms, layers):
        """Return the blocks and the firms that the first block's senders are."""
        whole, blocks, receivers = whole_graph(graph), [], np.asarray(firms)
        everybody = [whole.union, *whole.relations.values()]
        for _ in range(layers):
            heard = np.concatenate([_matrix(side)[receivers].indices for side in everybody])
            senders = np.concatenate([receivers, np.setdiff1d(heard, receivers)])
            blocks.insert(0, _part(whole, receivers, senders))
            receivers = senders
        return blocks, torch.from_numpy(receivers)

    return sample


def _part(whole: Block, receivers, senders) -> Block:
    def cut(side):
        some = sp.csr_array(_matrix(side)[receivers][:, senders])
        return Neighbourhood(some, side.receiver_degrees[receivers], side.sender_degrees[senders])

    return Block(
        len(receivers),
        len(senders),
        lambda: cut(whole.union),
        lambda: {name: cut(side) for name, side in whole.relations.items()},
    )


def _matrix(side: Neighbourhood) -> sp.csr_array:
    arrays = (side.weights.numpy(), side.indices.numpy(), side.indptr.numpy())
    return sp.csr_array(arrays, shape=(side.receivers, side.senders))
