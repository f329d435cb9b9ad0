"""Sampled batches: what they are drawn from, what they estimate, and that every setting acts."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.fitting import fit_gnn
from models.gnn.blocks import side_names, whole_graph
from models.gnn.graphsage import GraphSage
from models.gnn.network import Network, Shape
from models.sampled import UNION, Parts, Whole
from models.sampling import sampler
from schemas.candidates import ClusterBatches, FullBatch, GraphSageSpec, NeighbourBatches, SaintBatches

BOTH = Parts(union=True, relations=True)


def two_relations(graphs, size=30, density=0.2, seed=0):
    """Return firms with a directed and an undirected relation."""
    names = [f"f{number:03d}" for number in range(size)]
    rng = np.random.default_rng(seed)
    relations = {}
    for name, directed in (("ownership", False), ("supply", True)):
        drawn = nx.gnp_random_graph(size, density, seed=seed, directed=directed)
        relations[name] = [(names[a], names[b], 1.0 + rng.integers(3)) for a, b in drawn.edges]
    return graphs.graph_of(names, relations, rng.normal(size=(size, 3)), undirected=["ownership"])


def dense(neighbourhood, rows, columns, size):
    """Return which firm hears which, with the weights, as a matrix over all firms."""
    found = np.zeros((size, size))
    receivers = rows[neighbourhood.csr.row.numpy()]
    np.add.at(found, (receivers, columns[neighbourhood.indices.numpy()]), neighbourhood.weights.numpy())
    return found


def parts_of(block):
    return {UNION: block.union, **block.relations}


def sage(**settings):
    return GraphSageSpec(name="sage", kind="graphsage", **({"hidden": 8, "epochs": 4, "dropout": 0.0} | settings))


@pytest.fixture(scope="session")
def drawn_graphs(graphs):
    return [two_relations(graphs, size, density, seed) for seed, (size, density) in enumerate([(30, 0.2), (9, 0.0)])]


@given(data=st.data(), fanout=st.integers(1, 6), layers=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_neighbour_sample_is_part_of_the_graph(drawn_graphs, data, fanout, layers, seed):
    graph = data.draw(st.sampled_from(drawn_graphs))
    size = data.draw(st.integers(1, 12))
    whole = whole_graph(graph)
    learnt = np.arange(graph.size) % 3 != 0
    spec = NeighbourBatches(kind="neighbours", size=size, fanout=fanout)
    met = []
    for batch in sampler(spec, whole, layers, BOTH).epoch(learnt, np.random.default_rng(seed)):
        met += batch.firms.tolist()
        assert len(batch.blocks) == layers
        firms = batch.senders.numpy()
        assert len(np.unique(firms)) == len(firms)
        for block in batch.blocks:
            assert block.senders == len(firms)
            receivers = firms[: block.receivers]
            for name, part in parts_of(block).items():
                known = parts_of(whole)[name]
                full = dense(known, np.arange(graph.size), np.arange(graph.size), graph.size)
                sampled = dense(part, receivers, firms, graph.size)
                kept = np.count_nonzero(sampled, axis=1)[receivers]
                np.testing.assert_array_equal(kept, np.minimum(np.count_nonzero(full, axis=1)[receivers], fanout))
                np.testing.assert_array_equal(sampled[sampled != 0], full[sampled != 0])
                assert part.csr.heard.tolist() == kept.tolist(), "without replacement"
                assert part.receiver_degrees.tolist() == known.receiver_degrees[receivers].tolist()
                assert part.sender_degrees.tolist() == known.receiver_degrees[firms].tolist()
            firms = receivers
        assert firms.tolist() == batch.firms.tolist() == batch.senders[: len(firms)].tolist()
        assert batch.learnt.tolist() == list(range(len(firms)))
    assert sorted(met) == np.flatnonzero(learnt).tolist(), "each learnt firm once"


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_sampling_everybody_is_the_whole_graph(graphs, layers):
    graph = two_relations(graphs)
    whole = whole_graph(graph)
    values = torch.from_numpy(graph.features)
    network = GraphSage(Shape(3, 2, ()), sage(layers=layers)).double()
    expected = network([whole] * layers, values)
    spec = NeighbourBatches(kind="neighbours", size=7, fanout=graph.size)
    for batch in sampler(spec, whole, layers, BOTH).epoch(np.ones(graph.size, bool), np.random.default_rng(0)):
        found = network(batch.blocks, values[batch.senders])
        torch.testing.assert_close(found[batch.learnt], expected[batch.firms])


def test_all_partners_are_drawn_alike(graphs):
    names = [f"f{number:02d}" for number in range(11)]
    hub = graphs.graph_of(names, {"supply": [(names[0], other) for other in names[1:]]}, undirected=["supply"])
    one = sampler(NeighbourBatches(kind="neighbours", fanout=3), whole_graph(hub), 1, BOTH)
    rng, counts = np.random.default_rng(0), np.zeros(11)
    for _ in range(3000):
        batch = one.batch(np.array([0]), rng)
        counts[batch.senders[batch.blocks[0].union.indices].numpy()] += 1
    # Each of 10 is in a sample of 3 with probability .3; five standard deviations of a binomial count.
    assert np.abs(counts[1:] - 900).max() < 5 * np.sqrt(3000 * 0.3 * 0.7)
    assert counts[0] == 0


@pytest.mark.parametrize(
    "spec",
    [
        NeighbourBatches(kind="neighbours", size=8, fanout=2),
        ClusterBatches(kind="clusters", parts=6, together=2),
        SaintBatches(kind="saint", roots=3, length=2),
    ],
    ids=lambda spec: spec.kind,
)
def test_an_epoch_is_a_function_of_its_random_numbers(graphs, spec):
    graph = two_relations(graphs)
    learnt = np.ones(graph.size, bool)

    def dealt(seed):
        one = sampler(spec, whole_graph(graph), 2, BOTH)
        return [
            (batch.senders.tolist(), batch.firms.tolist(), batch.blocks[0].union.indices.tolist())
            for batch in one.epoch(learnt, np.random.default_rng([5, seed]))
        ]

    assert dealt(1) == dealt(1)
    assert dealt(1) != dealt(2)
    one = sampler(spec, whole_graph(graph), 2, BOTH)
    list(one.epoch(learnt, np.random.default_rng([5, 1])))
    second = [batch.senders.tolist() for batch in one.epoch(learnt, np.random.default_rng([5, 2]))]
    assert second == [senders for senders, _, _ in dealt(2)], "earlier epochs leave nothing behind"


@pytest.mark.parametrize("together", [1, 2, 5])
def test_clusters_are_all_firms_once_with_the_edges_among_them(graphs, together):
    graph = two_relations(graphs)
    whole, met = whole_graph(graph), []
    one = sampler(ClusterBatches(kind="clusters", parts=5, together=together), whole, 2, BOTH)
    everybody = np.arange(graph.size)
    for batch in one.epoch(np.ones(graph.size, bool), np.random.default_rng(0)):
        firms = batch.senders.numpy()
        met += firms.tolist()
        assert batch.firms.tolist() == firms[batch.learnt.numpy()].tolist()
        block = batch.blocks[0]
        assert (block.receivers, block.senders) == (len(firms), len(firms))
        for name, part in parts_of(block).items():
            full = dense(parts_of(whole)[name], everybody, everybody, graph.size)
            np.testing.assert_array_equal(
                dense(part, firms, firms, graph.size)[np.ix_(firms, firms)], full[np.ix_(firms, firms)]
            )
            assert part.receiver_degrees.tolist() == part.csr.heard.tolist()
    assert sorted(met) == everybody.tolist()


def test_all_clusters_together_are_the_whole_graph(graphs):
    graph = two_relations(graphs)
    whole = whole_graph(graph)
    values = torch.from_numpy(graph.features)
    network = GraphSage(Shape(3, 2, ()), sage()).double()
    spec = ClusterBatches(kind="clusters", parts=4, together=4)
    (batch,) = sampler(spec, whole, 2, BOTH).epoch(np.ones(graph.size, bool), np.random.default_rng(0))
    expected = network([whole] * 2, values)
    torch.testing.assert_close(network(batch.blocks, values[batch.senders])[batch.learnt], expected[batch.firms])


def test_clusters_cut_few_edges(graphs):
    planted = nx.planted_partition_graph(8, 25, 0.3, 0.005, seed=0)
    whole = whole_graph(graphs.graph_from_networkx(planted))
    parts = sampler(ClusterBatches(kind="clusters", parts=8, together=1), whole, 1, BOTH).parts
    assert sorted(itertools.chain(*(part.tolist() for part in parts))) == list(range(200))
    assert {len(part) for part in parts} == {25}
    inside = sum(Whole(whole, BOTH).induced(UNION, part)[0].edges for part in parts)
    assert inside / whole.union.edges > 0.85, "a random cut keeps one in eight"


def test_a_graph_without_edges_can_be_clustered_and_walked(graphs):
    whole = whole_graph(graphs.graph_of(list("abcd"), {"supply": []}))
    for spec in (ClusterBatches(kind="clusters", parts=9, together=1), SaintBatches(kind="saint", roots=2)):
        for batch in sampler(spec, whole, 1, BOTH).epoch(np.ones(4, bool), np.random.default_rng(0)):
            assert batch.blocks[0].union.edges == 0


def test_a_step_without_a_firm_to_learn_from_is_left_out(graphs):
    whole = whole_graph(graphs.graph_of(list("abcd"), {"supply": []}))
    learnt = np.array([True, False, False, False])
    for spec in (ClusterBatches(kind="clusters", parts=4, together=1), SaintBatches(kind="saint", roots=1)):
        met = [batch.firms.tolist() for batch in sampler(spec, whole, 1, BOTH).epoch(learnt, np.random.default_rng(0))]
        assert all(firms == [0] for firms in met)


def test_walks_follow_edges_and_keep_all_edges_among_the_firms_met(graphs):
    graph = two_relations(graphs, density=0.06)
    whole = whole_graph(graph)
    union = nx.from_scipy_sparse_array(graph.union())
    for roots, length in ((1, 3), (4, 1)):
        spec = SaintBatches(kind="saint", roots=roots, length=length)
        one = sampler(spec, whole, 2, BOTH)
        assert one.steps == int(np.ceil(graph.size / (roots * (length + 1))))
        for batch in one.epoch(np.ones(graph.size, bool), np.random.default_rng(0)):
            firms = batch.senders.numpy()
            assert len(firms) <= roots * (length + 1)
            if roots == 1:
                assert nx.is_connected(union.subgraph(firms))
            expected = graph.union().toarray()[np.ix_(firms, firms)]
            found = dense(batch.blocks[0].union, firms, firms, graph.size)[np.ix_(firms, firms)]
            np.testing.assert_array_equal(found, expected)
            assert batch.blocks[0].union.receiver_degrees.tolist() == whole.union.receiver_degrees[firms].tolist()


def test_weighted_saint_samples_estimate_the_whole(graphs):
    graph = two_relations(graphs, density=0.1)
    whole = whole_graph(graph)
    values = torch.from_numpy(graph.features)
    one = sampler(SaintBatches(kind="saint", roots=4, length=2, trials=20_000), whole, 1, BOTH)
    rng, learnt = np.random.default_rng(1), np.ones(graph.size, bool)
    losses = torch.arange(graph.size, dtype=torch.float64)
    estimates, means, met = [], torch.zeros(graph.size, 3, dtype=torch.float64), torch.zeros(graph.size)
    for _ in range(1000):
        for batch in one.epoch(learnt, rng):
            estimates.append(float((batch.weights * losses[batch.firms]).mean()))
            means[batch.senders] += batch.blocks[0].union.mean(values[batch.senders])
            met[batch.senders] += 1
    # The mean over batches of each estimate is that over all firms.
    assert np.mean(estimates) == pytest.approx(float(losses.mean()), rel=0.03)
    expected = whole.union.mean(values)
    assert (means / met[:, None] - expected).abs().max() < 0.15
    uncounted = [sampler(SaintBatches(kind="saint", roots=4, length=2, trials=1), whole, 1, BOTH).meetings.firms]
    assert not np.allclose(uncounted[0], one.meetings.firms, rtol=0.2), "trials act"


class Listener(Network):
    """A network that asks for what it is told to."""

    def __init__(self, asks):
        super().__init__()
        self.asks = asks
        self.normal = nn.BatchNorm1d(3)

    def forward(self, blocks, values):
        for part in self.asks:
            getattr(blocks[0], part)
        return self.normal(values)


@pytest.mark.parametrize("asks", [(), ("union",), ("relations",), ("union", "relations")])
def test_only_what_a_network_asks_for_is_sampled(graphs, asks):
    graph = two_relations(graphs)
    network = Listener(asks)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    parts = Parts.asked_by(network, 3, side_names(graph), 2)
    assert parts == Parts("union" in asks, "relations" in asks)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    whole = whole_graph(graph)
    one = sampler(NeighbourBatches(kind="neighbours", size=4, fanout=2), whole, 2, parts)
    batch = next(one.epoch(np.ones(graph.size, bool), np.random.default_rng(0)))
    for part in ("union", "relations"):
        if part in asks:
            getattr(batch.blocks[0], part)
        else:
            assert part not in whole.__dict__
            with pytest.raises(AssertionError, match="did not ask"):
                getattr(batch.blocks[0], part)


def probabilities(graphs, batches, **settings):
    data = graphs.learnable()
    return fit_gnn(sage(batches=batches, **settings), data).probabilities(data.graph)


def test_sampling_everybody_at_once_trains_as_the_whole_graph_does(graphs):
    whole = probabilities(graphs, {"kind": "full"})
    for batches in (
        {"kind": "neighbours", "size": 1000, "fanout": 1000},
        {"kind": "clusters", "parts": 3, "together": 3},
    ):
        np.testing.assert_allclose(probabilities(graphs, batches), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ({"kind": "neighbours", "size": 16, "fanout": 1}, [{"size": 8}, {"fanout": 2}]),
        ({"kind": "clusters", "parts": 8, "together": 2}, [{"parts": 4}, {"together": 1}]),
        ({"kind": "saint", "roots": 10, "length": 2, "trials": 3}, [{"roots": 5}, {"length": 1}, {"trials": 30}]),
    ],
    ids=lambda base: base["kind"] if isinstance(base, dict) else "",
)
def test_each_setting_of_the_batches_acts(graphs, base, changes):
    first = probabilities(graphs, base)
    np.testing.assert_array_equal(first, probabilities(graphs, base))
    assert np.abs(first - probabilities(graphs, {"kind": "full"})).max() > 1e-4
    for change in changes:
        assert np.abs(first - probabilities(graphs, base | change)).max() > 1e-4, change


@pytest.mark.parametrize(
    "batches",
    [
        {"kind": "neighbours", "size": 16, "fanout": 2},
        {"kind": "clusters", "parts": 8, "together": 2},
        {"kind": "saint", "roots": 10, "length": 2},
    ],
    ids=lambda batches: batches["kind"],
)
def test_training_on_samples_learns(graphs, batches):
    data = graphs.learnable(firms=240)
    fitted = fit_gnn(sage(batches=batches, epochs=30), data)
    rows = data.validation
    right = (fitted.probabilities(data.graph)[rows].argmax(axis=1) == data.truth[rows]).mean()
    assert right > 0.7


def test_the_full_batch_draws_nothing(graphs):
    graph = two_relations(graphs)
    whole = whole_graph(graph)
    (batch,) = sampler(FullBatch(), whole, 2, BOTH).epoch(np.ones(graph.size, bool), np.random.default_rng(0))
    assert batch.senders is None
    assert [block is whole for block in batch.blocks] == [True, True]
