"""Nodes that are no firms: what one firm says reaches another through a person or a bank they share."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from pydantic import TypeAdapter

from models.fitting import FittedGnn, fit_gnn
from models.gnn.blocks import node_types, node_values, side_names, whole_graph
from models.partners import PartnerEdges
from schemas.candidates import CandidateSpec

KINDS = ["rgcn", "han", "hgt", "gdan", "sehgnn"]


def spec(kind, **settings):
    short = {"name": kind, "kind": kind, "hidden": 8, "epochs": 4, "layers": 2, "dropout": 0.0}
    return TypeAdapter(CandidateSpec).validate_python(short | settings)


def linked(graph, persons=15):
    """Give each firm one person, so that firms 0, 15, 30, ... share theirs."""
    size = graph.size
    links = sp.csr_array((np.ones(size), (np.arange(size), np.arange(size) % persons)), shape=(size, persons))
    board = PartnerEdges("person", links.indptr.astype(np.int64), links.indices.astype(np.int64), links.data, persons)
    ids = np.array([f"p{number:02d}" for number in range(persons)])
    return dataclasses.replace(graph, nodes={"person": ids}, partners={"board": board})


@pytest.fixture
def data(graphs):
    plain = graphs.learnable(missing=0)
    return dataclasses.replace(plain, graph=linked(plain.graph))


def test_both_ends_of_a_link_hear_each_other_and_have_their_types(data):
    graph = data.graph
    block = whole_graph(graph, typed=True)
    assert block.receivers == block.senders == graph.size + 15
    assert block.types.tolist() == [0] * graph.size + [1] * 15
    assert side_names(graph, typed=True) == tuple(block.relations) == ("supply out", "supply in", *_BOARD)
    assert node_types(graph, typed=True) == ("firm", "person")
    to_firms, of_firms = (block.relations[side] for side in _BOARD)
    assert to_firms.indptr.diff().tolist() == [1] * graph.size + [0] * 15
    assert (to_firms.indices - graph.size).tolist() == (np.arange(graph.size) % 15).tolist()
    assert of_firms.indptr.diff().tolist() == [0] * graph.size + [graph.size // 15] * 15
    assert block.union.edges == graph.union().nnz + 2 * graph.size


_BOARD = ("board to firms", "board of firms")


def test_weights_that_cancel_each_other_leave_the_edge_in_the_union(graphs):
    edges = {"bought": [("a", "b", 2.0)], "sold": [("a", "b", -2.0)]}
    graph = linked(graphs.graph_of(["a", "b"], edges), persons=2)
    union = whole_graph(graph, typed=True).union
    assert union.edges == 2 + 2 * 2, "one pair of firms and two links, both ways"
    assert union.weights.tolist() == [1.0] * 6


def test_without_types_or_without_nodes_there_are_firms_only(data, graphs):
    for block in (whole_graph(data.graph), whole_graph(graphs.learnable().graph, typed=True)):
        assert block.senders == data.graph.size
        assert block.types is None
    assert side_names(data.graph) == ("supply out", "supply in")


def test_other_nodes_say_nothing_of_themselves(data):
    import torch

    block = whole_graph(data.graph, typed=True)
    values = node_values(torch.ones(data.graph.size, 2), block)
    assert values.shape == (data.graph.size + 15, 2)
    assert values[data.graph.size :].abs().max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_firm_says_reaches_those_it_shares_a_person_with(data, kind):
    fitted = fit_gnn(spec(kind), data)
    before = fitted.probabilities(data.graph)
    features = data.graph.features.copy()
    features[0] += 2.0
    after = fitted.probabilities(dataclasses.replace(data.graph, features=features))
    moved = np.abs(after - before).max(axis=1) > 1e-7
    union = data.graph.union().toarray() > 0
    near = union[0] | (union @ union)[0]
    colleagues = (np.arange(data.graph.size) % 15 == 0) & ~near
    assert moved[colleagues].all()
    unrelated = ~near & ~colleagues
    unrelated[0] = False
    assert not moved[unrelated].any(), "two layers reach two steps"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_gives_the_same_probabilities(data, kind):
    fitted = fit_gnn(spec(kind), data)
    content = type(fitted.content()).from_files(fitted.content().files())
    again = FittedGnn.from_content(fitted.spec, content)
    np.testing.assert_array_equal(again.probabilities(data.graph), fitted.probabilities(data.graph))


@pytest.mark.parametrize(
    "batches",
    [
        {"kind": "neighbours", "size": 30, "fanout": 4},
        {"kind": "clusters", "parts": 4, "together": 2},
        {"kind": "saint", "roots": 30, "length": 2, "trials": 5},
    ],
)
def test_samples_hold_other_nodes_too(data, batches):
    whole, sampled = (fit_gnn(spec("hgt", **more), data) for more in ({}, {"batches": batches}))
    assert np.isfinite(sampled.probabilities(data.graph)).all()
    assert np.abs(sampled.probabilities(data.graph) - whole.probabilities(data.graph)).max() > 1e-6


@pytest.mark.parametrize("settings", [{"kind": "graphsage"}, {"kind": "propagated", "per_relation": True}])
def test_other_networks_take_no_notice(data, graphs, settings):
    one = TypeAdapter(CandidateSpec).validate_python({"name": "s", "hidden": 8, "epochs": 4} | settings)
    with_persons, without = fit_gnn(one, data), fit_gnn(one, graphs.learnable(missing=0))
    np.testing.assert_array_equal(with_persons.probabilities(data.graph), without.probabilities(data.graph))
