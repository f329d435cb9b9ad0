"""Every kind of relation from a portfolio file, from raw rows to edges."""

import datetime as dt

import polars as pl
import pytest

from models.admission import admitted_filings, admitted_firms, admitted_outcomes, admitted_relation
from models.corporate_graph import corporate_graph
from schemas.portfolio import PortfolioSpec

DAY, LATER = "2021-03-31", "2021-12-31"
AS_OF = dt.date(2021, 6, 30)
PORTFOLIO = {
    "name": "kinds",
    "title": "All kinds",
    "purpose": "test",
    "source": {"kind": "folder"},
    "firms": {"file": "firms.csv", "firm_id": "id", "published_on": "day"},
    "relations": [
        {
            "name": "supply",
            "file": "s.csv",
            "source": "von",
            "target": "an",
            "published_on": "day",
            "repeated": "sum",
            "self_loops": "drop",
        },
        {
            "name": "board",
            "kind": "shared_partner",
            "file": "b.csv",
            "firm_id": "id",
            "partner": "who",
            "published_on": "day",
        },
        {
            "name": "text",
            "kind": "similar_text",
            "file": "t.csv",
            "firm_id": "id",
            "text": "words",
            "published_on": "day",
            "cut_off": 0.5,
            "least_documents": 1,
        },
        {"name": "near", "kind": "nearest", "neighbours": 1},
    ],
    "filings": {
        "file": "f.csv",
        "firm_id": "id",
        "period": "quarter",
        "published_on": "day",
        "columns": [{"name": "x", "nullable": True}],
    },
    "outcomes": {"file": "o.csv", "firm_id": "id", "value": "y", "vintage": "quarter"},
    "target": {"kind": "binary", "classes": ["0", "1"], "favourable": ["0"], "horizon_quarters": 4, "label": "default"},
    "candidates": [{"name": "logistic", "kind": "logistic"}],
}
RAW = {
    "firms": (["id", "day"], [("a", DAY), ("b", DAY), ("c", DAY)]),
    "relations:supply": (["von", "an", "day"], [("a", "b", DAY), ("a", "b", DAY), ("c", "c", DAY), ("b", "c", LATER)]),
    "relations:board": (
        ["id", "who", "day"],
        [("a", "anna", DAY), ("c", "anna", DAY), ("b", "anna", LATER), ("zz", "x", DAY)],
    ),
    "relations:text": (
        ["id", "words", "day"],
        [("a", "ore steel", DAY), ("b", "ore steel", DAY), ("c", "bread oven", DAY)],
    ),
    "filings": (
        ["id", "quarter", "day", "x"],
        [("a", "2021Q1", DAY, "1"), ("b", "2021Q1", DAY, "9"), ("c", "2021Q1", DAY, "9.5")],
    ),
    "outcomes": (["id", "quarter", "y"], [("a", "2021Q1", "0")]),
}


@pytest.fixture(scope="module")
def portfolio():
    return PortfolioSpec.model_validate(PORTFOLIO)


@pytest.fixture(scope="module")
def admitted(portfolio):
    raw = {
        name: pl.DataFrame(rows, schema=columns, orient="row")
        .with_row_index("row", offset=1)
        .with_columns(pl.col("row").cast(pl.Int64), delivered=pl.lit(None, pl.String))
        for name, (columns, rows) in RAW.items()
    }
    firms = admitted_firms(raw["firms"], portfolio)
    tables = {"firms": firms}
    for spec in portfolio.delivered_relations:
        name = f"relations:{spec.name}"
        tables[name] = admitted_relation(raw[name], spec, firms.rows, portfolio)
    tables["filings"] = admitted_filings(raw["filings"], portfolio.filings, firms.rows, portfolio)
    tables["outcomes"] = admitted_outcomes(raw["outcomes"], firms.rows, portfolio)
    return tables


@pytest.fixture(scope="module")
def graph(admitted, portfolio):
    return corporate_graph({name: table.rows for name, table in admitted.items()}, portfolio, AS_OF)


def edges(graph, name):
    matrix = graph.relations[name].matrix().tocoo()
    return {
        (str(graph.firms[int(i)]), str(graph.firms[int(j)])): float(w)
        for i, j, w in zip(*matrix.coords, matrix.data, strict=True)
    }


def test_a_relation_without_a_kind_is_a_table(portfolio):
    assert portfolio.relations[0].kind == "table"


def test_repeated_rows_are_summed_and_self_loops_dropped_and_both_are_counted(admitted, graph, portfolio):
    assert edges(graph, "supply") == {("a", "b"): 2.0}
    assert admitted["relations:supply"].handled(portfolio.relations[0], admitted["firms"].rows) == {
        "self-loops, dropped": 1,
        "repeated pairs, merged by sum": 2,
    }


def test_a_shared_partner_known_by_then_relates_two_firms(graph):
    assert edges(graph, "board") == {("a", "c"): 1.0, ("c", "a"): 1.0}


def test_a_partner_of_an_unknown_firm_goes_to_quarantine(admitted):
    assert admitted["relations:board"].quarantine.rows() == [
        ("relations:board", 4, "firm_id", "firm_id is a known firm", "zz")
    ]


def test_similar_texts_relate_two_firms(graph):
    assert set(edges(graph, "text")) == {("a", "b"), ("b", "a")}


def test_similar_features_relate_the_nearest(graph):
    assert set(edges(graph, "near")) == {("b", "c"), ("c", "b")}


def test_a_nearest_relation_names_features_that_exist():
    wrong = {**PORTFOLIO, "relations": [{"name": "near", "kind": "nearest", "features": ["turnover"]}]}
    with pytest.raises(ValueError, match="relation near: `features` names what is no feature: turnover"):
        PortfolioSpec.model_validate(wrong)
