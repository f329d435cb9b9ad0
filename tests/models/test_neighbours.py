"""Aggregates of related firms, held against a loop that anyone can read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inputs import design_matrix
from models.neighbours import neighbour_features


def by_loop(partners, values):
    """Return weighted mean and deviation of one feature over (partner, weight), where it is known."""
    known = [(values[partner], weight) for partner, weight in partners if not np.isnan(values[partner])]
    total = sum(weight for _, weight in known)
    if total <= 0:
        return np.nan, np.nan
    mean = sum(value * weight for value, weight in known) / total
    return mean, np.sqrt(sum(weight * (value - mean) ** 2 for value, weight in known) / total)


values = st.one_of(st.just(np.nan), st.floats(-1e3, 1e3))
edges = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.integers(0, 5).map(float)).filter(
        lambda edge: edge[0] != edge[1]
    ),
    max_size=15,
    unique_by=lambda edge: frozenset(edge[:2]),
)


@given(edges, st.lists(values, min_size=6, max_size=6))
def test_aggregates_are_those_of_a_naive_loop(graphs, rows, column):
    column = np.array(column)
    graph = graphs.graph_of(list("abcdef"), {"supply": rows, "links": rows}, column[:, None], undirected=["links"])
    found, names = neighbour_features(graph)
    columns = dict(zip(names, found.T, strict=True))
    for firm in range(6):
        out = [("abcdef".index(b), w) for a, b, w in rows if a == "abcdef"[firm]]
        into = [("abcdef".index(a), w) for a, b, w in rows if b == "abcdef"[firm]]
        for side, partners in (("supply out", out), ("supply in", into), ("links", out + into)):
            mean, deviation = by_loop(partners, column)
            assert columns[f"{side}: mean x0"][firm] == pytest.approx(mean, abs=1e-6, nan_ok=True)
            assert columns[f"{side}: deviation x0"][firm] == pytest.approx(deviation, abs=1e-4, nan_ok=True)
            assert columns[f"{side}: log partners"][firm] == pytest.approx(np.log1p(len(partners)))
            assert columns[f"{side}: log weight"][firm] == pytest.approx(np.log1p(sum(w for _, w in partners)))


def test_a_deviation_keeps_its_digits_far_from_zero(graphs):
    rows = [("a", "b", 1.0), ("a", "c", 1.0)]
    graph = graphs.graph_of(list("abc"), {"supply": rows}, np.array([[1e9], [1e9 + 1], [1e9 + 3]]))
    found, names = neighbour_features(graph)
    assert found[0, names.index("supply out: deviation x0")] == pytest.approx(1.0, rel=1e-6)


def test_columns_and_names_belong_together(graphs):
    graph = graphs.graph_of(list("ab"), {"supply": [("a", "b")], "links": []}, np.ones((2, 3)), undirected=["links"])
    found, names = neighbour_features(graph)
    assert found.shape == (2, len(names)) == (2, 3 * (3 + 3 + 2))
    assert len(set(names)) == len(names)


def test_own_features_stand_alone_or_in_front(graphs):
    graph = graphs.graph_of(list("ab"), {"supply": [("a", "b")]}, np.array([[1.0], [2.0]]))
    own, names = design_matrix(graph, ("own",))
    assert own is graph.features
    assert names == ("x0",)
    both, names = design_matrix(graph, ("own", "neighbour"))
    np.testing.assert_array_equal(both[:, 0], [1.0, 2.0])
    assert names[0] == "x0"
    assert both[0, names.index("supply out: mean x0")] == 2.0
    assert np.isnan(both[1, names.index("supply out: mean x0")])


def test_without_relations_there_is_nothing_to_add(graphs):
    graph = graphs.graph_of(list("ab"), {}, np.array([[1.0], [2.0]]))
    both, names = design_matrix(graph, ("own", "neighbour"))
    assert both.shape == (2, 1)
    assert names == ("x0",)


def test_a_feature_that_nobody_reports_stays_missing(graphs):
    graph = graphs.graph_of(list("ab"), {"supply": [("a", "b")]}, np.full((2, 1), np.nan))
    found, names = neighbour_features(graph)
    assert np.isnan(found[:, names.index("supply out: mean x0")]).all()


def test_renaming_firms_permutes_the_aggregates(graphs):
    rng = np.random.default_rng(2)
    features = rng.normal(size=(5, 2))
    rows = [("a", "b", 1.0), ("b", "c", 2.0), ("c", "a", 3.0), ("d", "a", 1.0)]
    new = dict(zip("abcde", "ecadb", strict=True))
    one, _ = neighbour_features(graphs.graph_of(list("abcde"), {"supply": rows}, features))
    renamed = [(new[a], new[b], w) for a, b, w in rows]
    other, _ = neighbour_features(graphs.graph_of([new[f] for f in "abcde"], {"supply": renamed}, features))
    at = ["abcde".index(new[firm]) for firm in "abcde"]
    np.testing.assert_allclose(other[at], one)


def test_one_partner_alone_has_no_deviation_at_all(graphs):
    rng = np.random.default_rng(3)
    firms = [f"f{number:02d}" for number in range(40)]
    rows = [(firms[place], firms[(place + 7) % 40], 1.0 + place % 3) for place in range(40)]
    features = rng.lognormal(8, 2, size=(40, 2))
    found, names = neighbour_features(graphs.graph_of(firms, {"supply": rows}, features))
    deviations = found[:, [column for column, name in enumerate(names) if "deviation" in name]]
    assert (deviations == 0).all(), "rounding noise would be scaled up to a full column"
