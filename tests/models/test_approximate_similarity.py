"""The approximate search against the exact one: what it finds is true, and what it misses is said."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.approximate_similarity import approximately_above, approximately_nearest
from models.communities import detected_communities
from models.graph_statistics import graph_statistics
from models.similarity import above_cut_off, chosen_rows, unit_rows
from models.text_similarity import cut_off_sensitivity, similar_text_edges
from schemas.portfolio import SimilarTextSpec
from schemas.specs import GraphSpec


def clustered(rows=600, width=16, groups=30, seed=0):
    """Return unit rows around group centres, so that cells have something to find."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, width))
    return unit_rows(centres[np.arange(rows) % groups] + 0.4 * rng.normal(size=(rows, width)))


def pairs(matrix):
    row, column = matrix.tocoo().coords
    return {(int(a), int(b)) for a, b in zip(row, column, strict=True) if a != b}


def test_every_pair_above_the_cut_off_is_true_and_most_are_found():
    units = clustered()
    found, recall = approximately_above(units, 0.6, least_recall=0.95)
    exact = above_cut_off(units, 0.6)
    assert pairs(found) <= pairs(exact)
    assert 0.95 <= recall <= 1
    assert len(pairs(found)) >= 0.9 * len(pairs(exact))
    assert (found != found.T).nnz == 0
    there = found.astype(bool)
    np.testing.assert_allclose(found.data, exact.multiply(there).tocsr().data, atol=1e-6)


def test_every_recall_that_is_asked_for_is_reached():
    units = clustered(groups=200, seed=3)
    exact = pairs(chosen_rows(units, 5))
    loose, loose_recall = approximately_nearest(units, 5, least_recall=0.01)
    whole, whole_recall = approximately_nearest(units, 5, least_recall=1.0)
    assert whole_recall == 1.0
    assert len(pairs(whole) & exact) >= 0.99 * len(exact), "the sample speaks for all rows"
    assert loose_recall < whole_recall
    assert len(pairs(loose) & exact) / len(exact) == pytest.approx(loose_recall, abs=0.1)


def test_the_nearest_are_chosen_in_one_direction():
    units = clustered()
    found, _ = approximately_nearest(units, 3, least_recall=1.0)
    assert np.diff(found.indptr).max() == 3
    np.testing.assert_allclose(found.toarray(), chosen_rows(units, 3).toarray(), atol=1e-6)


def test_the_same_rows_give_the_same_pairs():
    units = clustered()
    once, again = (approximately_nearest(units, 5, least_recall=0.9)[0] for _ in range(2))
    assert (once != again).nnz == 0


@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 5))
def test_few_rows_are_no_trouble(rows, neighbours, seed):
    units = clustered(rows=rows, width=4, groups=3, seed=seed)
    units[:: max(rows // 2, 1)] = 0  # firms without a text
    nearest, recall = approximately_nearest(units, neighbours, least_recall=1.0)
    assert recall == 1.0
    assert pairs(nearest) == pairs(chosen_rows(units, neighbours))
    above, recall = approximately_above(units, 0.5, least_recall=1.0)
    assert recall == 1.0
    assert pairs(above) == pairs(above_cut_off(units, 0.5))


class TestFromAPortfolio:
    FIRMS = pl.Series([f"f{number:03d}" for number in range(600)])
    ROWS = pl.DataFrame(
        {"firm_id": FIRMS, "text": [json.dumps(row) for row in clustered().tolist()]},
    ).with_columns(published_on=pl.lit(dt.date(2024, 1, 1)))

    def spec(self, **settings):
        described = {"kind": "similar_text", "name": "text", "file": "x", "firm_id": "f", "text": "t"}
        return SimilarTextSpec.model_validate(described | {"method": "given", "components": 16} | settings)

    @pytest.mark.parametrize("rule", [{"cut_off": 0.6}, {"neighbours": 5}, {"neighbours": 5, "choice": "mutual"}])
    def test_the_index_is_used_above_the_declared_number_of_firms(self, rule):
        exact = similar_text_edges(self.ROWS, self.FIRMS, self.spec(**rule, exact_up_to=600))
        index = similar_text_edges(self.ROWS, self.FIRMS, self.spec(**rule, exact_up_to=599, least_recall=1.0))
        assert exact.notes.recall is None
        assert index.notes.recall == 1.0
        true, found = pairs(exact.edges.matrix()), pairs(index.edges.matrix())
        assert len(true & found) >= 0.99 * len(true | found)

    def test_the_recall_stands_in_the_statistics_and_the_sensitivity_table(self, graphs):
        spec = self.spec(cut_off=0.6, exact_up_to=10, least_recall=0.5)
        built = similar_text_edges(self.ROWS, self.FIRMS, spec)
        table = cut_off_sensitivity(self.ROWS, self.FIRMS, spec)
        assert {row.recall for row in table} == {table[0].recall}
        assert 0.5 <= table[0].recall <= 1
        graph = graphs.graph_of(self.FIRMS.to_list(), {"text": []})
        communities = detected_communities(graph.firms, graph.union(), GraphSpec())
        (found,) = graph_statistics(graph, communities, notes={"text": built.notes}).relations
        assert found.recall == built.notes.recall
