"""Firms with similar texts."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from models.document_vectors import document_vectors
from models.text_similarity import cut_off_sensitivity, newest_texts, similar_text_edges
from schemas.portfolio import SimilarTextSpec

FIRMS = pl.Series(["a", "b", "c", "d", "e"])
STEEL = "steel furnace ore rolling mill steel coke"
BAKERY = "bread flour oven dough bakery bread yeast"
ROWS = pl.DataFrame(
    [
        ("a", STEEL, dt.date(2024, 1, 1)),
        ("b", STEEL + " ore", dt.date(2024, 1, 1)),
        ("c", STEEL, dt.date(2023, 1, 1)),
        ("c", BAKERY, dt.date(2024, 1, 1)),
        ("d", BAKERY + " oven", dt.date(2024, 1, 1)),
    ],
    schema=["firm_id", "text", "published_on"],
    orient="row",
)


def spec(**settings):
    rule = settings if {"cut_off", "neighbours"} & settings.keys() else {"cut_off": 0.5, **settings}
    return SimilarTextSpec(
        kind="similar_text", name="text", file="x", firm_id="f", text="t", published_on="d", least_documents=1, **rule
    )


def pairs(built):
    matrix = built.edges.matrix().tocoo()
    return {(FIRMS[int(i)], FIRMS[int(j)]) for i, j in zip(*matrix.coords, strict=True) if i < j}


def test_the_newest_text_counts_and_a_firm_without_one_is_empty():
    assert newest_texts(ROWS, FIRMS) == [STEEL, STEEL + " ore", BAKERY, BAKERY + " oven", ""]


def test_firms_of_one_trade_are_related():
    assert pairs(similar_text_edges(ROWS, FIRMS, spec())) == {("a", "b"), ("c", "d")}


def test_neighbours_instead_of_a_cut_off():
    assert pairs(similar_text_edges(ROWS, FIRMS, spec(neighbours=1))) == {("a", "b"), ("c", "d")}


def test_texts_in_another_order_give_the_same_relation():
    assert pairs(similar_text_edges(ROWS.reverse(), FIRMS, spec())) == {("a", "b"), ("c", "d")}


@pytest.mark.parametrize("texts", [[], ["", ""], ["alone", ""], ["the", "a"]])
def test_too_few_words_relate_nobody(texts):
    vectors = document_vectors(texts, spec()) if texts else np.zeros((0, 1), dtype=np.float32)
    assert not np.isnan(vectors).any()


def test_the_sensitivity_table_falls_with_the_cut_off():
    table = cut_off_sensitivity(ROWS, FIRMS, spec(sensitivity=(0.9999, 0.1)))
    assert [row.cut_off for row in table] == [0.1, 0.9999]
    assert table[0].edges == 2
    assert table[0].components == 3
    assert table[0].mean_degree == pytest.approx(0.8)
    assert table[1].edges <= table[0].edges
    assert table[1].components >= table[0].components


def test_a_cut_off_and_neighbours_exclude_each_other():
    with pytest.raises(ValueError, match="either `cut_off` or `neighbours`"):
        spec(cut_off=0.5, neighbours=3)
    with pytest.raises(ValueError, match="either `cut_off` or `neighbours`"):
        SimilarTextSpec(kind="similar_text", name="t", file="x", firm_id="f", text="t")
