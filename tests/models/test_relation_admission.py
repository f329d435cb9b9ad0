"""Bad rows of every kind of relation: refused with their reason, or left out by a declared policy and counted."""

import polars as pl
import pytest

from models.admission import admitted_firms, admitted_relation
from models.communities import detected_communities
from models.corporate_graph import constructed_graph
from models.graph_statistics import graph_statistics
from schemas.portfolio import PortfolioSpec
from schemas.specs import GraphSpec
from schemas.terms import Quarter

DAY = "2021-03-31"
AS_OF = Quarter(2021, 2).end
PORTFOLIO = {
    "name": "kinds",
    "title": "Kinds",
    "purpose": "test",
    "source": {"kind": "folder"},
    "firms": {
        "file": "firms.csv",
        "firm_id": "id",
        "published_on": "day",
        "columns": [{"name": "size", "kind": "number", "nullable": True}],
    },
    "outcomes": {"file": "o.csv", "firm_id": "id", "value": "y", "vintage": "quarter"},
    "target": {"kind": "binary", "classes": ["0", "1"], "favourable": ["0"], "horizon_quarters": 4, "label": "default"},
    "candidates": [{"name": "logistic", "kind": "logistic"}],
    "graph": {"allow_no_edges": True},
}
TABLE = {"name": "own", "file": "r.csv", "source": "a", "target": "b", "published_on": "day"}
COLUMNS = ["a", "b", "w", "day"]


def raw(columns, rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return frame.with_row_index("row", offset=1).with_columns(
        pl.col("row").cast(pl.Int64), delivered=pl.lit(None, pl.String)
    )


class Admission:
    """A relation's rows, admitted, and the graph that they make."""

    def __init__(self, relation, rows, columns=COLUMNS, firms="abcdef"):
        self.portfolio = PortfolioSpec.model_validate(PORTFOLIO | {"relations": [relation]})
        (spec,) = self.portfolio.relations
        self.firms = admitted_firms(raw(["id", "day", "size"], [(firm, DAY, "1") for firm in firms]), self.portfolio)
        self.table = admitted_relation(raw(columns, rows), spec, self.firms.rows, self.portfolio)
        self.handled = self.table.handled(spec, self.firms.rows)
        self.broken = [row[1:] for row in self.table.quarantine.iter_rows()]

    def graph(self):
        tables = {"firms": self.firms.rows, f"relations:{self.portfolio.relations[0].name}": self.table.rows}
        return constructed_graph(tables, self.portfolio, AS_OF)

    def statistics(self):
        built = self.graph()
        communities = detected_communities(built.graph.firms, built.graph.union(), GraphSpec())
        (found,) = graph_statistics(built.graph, communities, notes=built.notes).relations
        return found


def owned(rows, **settings):
    return Admission(TABLE | {"weight": "w"} | settings, [(*row, DAY) for row in rows])


def test_weights_that_are_no_numbers_and_negative_shares_are_refused():
    found = owned([("a", "b", word) for word in ("0.5", "nan", "inf", "-inf", "-0.1", "1e400")], repeated="sum")
    assert [row[:3] for row in found.broken] == [
        (2, "weight", "is a finite number"),
        (3, "weight", "is a finite number"),
        (4, "weight", "is a finite number"),
        (5, "weight", "weight at least 0"),
        (6, "weight", "is a finite number"),
    ]
    assert found.statistics().weight_total == 0.5


def test_a_share_above_a_hundred_percent_is_refused_and_so_are_shares_that_add_up_to_more():
    rows = [("a", "b", "0.7"), ("c", "b", "0.6"), ("a", "c", "1.2"), ("a", "d", "0.5"), ("b", "d", "0.5")]
    found = owned(rows, weight_between=[0, 1], shares_at_most=1)
    assert found.broken == [
        (1, "target, weight", "shares of a target at most 1", "b: 1.3 in total"),
        (2, "target, weight", "shares of a target at most 1", "b: 1.3 in total"),
        (3, "weight", "weight at most 1", "1.2"),
    ]
    assert found.table.set_aside == 3
    assert found.statistics().edges == 2
    percent = owned([("a", "b", "70"), ("c", "b", "30")], shares_at_most=100)
    assert not percent.broken


def test_rows_that_broke_another_rule_do_not_count_against_the_shares():
    found = owned([("a", "b", "0.7"), ("d", "b", "-0.6"), ("c", "b", "0.3")], shares_at_most=1)
    assert [row[0] for row in found.broken] == [2]


def test_the_share_of_an_unknown_owner_is_a_share():
    found = owned([("a", "b", "0.7"), ("zz", "b", "0.6")], shares_at_most=1)
    assert found.broken == [
        (1, "target, weight", "shares of a target at most 1", "b: 1.3 in total"),
        (2, "source", "source is a known firm", "zz"),
    ]


def test_rings_of_owners_are_admitted_and_reported():
    ring = [
        ("a", "b", "0.6"),
        ("b", "c", "0.4"),
        ("c", "a", "0.1"),
        ("d", "e", "0.5"),
        ("e", "d", "0.5"),
        ("a", "f", "1"),
    ]
    found = owned(ring, weight_between=[0, 1], shares_at_most=1)
    assert not found.broken
    statistics = found.statistics()
    assert (statistics.cyclic_groups, statistics.largest_cyclic_group) == (2, 3)
    assert statistics.reciprocal_pairs == 1
    assert owned(ring[:2]).statistics().cyclic_groups == 0
    assert owned(ring, directed=False, repeated="sum").statistics().cyclic_groups == 0


def test_a_ring_of_zero_shares_is_a_ring():
    assert owned([("a", "b", "0"), ("b", "a", "0")]).statistics().largest_cyclic_group == 2


def test_pairs_in_both_directions_are_refused_where_that_is_declared():
    rows = [("a", "b", "1"), ("b", "a", "2"), ("c", "d", "1")]
    assert [row[:3] for row in owned(rows, reciprocal="refuse").broken] == [
        (1, "source, target", "no pair in both directions"),
        (2, "source, target", "no pair in both directions"),
    ]
    assert not owned(rows).broken
    assert owned(rows, reciprocal="net").statistics().weight_total == 2.0


def test_unknown_firms_are_refused_or_left_out_and_counted():
    rows = [("a", "b", "1"), ("a", "zz", "1"), ("yy", "zz", "1")]
    assert {row[2] for row in owned(rows).broken} == {"source is a known firm", "target is a known firm"}
    dropped = owned(rows, unknown_firms="drop")
    assert not dropped.broken
    assert dropped.handled == {"unknown firms, dropped": 2}
    assert (dropped.statistics().edges, dropped.statistics().unknown_firms) == (1, 2)


def test_two_columns_of_source_and_destination_are_a_graph():
    found = Admission(TABLE, [("a", "b", DAY), ("b", "c", DAY)], columns=["a", "b", "day"])
    statistics = found.statistics()
    assert (statistics.edges, statistics.weight_total, statistics.rows) == (2, 2.0, 2)


@pytest.mark.parametrize("firms", ["a", "abcdef"])
def test_one_firm_or_no_row_is_a_graph_without_edges(firms):
    statistics = Admission(TABLE, [], columns=["a", "b", "day"], firms=firms).statistics()
    assert (statistics.edges, statistics.isolated_firms, statistics.cyclic_groups) == (0, len(firms), 0)


def test_a_firm_alone_with_itself_has_no_edge():
    found = Admission(TABLE | {"self_loops": "drop"}, [("a", "a", DAY)], columns=["a", "b", "day"], firms="a")
    assert (found.statistics().edges, found.statistics().self_loops) == (0, 1)


PAYMENTS = [
    ("a", "d", DAY),
    ("b", "d", DAY),
    ("b", "e", DAY),
    ("c", "e", DAY),
    ("a", "elsewhere", DAY),
    ("b", "elsewhere", DAY),
    ("cash", "f", DAY),
]


@pytest.mark.parametrize(
    ("firm", "partner", "expected"),
    [
        ("customer", "merchant", {("a", "b"): 2.0, ("b", "c"): 1.0}),
        ("merchant", "customer", {("d", "e"): 1.0}),
    ],
)
def test_payments_have_two_projections(firm, partner, expected):
    # Customers a, b, c buy from merchants d, e, f and from one that banks elsewhere; somebody pays cash.
    relation = {"name": "common", "kind": "shared_partner", "file": "r.csv", "firm_id": firm, "partner": partner}
    relation |= {"published_on": "day", "unknown_firms": "drop"}
    found = Admission(relation, PAYMENTS, columns=["customer", "merchant", "day"])
    assert not found.broken
    graph = found.graph().graph
    matrix = graph.relations["common"].matrix().tocoo()
    pairs = {
        (str(graph.firms[i]), str(graph.firms[j])): float(w)
        for i, j, w in zip(*matrix.coords, matrix.data, strict=True)
        if i < j
    }
    assert pairs == expected


def test_totals_below_zero_or_missing_and_two_of_one_day_are_refused():
    relation = {"name": "interbank", "kind": "reconstructed", "file": "r.csv", "published_on": "day"}
    relation |= {"firm_id": "id", "lent": "l", "borrowed": "b", "method": "minimum_density"}
    rows = [
        ("a", "5", "0", DAY),
        ("b", "0", "5", DAY),
        ("c", "-1", "0", DAY),
        ("d", "0", "nan", DAY),
        ("e", "0", None, DAY),
        ("f", "0", "0", DAY),
        ("f", "1", "0", DAY),
        ("zz", "0", "0", DAY),
    ]
    found = Admission(relation, rows, columns=["id", "l", "b", "day"])
    assert [row[:3] for row in found.broken] == [
        (3, "lent", "lent at least 0"),
        (4, "borrowed", "is a finite number"),
        (5, "borrowed", "is filled"),
        (6, "firm_id, published_on", "unique firm_id, published_on"),
        (7, "firm_id, published_on", "unique firm_id, published_on"),
        (8, "firm_id", "firm_id is a known firm"),
    ]
    statistics = found.statistics()
    assert (statistics.edges, statistics.weight_total) == (1, 5.0)
    assert statistics.margin_error == pytest.approx(0)
    assert statistics.margin_mismatch == 0


def test_embeddings_of_another_length_or_form_are_refused():
    relation = {"name": "text", "kind": "similar_text", "file": "r.csv", "firm_id": "id", "text": "t"}
    relation |= {"published_on": "day", "method": "given", "components": 2, "cut_off": 0.9}
    texts = [
        "[1, 0]",
        "[1.0, 1e-3]",
        "[1, 0, 0]",
        "[1]",
        "1, 0",
        "[1, NaN]",
        "[1, 2",
        '["1", "2"]',
        "[1,+1]",
        "[01, 1]",
        "[1e400, 1]",
    ]
    rows = [(firm, text, DAY) for firm, text in zip("abcdefghijk", texts, strict=True)]
    found = Admission(relation, rows, columns=["id", "t", "day"], firms="abcdefghijk")
    assert [(row[0], row[2]) for row in found.broken] == [
        (number, "is a JSON array of 2 numbers") for number in range(3, 12)
    ]
    assert found.statistics().edges == 1
