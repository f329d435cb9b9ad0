"""Firms with similar texts."""

import datetime as dt
import json
import sys

import numpy as np
import polars as pl
import pytest

from models.document_vectors import document_vectors
from models.text_similarity import cut_off_sensitivity, newest_texts, similar_text_edges
from schemas.errors import SettingsError
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


def directed(built):
    matrix = built.edges.matrix().tocoo()
    return {(FIRMS[int(i)], FIRMS[int(j)]) for i, j in zip(*matrix.coords, strict=True)}


def embeddings(**vectors):
    rows = [(firm, json.dumps(vector), dt.date(2024, 1, 1)) for firm, vector in vectors.items()]
    return pl.DataFrame(rows, schema=["firm_id", "text", "published_on"], orient="row")


#: a points at b, b at c, c and d at each other; e has no text
CHAIN = embeddings(a=[1, 0], b=[0.9, 0.3], c=[0.8, 0.6], d=[0.75, 0.62])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("directed", {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}),
        ("either", {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}),
        ("mutual", {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}),
    ],
)
def test_where_all_choices_are_mutual_they_agree(choice, expected):
    found = similar_text_edges(CHAIN, FIRMS, spec(method="given", components=2, neighbours=1, choice=choice))
    assert directed(found) == expected
    assert found.edges.directed == (choice == "directed")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("directed", {("a", "b"), ("b", "c"), ("c", "b")}),
        ("either", {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}),
        ("mutual", {("b", "c"), ("c", "b")}),
    ],
)
def test_a_one_sided_choice_counts_as_declared(choice, expected):
    rows = embeddings(a=[1, 0], b=[0.8, 0.6], c=[0.7, 0.7])
    found = similar_text_edges(rows, FIRMS, spec(method="given", components=2, neighbours=1, choice=choice))
    assert directed(found) == expected
    dense = found.edges.matrix().toarray()
    assert dense[1, 2] == pytest.approx((0.8 + 0.6) * 0.7 / np.hypot(0.7, 0.7))


def test_given_embeddings_are_compared_as_they_are():
    found = similar_text_edges(CHAIN, FIRMS, spec(method="given", components=2, cut_off=0.99))
    assert pairs(found) == {("c", "d")}
    assert found.edges.matrix().toarray()[2, 3] == pytest.approx((0.8 * 0.75 + 0.6 * 0.62) / np.hypot(0.75, 0.62))


def test_given_embeddings_declare_their_length():
    with pytest.raises(ValueError, match="needs `components`, how many numbers an embedding has"):
        spec(method="given")


def test_a_choice_goes_with_neighbours():
    with pytest.raises(ValueError, match="`choice: mutual` goes with `neighbours`"):
        spec(choice="mutual")


def test_what_was_left_out_is_counted():
    rows = pl.concat([ROWS, pl.DataFrame([("zz", STEEL, dt.date(2024, 1, 1))], schema=ROWS.schema, orient="row")])
    counts = similar_text_edges(rows, FIRMS, spec()).notes.counts
    assert (counts.rows, counts.unknown_firms, counts.repeated_rows) == (6, 1, 1)


def test_doc2vec_without_gensim_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models.doc2vec", None)
    with pytest.raises(SettingsError) as error:
        similar_text_edges(ROWS, FIRMS, spec(method="doc2vec"))
    assert str(error.value).startswith(
        "Relation text is made by doc2vec, which needs a package that is not installed.\n"
        "  expected: the package gensim\n"
    )
    assert str(error.value).endswith(
        "way out: install it with pip install gensim, or use `method: tfidf`, which needs nothing more"
    )


class TestDoc2vec:
    TRADES = (STEEL.split(), BAKERY.split())
    FIRMS = pl.Series([f"f{number:02d}" for number in range(40)])

    @pytest.fixture(autouse=True)
    def gensim(self):
        return pytest.importorskip("gensim", reason="doc2vec needs gensim")

    def rows(self):
        rng = np.random.default_rng(0)
        texts = [" ".join(rng.choice(self.TRADES[place % 2], size=40)) for place in range(40)]
        return pl.DataFrame({"firm_id": self.FIRMS, "text": texts}).with_columns(
            published_on=pl.lit(dt.date(2024, 1, 1))
        )

    def vectors(self, **settings):
        return document_vectors(self.rows()["text"].to_list(), spec(method="doc2vec", components=10, **settings))

    def test_texts_of_one_trade_are_alike(self):
        cosines = self.vectors() @ self.vectors().T
        same = np.add.outer(np.arange(40), np.arange(40)) % 2 == 0
        np.fill_diagonal(same, val=False)
        assert cosines[same].mean() > cosines[~same & ~np.eye(40, dtype=bool)].mean() + 0.3

    def test_one_seed_gives_one_result_and_epochs_and_seed_act(self):
        np.testing.assert_array_equal(self.vectors(), self.vectors())
        assert not np.array_equal(self.vectors(), self.vectors(seed=1))
        assert not np.array_equal(self.vectors(), self.vectors(epochs=1))

    def test_rare_words_leave_nothing_and_nobody_related(self):
        found = similar_text_edges(ROWS, FIRMS, spec(method="doc2vec").model_copy(update={"least_documents": 99}))
        assert found.edges.edges == 0
