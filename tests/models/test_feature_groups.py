"""Groups of inputs, from the portfolio file through the built graphs to every kind of tabular candidate."""

import dataclasses
import functools

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from models.candidates import fitted_candidate
from models.corporate_graph import Columns, block_diagonal, corporate_graph
from models.fitted import FittingData
from models.graph_codec import graph_bytes, graph_from_bytes
from models.inputs import design_matrix, with_computed
from schemas.candidates import AutoGluonSpec, CandidateSpec, Group
from schemas.portfolio import PortfolioSpec
from schemas.specs import TrainingSpec
from schemas.terms import Quarter

QUARTERS = (Quarter(2023, 1), Quarter(2023, 2))
STATISTICS = ["degree", "pagerank", "herfindahl", "core", "clustering"]
EMBEDDINGS = {
    "node2vec": "{kind: node2vec, dimensions: 3, walks: 3, length: 8}",
    "fastrp": "{kind: fastrp, dimensions: 5}",
    "spectral": "{kind: spectral, dimensions: 4}",
}
KINDS = {
    "logistic": "{name: one, kind: logistic, inverse_penalty: 1}",
    "svm": "{name: one, kind: svm, inverse_penalty: 1}",
    "svm-linear": "{name: one, kind: svm, kernel: linear}",
    "random_forest": "{name: one, kind: random_forest, trees: 20, least_rows_a_leaf: 1}",
    "lightgbm": "{name: one, kind: lightgbm, rounds: 20, least_rows_a_leaf: 2}",
    "graph_kernel": "{name: one, kind: graph_kernel, feature_weight: 1}",
}


@functools.cache
def built(world, embedding="fastrp"):
    """Return the portfolio as a YAML file would describe it, and its vintages as building them leaves them."""
    described = yaml.safe_load(f"{{structure: [{', '.join(STATISTICS)}], embedding: {EMBEDDINGS[embedding]}}}")
    portfolio = world.portfolio(graph=described)
    graphs = [
        with_computed(corporate_graph(world.admitted_tables(), portfolio, quarter.end), portfolio.graph)
        for quarter in QUARTERS
    ]
    return portfolio, [graph_from_bytes(graph_bytes(graph)) for graph in graphs]


def fitting_data(graphs):
    """Return data whose outcomes follow from a firm's place, features and the neighbours' features together."""
    graph = block_diagonal(graphs)
    letters = np.array([firm.split()[-1][0] for firm in graph.firms.tolist()])
    development, validation = np.isin(letters, ["a", "b"]), letters == "c"
    degree, profit = graph.union().sum(axis=1), np.nan_to_num(graph.features[:, graph.feature_names.index("profit")])
    heard = (graph.union() @ profit) / np.maximum(degree, 1)
    level = degree / degree.std() + profit / profit.std() + heard / heard.std()
    truth = np.where(development | validation, level > np.median(level[development]), -1).astype(np.int64)
    communities = np.array([f"c{number % 7}" for number in range(graph.size)])
    return FittingData(graph, truth, development, validation, communities, 2, TrainingSpec(threads=1))


def candidate(kind, features):
    return TypeAdapter(CandidateSpec).validate_python(yaml.safe_load(KINDS[kind]) | {"features": features})


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_computed_columns_come_back_from_bytes_and_stand_side_by_side(world, embedding):
    portfolio, graphs = built(world, embedding)
    whole = block_diagonal(graphs)
    for group in (Group.STRUCTURE, Group.EMBEDDING):
        fresh = [
            with_computed(corporate_graph(world.admitted_tables(), portfolio, quarter.end), portfolio.graph)
            for quarter in QUARTERS
        ]
        for one, graph in zip(fresh, graphs, strict=True):
            np.testing.assert_array_equal(one.computed[group].values, graph.computed[group].values)
            assert one.computed[group].names == graph.computed[group].names
        np.testing.assert_array_equal(
            whole.computed[group].values, np.concatenate([graph.computed[group].values for graph in graphs])
        )
        assert whole.computed[group].names == graphs[0].computed[group].names
    assert [name.split()[0] for name in whole.computed[Group.EMBEDDING].names] == [embedding] * len(
        whole.computed[Group.EMBEDDING].names
    )


def test_groups_stand_in_their_order_with_names_of_their_own(world):
    _, graphs = built(world)
    groups = candidate("logistic", ["structure", "neighbour", "embedding"]).features
    assert groups == (Group.OWN, Group.EMBEDDING, Group.NEIGHBOUR, Group.STRUCTURE)
    values, names = design_matrix(graphs[0], groups)
    assert values.shape == (graphs[0].size, len(names))
    assert len(set(names)) == len(names)
    own, _ = design_matrix(graphs[0], (Group.OWN,))
    np.testing.assert_array_equal(values[:, : own.shape[1]], own)


@pytest.mark.parametrize("group", ["neighbour", "structure", "embedding"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_group_acts_on_each_kind(world, kind, group):
    data = fitting_data(built(world)[1])
    own, more = (fitted_candidate(candidate(kind, groups), data) for groups in ("own", group))
    assert more.inputs > own.inputs
    assert np.abs(own.probabilities(data.graph) - more.probabilities(data.graph)).max() > 1e-4


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_a_candidate_looks_at_the_embedding_it_is_scored_with(world, embedding):
    portfolio, graphs = built(world, embedding)
    data = fitting_data(graphs)
    fitted = fitted_candidate(candidate("logistic", "embedding"), data)
    columns = data.graph.computed[Group.EMBEDDING]
    turned = {**data.graph.computed, Group.EMBEDDING: Columns(columns.values[::-1].copy(), columns.names)}
    other = dataclasses.replace(data.graph, computed=turned)
    assert np.abs(fitted.probabilities(other) - fitted.probabilities(data.graph)).max() > 1e-3
    # A quarter that was not there when the candidate was fitted, with a firm that was not there either.
    later = with_computed(corporate_graph(world.admitted_tables(), portfolio, Quarter(2023, 3).end), portfolio.graph)
    np.testing.assert_allclose(fitted.probabilities(later).sum(axis=1), 1)


def test_autogluon_looks_at_structure(world, tmp_path):
    data = dataclasses.replace(fitting_data(built(world)[1]), scratch=str(tmp_path / "auto"))
    spec = AutoGluonSpec(name="auto", kind="autogluon", folds=2, rounds=5, features="structure")
    fitted = fitted_candidate(spec, data)
    assert fitted.inputs == design_matrix(data.graph, spec.features)[0].shape[1]
    columns = data.graph.computed[Group.STRUCTURE]
    turned = {**data.graph.computed, Group.STRUCTURE: Columns(columns.values[::-1].copy(), columns.names)}
    other = dataclasses.replace(data.graph, computed=turned)
    assert np.abs(fitted.probabilities(other) - fitted.probabilities(data.graph)).max() > 1e-4


def test_a_portfolio_file_names_groups_and_the_portfolio_checks_them(world):
    described = world.portfolio().model_dump(mode="json")
    described["candidates"] = [yaml.safe_load("{name: place, kind: svm, features: [structure, embedding]}")]
    with pytest.raises(ValueError, match="asks for embedding, structure"):
        PortfolioSpec.model_validate(described)
    described["graph"] |= {"structure": ["degree"], "embedding": {"kind": "fastrp"}}
    assert PortfolioSpec.model_validate(described).candidates[0].features == ("own", "embedding", "structure")
