"""Firms that share a partner, against counting by hand."""

import datetime as dt

import polars as pl

from models.projections import shared_partner_edges
from schemas.portfolio import SharedPartnerSpec

AS_OF = dt.date(2024, 12, 31)
FIRMS = pl.Series(["a", "b", "c", "d"])
#: anna sits in a, b and c; ben in a and b; carl in d alone; dora in a and a firm that is gone
ROWS = pl.DataFrame(
    [
        ("a", "anna", dt.date(2020, 1, 1)),
        ("b", "anna", dt.date(2020, 1, 1)),
        ("c", "anna", dt.date(2024, 12, 1)),
        ("a", "ben", dt.date(2024, 11, 1)),
        ("b", "ben", dt.date(2024, 11, 1)),
        ("b", "ben", dt.date(2023, 11, 1)),
        ("d", "carl", dt.date(2024, 11, 1)),
        ("a", "dora", dt.date(2024, 11, 1)),
        ("gone", "dora", dt.date(2024, 11, 1)),
    ],
    schema=["firm_id", "partner", "published_on"],
    orient="row",
)


def spec(**settings):
    return SharedPartnerSpec(
        kind="shared_partner", name="board", file="x", firm_id="f", partner="p", published_on="d", **settings
    )


def weights(built):
    edges = built.edges
    return {
        (FIRMS[int(row)], FIRMS[int(column)]): float(value)
        for row, column, value in zip(*edges.matrix().tocoo().coords, edges.matrix().tocoo().data, strict=True)
        if row < column
    }


def test_each_shared_partner_counts_once():
    assert weights(shared_partner_edges(ROWS, FIRMS, spec(), AS_OF)) == {
        ("a", "b"): 2.0,
        ("a", "c"): 1.0,
        ("b", "c"): 1.0,
    }


def test_a_partner_with_few_firms_weighs_more():
    found = weights(shared_partner_edges(ROWS, FIRMS, spec(weighting="newman"), AS_OF))
    assert found == {("a", "b"): 1.5, ("a", "c"): 0.5, ("b", "c"): 0.5}


def test_a_partner_above_the_cap_is_left_out():
    assert weights(shared_partner_edges(ROWS, FIRMS, spec(partner_cap=2), AS_OF)) == {("a", "b"): 1.0}


def test_a_window_forgets_what_became_known_before_it():
    assert weights(shared_partner_edges(ROWS, FIRMS, spec(window_days=90), AS_OF)) == {("a", "b"): 1.0}


def test_a_hub_does_not_explode_quadratically():
    hub = pl.DataFrame({"firm_id": [f"f{i:05d}" for i in range(20_000)], "partner": "everybody"}).with_columns(
        published_on=pl.lit(AS_OF)
    )
    built = shared_partner_edges(hub, hub["firm_id"], spec(partner_cap=50), AS_OF)
    assert built.edges.edges == 0


def test_the_order_of_rows_changes_nothing():
    once = shared_partner_edges(ROWS, FIRMS, spec(), AS_OF)
    again = shared_partner_edges(ROWS.reverse(), FIRMS, spec(), AS_OF)
    assert weights(once) == weights(again)
