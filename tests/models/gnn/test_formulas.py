"""Each layer against its formula, written out with dense matrices."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models.gnn.blocks import side_names, whole_graph
from models.gnn.dimension_attention import DimensionAttention, DimensionRisk
from models.gnn.gat import GatLayer
from models.gnn.gatv2 import GatV2Layer
from models.gnn.gcn import GcnLayer
from models.gnn.gdan import GdanLayer, GdanProjection
from models.gnn.gin import GinLayer
from models.gnn.graphsage import LstmLayer, MeanLayer, PoolLayer
from models.gnn.han import HanLayer, SemanticAttention
from models.gnn.hgt import HgtLayer
from models.gnn.layered import BatchNorm, Joined, TypedLinear
from models.gnn.network import Shape
from models.gnn.normalised import Convolution, Degrees, estimated_sum, mean_with_self
from models.gnn.propagation import metapath_means, number_of_metapaths, powers
from models.gnn.rgcn import BasisWeights, BlockWeights, FreeWeights, RgcnLayer
from models.gnn.sehgnn import Sehgnn
from models.message_passing import Neighbourhood

WIDTH = 5


@pytest.fixture(scope="module")
def block(first):
    return whole_graph(first)


@pytest.fixture(scope="module")
def values(first, inputs):
    return inputs(first.size)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(3)


def dense(neighbourhood):
    """Return who hears whom, (receivers, senders) of 0 and 1."""
    matrix = np.zeros((neighbourhood.receivers, neighbourhood.senders))
    for receiver, (start, end) in enumerate(
        zip(neighbourhood.indptr[:-1].tolist(), neighbourhood.indptr[1:].tolist(), strict=True)
    ):
        matrix[receiver, neighbourhood.indices[start:end].numpy()] = 1
    return matrix


def mean_rows(adjacency):
    return adjacency / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)


def softmax(scores, where):
    powers = np.where(where, np.exp(scores - scores.max()), 0)
    return powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300)


def leaky(scores):
    return np.where(scores > 0, scores, 0.2 * scores)


def arrays(module):
    """Return the module in double precision, and its parameters as arrays by name; biases are not 0."""
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() < 2:
                parameter.normal_()
    return module, {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def linear(parameters, name, values):
    found = values @ parameters[f"{name}.weight"].T
    return found + parameters[f"{name}.bias"] if f"{name}.bias" in parameters else found


def same(found, expected):
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)


@pytest.mark.parametrize("outputs", [2, 7])
def test_gcn_is_kipf_and_wellings_product(block, values, outputs):
    layer, p = arrays(GcnLayer(WIDTH, outputs))
    looped = dense(block.union) + np.eye(block.senders)
    root = np.diag(looped.sum(axis=1) ** -0.5)
    same(layer(block, values), root @ looped @ root @ linear(p, "linear", values.numpy()) + p["bias"])


@pytest.mark.parametrize("outputs", [2, 7])
def test_graphsage_with_the_mean(block, values, outputs):
    layer, p = arrays(MeanLayer(WIDTH, outputs))
    heard = mean_rows(dense(block.union)) @ values.numpy()
    same(layer(block, values), linear(p, "own", values.numpy()) + linear(p, "related", heard))


def test_graphsage_with_the_maximum(block, values):
    layer, p = arrays(PoolLayer(WIDTH, 3))
    pooled = np.maximum(linear(p, "pool", values.numpy()), 0)
    heard = np.array([pooled[row > 0].max(axis=0, initial=0) for row in dense(block.union)])
    same(layer(block, values), linear(p, "own", values.numpy()) + linear(p, "related", heard))


def test_graphsage_with_an_lstm_reads_partners_one_by_one_along_its_direction(block, values):
    layer, p = arrays(LstmLayer(WIDTH, 3))
    heard = np.zeros_like(values.numpy())
    for firm, row in enumerate(dense(block.union)):
        partners = sorted(np.flatnonzero(row).tolist(), key=lambda u: float(values[u] @ layer.direction))
        if partners:
            heard[firm] = layer.lstm(values[partners][None])[0][0, -1].detach().numpy()
    same(layer(block, values), linear(p, "own", values.numpy()) + linear(p, "related", heard))


def attended(adjacency, heard, receiving, sending):
    """Return sum_u softmax_u(leaky(l . h_v + r . h_u)) h_u by head: heard (s, heads, d), vectors (heads, d)."""
    heads = []
    for head in range(heard.shape[1]):
        own, theirs = heard[:, head] @ receiving[head], heard[:, head] @ sending[head]
        heads.append(softmax(leaky(own[:, None] + theirs[None, :]), adjacency > 0) @ heard[:, head])
    return np.stack(heads, axis=1)


@pytest.mark.parametrize("average", [True, False])
def test_gat_attends_to_partners_and_itself(block, values, average):
    layer, p = arrays(GatLayer(WIDTH, 4, 2, average=average))
    heard = linear(p, "linear", values.numpy()).reshape(block.senders, 2, -1)
    found = attended(dense(block.union) + np.eye(block.senders), heard, p["receiving"], p["sending"])
    expected = found.mean(axis=1) if average else found.reshape(block.senders, -1)
    same(layer(block, values), expected + p["bias"])


@pytest.mark.parametrize("average", [True, False])
def test_gatv2_scores_pairs_before_it_adds_them_up(block, values, average):
    layer, p = arrays(GatV2Layer(WIDTH, 4, 2, average=average))
    own = linear(p, "receiving", values.numpy()).reshape(block.senders, 2, -1)
    theirs = linear(p, "sending", values.numpy()).reshape(block.senders, 2, -1)
    looped = dense(block.union) + np.eye(block.senders)
    scores = np.einsum("vuhd,hd->hvu", leaky(own[:, None] + theirs[None, :]), p["scores"])
    found = np.stack([softmax(scores[head], looped > 0) @ theirs[:, head] for head in range(2)], axis=1)
    expected = found.mean(axis=1) if average else found.reshape(block.senders, -1)
    same(layer(block, values), expected + p["bias"])


def normalised(values, weight, bias):
    return (values - values.mean(axis=0)) / np.sqrt(values.var(axis=0) + 1e-5) * weight + bias


def test_gin_adds_up_and_keeps_itself_apart(block, values):
    layer, p = arrays(GinLayer(WIDTH, 6, 3))
    added = (1 + p["epsilon"]) * values.numpy() + dense(block.union) @ values.numpy()
    inside = normalised(linear(p, "mlp.0", added), p["mlp.1.weight"], p["mlp.1.bias"])
    same(layer(block, values), linear(p, "mlp.3", np.maximum(inside, 0)))


@pytest.mark.parametrize("outputs", [2, 7])
@pytest.mark.parametrize("tied", ["free", "basis", "block"])
def test_rgcn_has_a_matrix_a_relation_and_direction(block, values, outputs, tied):
    sides = len(block.relations)
    weights = {
        "free": lambda: FreeWeights(sides, WIDTH, outputs),
        "basis": lambda: BasisWeights(sides, WIDTH, outputs, 3),
        "block": lambda: BlockWeights(sides, WIDTH, outputs, 2),
    }[tied]()
    layer, p = arrays(RgcnLayer(WIDTH, outputs, weights))
    expected = linear(p, "own", values.numpy())
    for number, side in enumerate(block.relations.values()):
        if tied == "free":
            matrix = p["weights.matrices"][number]
        elif tied == "basis":
            matrix = sum(p["weights.shares"][number, b] * p["weights.basis.matrices"][b] for b in range(3))
        else:
            matrix = np.zeros((WIDTH, outputs))
            rows, columns = -(-WIDTH // 2), -(-outputs // 2)
            matrix[:rows, :columns] = p["weights.blocks.0.matrices"][number]
            matrix[rows:, columns:] = p["weights.blocks.1.matrices"][number]
        expected = expected + mean_rows(dense(side)) @ values.numpy() @ matrix
    same(layer(block, values), expected)


def test_the_basis_ties_the_relations_to_a_few_matrices(first):
    sides = len(side_names(first))
    basis = BasisWeights(sides, 6, 6, 2)().detach().flatten(1)
    assert torch.linalg.matrix_rank(basis) == 2
    assert torch.linalg.matrix_rank(FreeWeights(sides, 6, 6)().detach().flatten(1)) == sides


def test_han_attends_within_relations_and_then_among_them(block, values):
    layer, p = arrays(HanLayer(WIDTH, 4, 2, len(block.relations)))
    heard = linear(p, "linear", values.numpy()).reshape(block.senders, 2, -1)
    parts = []
    for number, side in enumerate(block.relations.values()):
        looped = dense(side) + np.eye(block.senders)
        z = attended(looped, heard, p["receiving"][number], p["sending"][number]).reshape(block.senders, -1)
        parts.append(np.where(z > 0, z, np.exp(z) - 1))
    weight = np.array([(np.tanh(linear(p, "semantic.linear", z)) @ p["semantic.query.weight"].T).mean() for z in parts])
    shares = np.exp(weight) / np.exp(weight).sum()
    expected = sum(share * z for share, z in zip(shares, parts, strict=True))
    same(layer(block, values), expected)
    layer.eval()  # the first batch's weights are the running average
    same(layer(block, values), expected)


def test_the_weight_of_a_relation_in_use_is_the_average_of_training(values):
    attention = SemanticAttention(2, WIDTH).double()
    parts = torch.stack([values, -values], dim=1)

    def weight(some):
        return attention.query(torch.tanh(attention.linear(some))).squeeze(2).mean(dim=0).detach()

    first, second = weight(parts), weight(2 * parts)
    attention(parts)
    attention(2 * parts)
    attention.eval()
    shares = torch.softmax(0.9 * first + 0.1 * second, dim=0)
    expected = shares[0] * values + shares[1] * -values
    same(attention(parts), expected.numpy())
    same(attention(parts[:1]), expected[:1].numpy())


def test_hgt_attends_over_all_relations_at_once(block, values):
    heads, width = 2, 4
    layer, p = arrays(HgtLayer(width, heads, len(block.relations), 1))
    with torch.no_grad():
        layer.priors.uniform_(0.5, 1.5)
    h = values.numpy()[:, :width]
    keys, queries, messages = (
        linear(p, f"{name}.maps.0", h).reshape(block.senders, heads, -1) for name in ("keys", "queries", "messages")
    )
    heard = np.zeros((block.senders, heads, width // heads))
    for head in range(heads):
        scores, said, where = [], [], []
        for number, side in enumerate(block.relations.values()):
            key = keys[:, head] @ p["attending"][number, head]
            scores.append(queries[:, head] @ key.T * p["priors"][number, 0, head, 0] / np.sqrt(width // heads))
            said.append(messages[:, head] @ p["sending"][number, head])
            where.append(dense(side) > 0)
        shares = softmax(np.concatenate(scores, axis=1), np.concatenate(where, axis=1))
        heard[:, head] = shares @ np.concatenate(said)
    flat = torch.nn.functional.gelu(torch.from_numpy(heard.reshape(block.senders, -1))).numpy()
    same(layer(block, torch.from_numpy(h)), linear(p, "adopt.maps.0", flat) + h)


def dimension_attended(block, contagion, relations):
    """Return sum_j softmax_j(c_j W_r)^k c_j^k over the partners by all relations, dimension by dimension."""
    expected = np.zeros((block.receivers, contagion.shape[1]))
    for firm in range(block.receivers):
        scores, said = [], []
        for number, side in enumerate(block.relations.values()):
            partners = np.flatnonzero(dense(side)[firm])
            scores.append(contagion[partners] @ relations[number])
            said.append(contagion[partners])
        scores, said = np.concatenate(scores), np.concatenate(said)
        if len(said):
            shares = np.exp(scores) / np.exp(scores).sum(axis=0)
            expected[firm] = (shares * said).sum(axis=0)
    return expected


def test_dimension_attention_weighs_each_dimension_over_partners_of_all_relations(block, values):
    attention, p = arrays(DimensionAttention(WIDTH, len(block.relations)))
    same(attention(block, values), dimension_attended(block, values.numpy(), p["relations"]))


def test_equal_scores_make_dimension_attention_the_mean(block, values):
    attention = DimensionAttention(WIDTH, len(block.relations)).double()
    torch.nn.init.zeros_(attention.relations)
    together = np.concatenate([dense(side) for side in block.relations.values()], axis=1)
    copies = np.tile(values.numpy(), (len(block.relations), 1))
    same(attention(block, values), mean_rows(together) @ copies)


def test_a_joined_layer_adds_what_went_past_it_and_dimension_attention(block, values):
    sides = len(block.relations)
    joined, p = arrays(Joined(GcnLayer(WIDTH, 3), WIDTH, 3, residual=True, beta=0.25, sides=sides))
    contagion = linear(p, "risk.contagion", values.numpy())
    expected = (
        joined.layer(block, values).detach().numpy()
        + linear(p, "past", values.numpy())
        + 0.25 * dimension_attended(block, contagion, p["risk.attention.relations"])
    )
    same(joined(block, values), expected)
    plain = Joined(GcnLayer(WIDTH, WIDTH).double(), WIDTH, WIDTH, residual=True)
    same(plain(block, values), (plain.layer(block, values) + values).detach().numpy())
    bare = Joined(GcnLayer(WIDTH, 3).double(), WIDTH, 3)
    same(bare(block, values), bare.layer(block, values).detach().numpy())


def test_the_plug_in_has_its_own_contagion(block, values):
    risk, p = arrays(DimensionRisk(WIDTH, 3, len(block.relations), 2.0))
    contagion = linear(p, "contagion", values.numpy())
    same(risk(block, values), 2.0 * dimension_attended(block, contagion, p["attention.relations"]))


@pytest.mark.parametrize("normalisation", ["product", "root"])
@pytest.mark.parametrize("own_term", [True, False])
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_gdan_merges_convolution_and_dimension_attention(block, values, described, normalisation, own_term, beta):
    settings = described(kind="gdan", normalisation=normalisation, own_term=own_term, beta=beta)
    layer, p = arrays(GdanLayer(WIDTH, len(block.relations), settings))
    contagion = linear(p, "contagion", values.numpy())
    adjacency = dense(block.union)
    degree = np.maximum(adjacency.sum(axis=1), 1)
    product = np.outer(degree, degree)
    found = adjacency / (product if normalisation == "product" else np.sqrt(product)) @ contagion
    if own_term:
        own = np.maximum(linear(p, "own.0", contagion), 0)
        centred = own - own.mean(axis=1, keepdims=True)
        spread = np.sqrt(own.var(axis=1, keepdims=True) + 1e-5)
        found = found + centred / spread * p["own.2.weight"] + p["own.2.bias"]
    if beta:
        found = found + beta * dimension_attended(block, contagion, p["attention.relations"])
    same(layer(block, values), np.maximum(linear(p, "merge", found), 0))


def test_gdan_projects_and_normalises(block, values):
    project, p = arrays(GdanProjection(WIDTH, 4, 1))
    expected = normalised(linear(p, "linear", values.numpy()), p["norm.weight"], p["norm.bias"])
    same(project(block, values), np.maximum(expected, 0))


def test_batch_normalisation_lets_one_firm_pass_by_the_averages_so_far():
    norm = BatchNorm(2).double()
    many = torch.tensor([[0.0, 2.0], [4.0, 2.0], [8.0, 5.0]], dtype=torch.float64)
    norm(many)
    alone = norm(many[:1])
    assert norm.num_batches_tracked == 1
    norm.eval()
    assert torch.equal(norm(many)[:1], alone)


def test_sehgnn_projects_each_path_and_lets_paths_hear_each_other(block, values, described, monkeypatch):
    settings = described(kind="sehgnn", layers=1, hidden=16)
    network, p = arrays(Sehgnn(Shape(WIDTH, 3, tuple(block.relations)), settings))
    means = [value.numpy() for value in metapath_means([block], values)]
    projected = np.stack(
        [np.maximum(m @ w + b, 0) for m, w, b in zip(means, p["projections"], p["biases"], strict=True)]
    )
    assert p["fusion.queries.weight"].shape == (2, 16)
    flat = []
    for paths in projected.transpose(1, 0, 2):
        scores = linear(p, "fusion.queries", paths) @ linear(p, "fusion.keys", paths).T
        shares = softmax(scores, np.full(scores.shape, fill_value=True))
        flat.append((p["fusion.beta"] * shares @ linear(p, "fusion.values", paths) + paths).ravel())
    expected = linear(p, "classifier.4", np.maximum(linear(p, "classifier.1", np.array(flat)), 0))
    same(network([block], values), expected)
    network.eval()
    monkeypatch.setattr("models.gnn.sehgnn._AT_A_TIME", 4)  # in use, a few firms at a time
    same(network([block], values), expected)


def test_metapaths_are_products_of_means(block, values, inputs):
    found = metapath_means([block, block], values)
    means = [mean_rows(dense(side)) for side in block.relations.values()]
    assert len(found) == number_of_metapaths(len(means), 2) == 1 + 4 + 16
    expected = [values.numpy(), *(mean @ values.numpy() for mean in means)]
    expected += [outer @ inner @ values.numpy() for inner in means for outer in means]
    for one, other in zip(found, expected, strict=True):
        same(one, other)


def test_powers_of_one_operator_and_of_one_a_relation(block, values):
    looped = dense(block.union) + np.eye(block.senders)
    root = np.diag(looped.sum(axis=1) ** -0.5)
    operator = root @ looped @ root
    for number, one in enumerate(powers([block] * 3, values, per_relation=False)):
        same(one, np.linalg.matrix_power(operator, number) @ values.numpy())
    means = [mean_rows(dense(side) + np.eye(block.senders)) for side in block.relations.values()]
    expected = [values.numpy(), *(m @ values.numpy() for m in means), *(m @ m @ values.numpy() for m in means)]
    for one, other in zip(powers([block] * 2, values, per_relation=True), expected, strict=True):
        same(one, other)


def test_powers_can_go_by_the_weights_of_a_relation(block, values):
    expected = [values.numpy()]
    for side in block.relations.values():
        weighty = dense(side)
        weighty[weighty > 0] = side.weights.abs().numpy()
        total = weighty.sum(axis=1, keepdims=True)
        expected.append(weighty / np.where(total > 0, total, 1) @ values.numpy())
    for one, other in zip(powers([block], values, per_relation=True, weighted=True), expected, strict=True):
        same(one, other)


def test_what_was_passed_on_is_remembered_for_the_same_values_only(first, values):
    block = whole_graph(first)
    once, again = (metapath_means([block, block], values) for _ in range(2))
    assert all(one is other for one, other in zip(once, again, strict=True))
    moved = metapath_means([block, block], values + 1)
    assert not torch.equal(moved[0], once[0])
    assert len(metapath_means([block], values)) < len(once)
    assert powers([block, block], values, per_relation=True)[1] is not once[1]


def test_a_sample_stands_for_all():
    shown = sp.csr_array(np.array([[0, 1, 1, 0], [0, 0, 0, 0]]))
    part = Neighbourhood(shown, torch.tensor([4, 0]), torch.tensor([4, 0, 1, 2]))
    values = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    assert estimated_sum(part, values).tolist() == [[12.0], [0.0]]
    assert mean_with_self(part, values).flatten().tolist() == [pytest.approx(13 / 5), 2.0]
    found = Convolution(part, Degrees.WITH_SELF)(values).flatten().tolist()
    assert found == [pytest.approx(4 / 2 * (2 / (5 * 1) ** 0.5 + 4 / (5 * 2) ** 0.5) + 1 / 5), 2.0]


def test_an_edge_counts_for_as_many_as_its_sampler_says():
    shown = sp.csr_array(np.array([[0, 1, 1, 0], [0, 0, 0, 0]]))
    part = Neighbourhood(shown, torch.tensor([4, 0]), torch.tensor([4, 0, 1, 2]), torch.tensor([3.0, 0.5]))
    values = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    assert estimated_sum(part, values).tolist() == [[8.0], [0.0]]
    assert mean_with_self(part, values).flatten().tolist() == [pytest.approx(9 / 5), 2.0]
    found = Convolution(part, Degrees.WITH_SELF)(values).flatten().tolist()
    assert found == [pytest.approx(3 * 2 / (5 * 1) ** 0.5 + 0.5 * 4 / (5 * 2) ** 0.5 + 1 / 5), 2.0]


def test_each_type_of_node_has_its_own_map(values):
    typed, p = arrays(TypedLinear(WIDTH, 3, 3))
    types = torch.arange(len(values)) % 2 * 2  # nobody is of the second type
    first, third = (linear(p, f"maps.{number}", values.numpy()) for number in (0, 2))
    same(typed(types, values), np.where((types == 0).numpy()[:, None], first, third))
    same(typed(None, values), first)
