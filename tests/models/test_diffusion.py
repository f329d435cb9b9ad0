"""Spreading over a graph: limits that can be computed otherwise, and what label propagation makes of them."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from models.corporate_graph import block_diagonal
from models.diffusion import Patience, clamped, diffused, spreading_adjacency
from models.fitted import FittingData
from models.label_propagation import fit_label_propagation
from models.laplacians import normalised_adjacency, transition_matrix
from schemas.candidates import LabelPropagationSpec
from schemas.specs import TrainingSpec

LONG = Patience(5000, 1e-13)
#: a path a - b - c - d
PATH = [("a", "b"), ("b", "c"), ("c", "d")]


def spec(**settings):
    return LabelPropagationSpec(name="spread", kind="label_propagation", **settings)


def random_graph(seed, n=12):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < 0.25, 1) * rng.random((n, n))
    return sp.csr_array(upper + upper.T)


@given(st.integers(0, 1000), st.floats(0.05, 0.98))
def test_spreading_ends_at_the_closed_form(seed, alpha):
    step = normalised_adjacency(random_graph(seed))
    start = np.random.default_rng(seed).random((12, 2))
    limit = (1 - alpha) * np.linalg.solve(np.eye(12) - alpha * step.toarray(), start)
    np.testing.assert_allclose(diffused(step, start, alpha, LONG), limit, atol=1e-9)


def test_clamped_values_are_harmonic_between_the_ends_of_a_path(graphs):
    union = graphs.graph_of(["a", "b", "c", "d"], {"supply": PATH}).union()
    held = np.array([[1.0, 0], [0, 0], [0, 0], [0, 1.0]])
    found = clamped(transition_matrix(union), held, np.array([0.5, 0.5]), 1.0, LONG)
    # The chance that a walk from b meets a before d is two thirds.
    np.testing.assert_allclose(found, [[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]], atol=1e-9)


def test_patience_ends_early_by_number_and_by_tolerance(graphs):
    step = normalised_adjacency(graphs.graph_of(["a", "b", "c", "d"], {"supply": PATH}).union())
    start = np.eye(4)[:, :1]
    once = diffused(step, start, 0.5, Patience(1, 0.0))
    np.testing.assert_allclose(once, 0.5 * (step @ start) + 0.5 * start)
    np.testing.assert_array_equal(diffused(step, start, 0.5, Patience(50, 1e6)), once)


def test_without_named_relations_every_relation_is_a_step_of_one(graphs):
    graph = graphs.graph_of(["a", "b", "c"], {"supply": [("a", "b", 7.0), ("b", "a", 2.0)], "own": [("b", "c", 0.1)]})
    np.testing.assert_array_equal(spreading_adjacency(graph, {}).toarray(), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])


def test_named_relations_count_as_told_and_not_by_their_unit(graphs):
    def adjacency(unit, **relations):
        graph = graphs.graph_of(
            ["a", "b", "c"],
            {
                "supply": [("a", "b", 7.0 * unit), ("b", "c", 2.0 * unit)],
                "own": [("b", "c", 0.1)],
                "rest": [("a", "c")],
            },
        )
        return spreading_adjacency(graph, relations).toarray()

    np.testing.assert_allclose(adjacency(1, supply=1.0, own=2.0), adjacency(1000, supply=1.0, own=2.0))
    # One edge alone is 1 after normalising by both ends' strengths.
    np.testing.assert_allclose(adjacency(1, own=2.0), [[0, 0, 0], [0, 0, 2], [0, 2, 0]])
    np.testing.assert_allclose(adjacency(1, supply=1.0, own=2.0), adjacency(1, supply=1.0) + adjacency(1, own=2.0))


def on_a_graph(graph, truth):
    """Return fitting data in which every firm with an outcome is development."""
    known = np.array(truth) >= 0
    nobody = np.zeros(graph.size, dtype=bool)
    return FittingData(graph, np.array(truth), known, nobody, graph.firms, 2, TrainingSpec(threads=1))


@pytest.fixture
def two_groups(graphs):
    """Two rings of ten firms in which all outcomes but one firm's are known, and a firm without partners."""
    names = [f"{group}{number}" for group in "ab" for number in range(10)]
    edges = [(f"{g}{i}", f"{g}{(i + step) % 10}") for g in "ab" for i in range(10) for step in (1, 2)]
    graph = graphs.graph_of([*names, "z"], {"supply": edges})
    truth = [0] * 10 + [1] * 10 + [-1]
    truth[3] = truth[14] = -1
    return on_a_graph(graph, truth)


@pytest.mark.parametrize("hold", [False, True])
def test_a_firm_is_thought_to_be_like_its_partners(two_groups, hold):
    found = fit_label_propagation(spec(clamped=hold), two_groups).probabilities(two_groups.graph)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[:10, 1].max() < 0.3
    assert found[10:20, 1].min() > 0.7


def test_a_firm_that_nothing_reaches_gets_the_class_shares(two_groups):
    fitted = fit_label_propagation(spec(), two_groups)
    np.testing.assert_allclose(fitted.probabilities(two_groups.graph)[20], fitted.shares)
    np.testing.assert_allclose(fitted.shares, [0.5, 0.5])


def test_a_firm_of_a_later_quarter_is_known_by_what_became_of_it_last(graphs):
    first, second = (
        graphs.graph_of(["a", "b"], {"supply": [("a", "b")]}, as_of=dt.date(2023, month, 30)) for month in (6, 9)
    )
    data = on_a_graph(block_diagonal([first, second]), [0, -1, 1, -1])
    later = graphs.graph_of(["a", "new"], {"supply": [("a", "new")]})
    found = fit_label_propagation(spec(), data).probabilities(later)
    assert found[1, 1] > 0.7, "the partner's outcome of the second vintage, not of the first"
    assert found[0, 1] == pytest.approx(0.5), "its own outcome is hidden, and it has no other partner"


@pytest.mark.parametrize(
    "change",
    [{"alpha": 0.3}, {"clamped": True}, {"prior": 5.0}, {"iterations": 1}, {"tolerance": 0.5}, {"folds": 2}],
)
def test_each_setting_acts(graphs, change):
    data = graphs.learnable()
    one, other = (fit_label_propagation(spec(**settings), data).probabilities(data.graph) for settings in ({}, change))
    assert np.abs(one - other).max() > 1e-3


def test_alpha_acts_on_clamped_outcomes(graphs):
    data = graphs.learnable()
    one, other = (
        fit_label_propagation(spec(clamped=True, alpha=alpha), data).probabilities(data.graph) for alpha in (0.5, 1.0)
    )
    assert np.abs(one - other).max() > 1e-3


def test_relations_act(graphs):
    data = graphs.with_uneven_weights(graphs.learnable())
    weighted = fit_label_propagation(spec(relations={"supply": 1.0}), data).probabilities(data.graph)
    union = fit_label_propagation(spec(), data).probabilities(data.graph)
    assert np.abs(weighted - union).max() > 1e-3


def test_outcomes_of_validation_are_not_looked_at(graphs):
    data = graphs.learnable()
    flipped = dataclasses.replace(data, truth=np.where(data.validation, 1 - data.truth, data.truth))
    one, other = (fit_label_propagation(spec(), some).probabilities(data.graph) for some in (data, flipped))
    np.testing.assert_array_equal(one, other)


def test_partners_tell_something_where_outcomes_are_alike_along_edges(graphs):
    data = graphs.learnable(firms=600)
    rng = np.random.default_rng(0)
    level = rng.normal(size=12)[np.arange(600) % 12]
    truth = (level + 0.3 * rng.normal(size=600) > 0).astype(np.int64)
    keep = rng.random(600) < 0.7
    data = dataclasses.replace(data, truth=np.where(keep, truth, -1), development=keep, validation=np.zeros(600, bool))
    found = fit_label_propagation(spec(), data).probabilities(data.graph)
    assert roc_auc_score(truth[~keep], found[~keep, 1]) > 0.9
    assert log_loss(truth[keep], found[keep]) < 0.5
