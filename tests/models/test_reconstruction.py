"""Exposures from totals: they add up, nobody lends to itself, and what does not fit is said."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.minimum_density import minimum_density
from models.reconstruction import largest_margin_error, maximum_entropy, reconstructed_edges
from schemas.errors import DeliveryRefused, NotEnoughData
from schemas.relation_kinds import ReconstructedSpec

DAY = dt.date(2024, 3, 31)
FIRMS = pl.Series(["a", "b", "c", "d"])
METHODS = ("maximum_entropy", "minimum_density")
#: true exposures, so that totals exist which they satisfy
markets = st.integers(3, 12).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 1000), min_size=n, max_size=n), min_size=n, max_size=n)
)
totals = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12)


def spec(**settings):
    described = {
        "kind": "reconstructed",
        "name": "interbank",
        "file": "x",
        "firm_id": "f",
        "lent": "l",
        "borrowed": "b",
    }
    return ReconstructedSpec.model_validate(described | {"method": "maximum_entropy"} | settings)


def table(rows):
    schema = {"firm_id": pl.String, "lent": pl.Float64, "borrowed": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(published_on=pl.lit(DAY))


def margins(market):
    exposures = np.array(market, dtype=np.float64)
    np.fill_diagonal(exposures, 0)
    return exposures.sum(axis=1), exposures.sum(axis=0)


def test_maximum_entropy_of_equal_banks_is_even():
    ones = np.full(4, 3.0)
    expected = np.ones((4, 4)) - np.eye(4)
    np.testing.assert_allclose(maximum_entropy(ones, ones).toarray(), expected, rtol=1e-9)


def test_maximum_entropy_is_that_of_plain_iterative_fitting():
    # By another route: scale rows and columns of the outer product, its diagonal held at zero, on a dense matrix.
    rng = np.random.default_rng(3)
    lent, borrowed = margins(rng.integers(1, 100, size=(8, 8)))
    dense = np.outer(lent, borrowed)
    np.fill_diagonal(dense, 0)
    for _ in range(500):
        dense *= (lent / dense.sum(axis=1))[:, None]
        dense *= borrowed / dense.sum(axis=0)
    np.testing.assert_allclose(maximum_entropy(lent, borrowed, accuracy=1e-13).toarray(), dense, rtol=1e-9)


@given(markets)
def test_maximum_entropy_adds_up_where_all_lend_to_all(market):
    positive = np.array(market) + 1
    lent, borrowed = margins(positive)
    found = maximum_entropy(lent, borrowed)
    assert largest_margin_error(found, lent, borrowed) <= 1e-8
    assert not found.diagonal().any()
    assert found.nnz == len(lent) * (len(lent) - 1)


@given(markets)
def test_minimum_density_adds_up_with_few_links(market):
    lent, borrowed = margins(market)
    found = minimum_density(lent, borrowed)
    assert largest_margin_error(found, lent, borrowed) <= 1e-9
    assert not found.diagonal().any()
    assert (found.data > 0).all()
    needed = max((lent > 0).sum(), (borrowed > 0).sum())
    assert needed <= found.nnz <= 2 * ((lent > 0).sum() + (borrowed > 0).sum())


@given(totals)
def test_totals_that_cannot_be_met_give_numbers_all_the_same(rows):
    lent, borrowed = np.array(rows, dtype=np.float64).T
    assume(lent.sum() > 0)
    assume(borrowed.sum() > 0)
    borrowed = borrowed * lent.sum() / borrowed.sum()
    for found in (maximum_entropy(lent, borrowed), minimum_density(lent, borrowed)):
        assert np.isfinite(found.data).all()
        assert (found.data >= 0).all()
        assert not found.diagonal().any()
        assert np.isfinite(largest_margin_error(found, lent, borrowed))


def test_a_bank_that_is_most_of_its_own_market_leaves_an_error():
    # a lends 60 and borrows 60 of 100: only 40 of each can be with others.
    lent = borrowed = np.array([60.0, 20.0, 20.0])
    expected = [[0, 20, 20], [20, 0, 0], [20, 0, 0]]
    for found in (maximum_entropy(lent, borrowed), minimum_density(lent, borrowed)):
        np.testing.assert_allclose(found.toarray(), expected)
        assert largest_margin_error(found, lent, borrowed) == pytest.approx(1 / 3)


def test_minimum_density_needs_far_fewer_links():
    rng = np.random.default_rng(11)
    lent, borrowed = margins(rng.pareto(1.2, size=(300, 300)) + 0.01)
    assert maximum_entropy(lent, borrowed).nnz == 300 * 299
    assert minimum_density(lent, borrowed).nnz < 650


def test_the_last_open_firm_stands_between_two_others():
    # b lends to d what both need; then a is left with both sides open.
    lent, borrowed = np.array([1.0, 5.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 5.0])
    found = minimum_density(lent, borrowed).toarray()
    np.testing.assert_allclose(found.sum(axis=1), lent)
    np.testing.assert_allclose(found.sum(axis=0), borrowed)
    assert found[0, 3] == 1.0
    assert found[1, 0] == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_edges_go_from_lender_to_borrower_and_the_newest_totals_count(method):
    rows = pl.concat(
        [
            table([("a", 7, 0), ("zz", 0, 0)]).with_columns(published_on=pl.lit(dt.date(2023, 12, 31))),
            table([("a", 10, 0), ("b", 0, 6), ("c", 0, 4)]),
        ]
    )
    built = reconstructed_edges(rows, FIRMS, spec(method=method))
    np.testing.assert_allclose(built.edges.matrix().toarray()[0], [0, 6, 4, 0])
    assert built.edges.directed
    assert built.edges.edges == 2
    assert (built.notes.counts.rows, built.notes.counts.unknown_firms, built.notes.counts.repeated_rows) == (5, 1, 1)
    assert built.notes.margins.largest_error < 1e-9
    assert built.notes.margins.total_mismatch == 0


def test_totals_within_the_tolerance_are_scaled_and_said():
    rows = table([("a", 100, 0), ("b", 0, 50), ("c", 0, 49)])
    built = reconstructed_edges(rows, FIRMS, spec(margin_tolerance=0.02))
    np.testing.assert_allclose(built.edges.matrix().toarray()[0], [0, 5000 / 99, 4900 / 99, 0])
    assert built.notes.margins.total_mismatch == pytest.approx(0.01)


def test_totals_beyond_the_tolerance_are_refused():
    rows = table([("a", 100, 0), ("b", 0, 50), ("c", 0, 40)])
    with pytest.raises(DeliveryRefused) as error:
        reconstructed_edges(rows, FIRMS, spec())
    assert str(error.value) == (
        "Exposures of relation interbank cannot be reconstructed: what was lent is not what was borrowed.\n"
        "  expected: totals that differ by at most 1.0000% (`margin_tolerance`)\n"
        "  found: 100 lent and 90 borrowed by known firms: 10.0000% apart\n"
        "  way out: deliver both totals of every lender and borrower (the rest of the market may be a firm of its "
        "own), or raise `margin_tolerance`"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rows", [[], [("a", 0, 0)], [("a", 5, 5)], [("a", 5, 0), ("b", 1, 0)]])
def test_nobody_to_lend_to_is_no_edge_and_no_crash(method, rows):
    built = reconstructed_edges(table(rows), FIRMS[: max(len(rows), 1)], spec(method=method, margin_tolerance=1))
    assert built.edges.edges == 0


def test_rounds_and_accuracy_stop_the_fitting():
    rng = np.random.default_rng(0)
    lent, borrowed = margins(rng.pareto(1.0, size=(6, 6)) + 0.1)
    errors = [
        largest_margin_error(maximum_entropy(lent, borrowed, rounds=rounds, accuracy=accuracy), lent, borrowed)
        for rounds, accuracy in ((1, 1e-12), (1000, 1e-2), (1000, 1e-12))
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] <= 1e-2
    assert errors[2] <= 1e-11
    rows = table([(firm, lent[i], borrowed[i]) for i, firm in enumerate("abcdef")])
    firms = pl.Series(list("abcdef"))
    coarse = reconstructed_edges(rows, firms, spec(rounds=1)).notes.margins.largest_error
    loose = reconstructed_edges(rows, firms, spec(accuracy=1e-2)).notes.margins.largest_error
    assert coarse == pytest.approx(errors[0])
    assert loose == pytest.approx(errors[1])


def test_too_many_pairs_for_maximum_entropy_are_refused():
    firms = pl.Series([f"f{number:05d}" for number in range(5_100)])
    rows = pl.DataFrame({"firm_id": firms, "lent": 1.0, "borrowed": 1.0}).with_columns(published_on=pl.lit(DAY))
    with pytest.raises(NotEnoughData, match="use `method: minimum_density`"):
        reconstructed_edges(rows, firms, spec())
    built = reconstructed_edges(rows, firms, spec(method="minimum_density"))
    assert built.notes.margins.largest_error < 1e-9


@given(markets, st.sampled_from(METHODS), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(market, method, random):
    lent, borrowed = margins(market)
    names = [f"f{place:02d}" for place in range(len(lent))]
    rows = [(name, lent[i], borrowed[i]) for i, name in enumerate(names)]
    once = reconstructed_edges(table(rows), pl.Series(names), spec(method=method)).edges
    random.shuffle(rows)
    again = reconstructed_edges(table(rows), pl.Series(names), spec(method=method)).edges
    np.testing.assert_array_equal(once.indices, again.indices)
    np.testing.assert_array_equal(once.weights, again.weights)
