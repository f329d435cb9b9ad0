"""Nothing published after the quarter's end changes a feature, an edge, a node or a label: every table, every kind."""

import json

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.admission import admitted_filings, admitted_firms, admitted_outcomes, admitted_relation
from models.corporate_graph import corporate_graph
from models.fingerprint import part_digests
from models.graph_codec import graph_bytes
from models.inputs import with_inputs
from models.knowledge import closed_outcomes
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter

QUARTER = Quarter(2021, 2)
FIRMS = "abcdef"
_DATED = {"published_on": "day", "valid_until": "until"}
_FIRM = {"firm_id": "id", "unknown_firms": "drop", **_DATED}
PORTFOLIO = {
    "name": "kinds",
    "title": "All kinds",
    "purpose": "test",
    "source": {"kind": "folder"},
    "firms": {
        "file": "firms",
        "firm_id": "id",
        **_DATED,
        "columns": [{"name": "size", "kind": "category", "values": ["small", "large"]}],
    },
    "relations": [
        {
            "name": "own",
            "file": "own",
            "source": "a",
            "target": "b",
            "weight": "w",
            **_DATED,
            "repeated": "sum",
            "self_loops": "drop",
            "reciprocal": "refuse",
            "shares_at_most": 1,
            "cap": 2,
        },
        {
            "name": "trade",
            "file": "trade",
            "source": "a",
            "target": "b",
            "weight": "w",
            **_DATED,
            "reciprocal": "net",
            "self_loops": "drop",
        },
        {"name": "board", "kind": "shared_partner", "file": "board", "partner": "who", **_FIRM},
        {
            "name": "persons",
            "kind": "partner_nodes",
            "node_type": "person",
            "file": "persons",
            "partner": "who",
            "weight": "w",
            **_FIRM,
        },
        {"name": "words", "kind": "similar_text", "file": "words", "text": "t", "cut_off": 0.3, **_FIRM},
        {
            "name": "vectors",
            "kind": "similar_text",
            "file": "vectors",
            "text": "t",
            "method": "given",
            "components": 2,
            "neighbours": 1,
            "choice": "directed",
            **_FIRM,
        },
        {
            "name": "interbank",
            "kind": "reconstructed",
            "file": "interbank",
            "lent": "l",
            "borrowed": "w",
            "method": "maximum_entropy",
            "margin_tolerance": 1,
            **_FIRM,
        },
        {"name": "near", "kind": "nearest", "neighbours": 1},
    ],
    "filings": {
        "file": "filings",
        "firm_id": "id",
        "period": "of",
        "published_on": "day",
        "columns": [{"name": "x", "nullable": True}],
    },
    "outcomes": {"file": "outcomes", "firm_id": "id", "value": "y", "vintage": "of", "published_on": "day"},
    "target": {"kind": "binary", "classes": ["0", "1"], "favourable": ["0"], "horizon_quarters": 1, "label": "default"},
    "candidates": [{"name": "logistic", "kind": "logistic"}],
    "graph": {"allow_no_edges": True, "history": {"outcomes": 2, "changes": [1]}},
}
_BEFORE, _AFTER = ["2021-01-31", "2021-03-31", "2021-06-30"], ["2021-07-01", "2021-09-30", "2023-01-01"]
_firm, _weight = st.sampled_from(FIRMS), st.integers(0, 10).map(lambda tenths: str(tenths / 10))
_until = st.none() | st.sampled_from(["2021-06-30", "2021-07-01", "2024-01-01"])
_vector = st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(json.dumps)
_words = st.lists(st.sampled_from(["ore", "steel", "bread", "oven"]), min_size=1, max_size=4).map(" ".join)
_quarter = st.sampled_from(["2020Q4", "2021Q1", "2021Q2"])


def _rows(day, **columns):
    """Draw rows of a table; the newest day may be any of `day`."""
    return st.lists(st.fixed_dictionaries({"day": st.sampled_from(day), **columns}), max_size=8)


COLUMNS = {
    "firms": {"id": _firm, "until": _until, "size": st.sampled_from(["small", "large"])},
    "relations:own": {"a": _firm, "b": _firm, "w": _weight, "until": _until},
    "relations:trade": {"a": _firm, "b": _firm, "w": _weight, "until": _until},
    "relations:board": {"id": _firm, "who": st.sampled_from(["anna", "ben"]), "until": _until},
    "relations:persons": {"id": _firm, "who": st.sampled_from(["anna", "ben"]), "w": _weight, "until": _until},
    "relations:words": {"id": _firm, "t": _words, "until": _until},
    "relations:vectors": {"id": _firm, "t": _vector, "until": _until},
    "relations:interbank": {"id": _firm, "l": _weight, "w": _weight, "until": _until},
    "filings": {"id": _firm, "of": _quarter, "x": _weight},
    "outcomes": {"id": _firm, "of": _quarter, "y": st.sampled_from(["0", "1"])},
}


@pytest.fixture(scope="module")
def portfolio():
    return PortfolioSpec.model_validate(PORTFOLIO)


def raw(table, rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys(["day", *COLUMNS[table]], pl.String))
    return frame.with_row_index("row", offset=1).with_columns(
        pl.col("row").cast(pl.Int64), delivered=pl.lit(None, pl.String)
    )


def known(delivery, portfolio):
    """Return the graph and the labels that a delivery's raw rows come to, admission included."""
    tables = {name: raw(name, rows) for name, rows in delivery.items()}
    firms = admitted_firms(tables["firms"], portfolio).rows
    admitted = {"firms": firms}
    for spec in portfolio.delivered_relations:
        name = f"relations:{spec.name}"
        admitted[name] = admitted_relation(tables[name], spec, firms, portfolio).rows
    admitted["filings"] = admitted_filings(tables["filings"], portfolio.filings, firms, portfolio).rows
    outcomes = admitted_outcomes(tables["outcomes"], firms, portfolio).rows
    tables = admitted | {"outcomes": outcomes}
    graph = with_inputs(corporate_graph(admitted, portfolio, QUARTER.end), tables, portfolio)
    # A panel joins outcomes to the firms of its graphs; those of a firm that is not known yet join nothing.
    labels = [
        closed_outcomes(outcomes, Quarter.parse(vintage), QUARTER.end)
        .filter(pl.col("firm_id").is_in(graph.firms.tolist()))
        .select("firm_id", "outcome")
        .rows()
        for vintage in ("2020Q4", "2021Q1")
    ]
    return graph, labels


@pytest.mark.parametrize("table", COLUMNS)
@settings(max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking ten tables takes minutes
@given(data=st.data())
def test_rows_published_later_change_nothing(table, portfolio, data):
    delivery = {name: data.draw(_rows(_BEFORE, **columns), label=name) for name, columns in COLUMNS.items()}
    # One firm is not known yet, and its rows are set aside or left out; a later row may make it known.
    delivery["firms"] = [{"id": firm, "day": _BEFORE[0], "until": None, "size": "small"} for firm in FIRMS[:-1]]
    later = data.draw(_rows(_AFTER, **COLUMNS[table]).filter(bool), label="published later")
    graph, labels = known(delivery, portfolio)
    more, more_labels = known({**delivery, table: [*delivery[table], *later]}, portfolio)
    assert part_digests(more) == part_digests(graph)
    assert graph_bytes(more) == graph_bytes(graph)
    assert more_labels == labels


def test_the_same_rows_published_in_time_do_change_it(portfolio):
    """The property above is not empty: each table's row, known in time, changes the graph or the labels."""
    day = "2021-03-31"
    delivery = {name: [] for name in COLUMNS}
    delivery["firms"] = [{"id": firm, "day": day, "until": None, "size": "small"} for firm in "abcde"]
    ends = [{"a": "a", "b": "b", "w": "0.5", "day": day, "until": None}]
    both = [{"id": firm, "who": "anna", "w": "1", "day": day, "until": None} for firm in "ab"]
    more = {
        "firms": [{"id": "f", "day": day, "until": None, "size": "large"}],
        "relations:own": ends,
        "relations:trade": ends,
        "relations:board": [{key: row[key] for key in ("id", "who", "day", "until")} for row in both],
        "relations:persons": both,
        "relations:words": [{"id": firm, "t": "ore steel", "day": day, "until": None} for firm in "ab"],
        "relations:vectors": [{"id": firm, "t": "[1, 2]", "day": day, "until": None} for firm in "ab"],
        "relations:interbank": [
            {"id": firm, "l": lent, "w": borrowed, "day": day, "until": None}
            for firm, lent, borrowed in (("a", "1", "0"), ("b", "0", "1"))
        ],
        "filings": [{"id": "a", "of": "2021Q1", "x": "1", "day": day}],
        "outcomes": [{"id": "a", "of": "2021Q1", "y": "1", "day": day}],
    }
    assert more.keys() == COLUMNS.keys()
    graph, labels = known(delivery, portfolio)
    for name, rows in more.items():
        changed, changed_labels = known({**delivery, name: [*delivery[name], *rows]}, portfolio)
        assert part_digests(changed) != part_digests(graph) or changed_labels != labels, name
