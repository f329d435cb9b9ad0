"""Relations of the simulated economy: living partners, honest dates, boards that explain interlocks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from models.economy import Economy, EconomySpec, simulate_economy
from schemas.terms import Quarter

SMALL = EconomySpec(seed=11, firms=150, first_quarter=Quarter(2018, 1), last_quarter=Quarter(2021, 4))


@pytest.fixture(scope="module")
def small() -> Economy:
    return simulate_economy(SMALL)


@pytest.fixture(scope="module")
def full() -> Economy:
    return simulate_economy(EconomySpec())


def lives(economy: Economy, role: str) -> pl.DataFrame:
    return economy.firms.select(
        pl.col("firm_id").alias(role),
        pl.col("published_on").alias(f"{role}_from"),
        pl.col("exited_on").alias(f"{role}_to"),
    )


def open_on(table: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    return table.filter((pl.col("published_on") <= day) & (pl.col("ended_on").is_null() | (pl.col("ended_on") > day)))


@pytest.mark.parametrize(
    ("table", "ends"),
    [
        ("supply", ("supplier_id", "buyer_id")),
        ("ownership", ("owned_id", "owner_id")),
        ("director", ("first_id", "second_id")),
        ("payment", ("payee_id", "payer_id")),
    ],
)
class TestEveryRelation:
    def test_rows_join_two_living_firms(self, small: Economy, table: str, ends: tuple[str, str]) -> None:
        links = getattr(small, table)
        assert (links[ends[0]] != links[ends[1]]).all()
        for end in ends:
            life = links.join(lives(small, end), on=end)
            assert life.height == links.height
            assert (life["published_on"] >= life[f"{end}_from"]).all()
            left = life.drop_nulls(f"{end}_to")
            assert (left["ended_on"] <= left[f"{end}_to"]).fill_null(False).all()
            assert (left["published_on"] <= left[f"{end}_to"]).all()

    def test_rows_end_after_they_begin(self, small: Economy, table: str, ends: tuple[str, str]) -> None:
        links = getattr(small, table)
        assert (links["published_on"] < links["ended_on"]).drop_nulls().all()

    def test_no_pair_is_open_twice(self, small: Economy, table: str, ends: tuple[str, str]) -> None:
        """A pair's row begins when the one before has ended, not earlier."""
        begun = getattr(small, table).sort(*ends, "published_on")
        before = begun.select(pl.col("ended_on").shift(1).over(ends), follows=pl.int_range(pl.len()).over(ends) > 0)
        following = begun["published_on"].filter(before["follows"])
        assert (following >= before["ended_on"].filter(before["follows"])).fill_null(False).all()

    def test_rows_begin_and_end_every_year(self, small: Economy, table: str, ends: tuple[str, str]) -> None:
        links = getattr(small, table)
        for year in (2019, 2020, 2021):
            assert (links["published_on"].dt.year() == year).any()
            assert (links["ended_on"].dt.year() == year).any()


@pytest.mark.parametrize(
    ("table", "dependant", "weight"), [("supply", "supplier_id", "share"), ("ownership", "owned_id", "stake")]
)
def test_weights_of_a_dependant_never_exceed_one(small: Economy, table: str, dependant: str, weight: str) -> None:
    links = getattr(small, table)
    assert links[weight].is_between(0, 1, closed="right").all()
    for quarter in SMALL.quarters:
        sums = open_on(links, quarter.end).group_by(dependant).agg(pl.col(weight).sum())
        assert sums[weight].max() <= 1 + 1e-9


def test_nobody_owns_itself_through_others(full: Economy) -> None:
    """Owners are larger at entry than what they own, so following owners always ends."""
    owners = {owned: set(rows["owner_id"]) for (owned,), rows in full.ownership.group_by("owned_id")}
    settled: set[str] = set()
    while waiting := owners.keys() - settled:
        ready = {owned for owned in waiting if not (owners[owned] & owners.keys()) - settled}
        assert ready, "a ring of owners"
        settled |= ready


def test_protected_groups_prefer_their_own(full: Economy) -> None:
    minority = full.firms.select("firm_id", pl.col("minority_owned") == "yes")
    pairs = full.supply.join(minority, left_on="supplier_id", right_on="firm_id").join(
        minority, left_on="buyer_id", right_on="firm_id", suffix="_buyer"
    )
    assert np.corrcoef(pairs["minority_owned"], pairs["minority_owned_buyer"])[0, 1] > 0.15


def test_owners_prefer_their_own_gender_a_little(full: Economy) -> None:
    """Every owned firm's owner is matched without looking at gender, then half of the unlike are refused."""
    gender = full.firms.select("firm_id", "owner_gender")
    pairs = full.ownership.join(gender, left_on="owner_id", right_on="firm_id").join(
        gender, left_on="owned_id", right_on="firm_id", suffix="_owned"
    )
    known = pairs.filter((pl.col("owner_gender") != "unknown") & (pl.col("owner_gender_owned") != "unknown"))
    female, female_owned = known["owner_gender"] == "female", known["owner_gender_owned"] == "female"
    assert 0.05 < np.corrcoef(female, female_owned)[0, 1] < 0.35


class TestBoards:
    def test_directors_pairs_are_the_boards_people_share(self, small: Economy) -> None:
        """Counted the long way round, person by person, on days within and at the end of quarters."""
        for day in (dt.date(2018, 3, 31), dt.date(2019, 8, 17), dt.date(2020, 12, 31), dt.date(2021, 11, 2)):
            counted: dict[tuple[str, str], int] = {}
            for _, seats in open_on(small.directorships, day).group_by("person_id"):
                boards = sorted(seats["firm_id"])
                for place, first in enumerate(boards):
                    for second in boards[place + 1 :]:
                        counted[first, second] = counted.get((first, second), 0) + 1
            rows = open_on(small.director, day).select("first_id", "second_id", "shared_directors").rows()
            assert counted
            assert {(first, second): number for first, second, number in rows} == counted

    def test_a_pair_is_written_once_and_in_order(self, full: Economy) -> None:
        assert (full.director["first_id"] < full.director["second_id"]).all()
        assert full.director["shared_directors"].min() == 1

    def test_seats_are_held_in_living_firms(self, small: Economy) -> None:
        seats = small.directorships.join(small.firms, on="firm_id", suffix="_firm")
        assert seats.height == small.directorships.height
        assert (seats["published_on"] >= seats["published_on_firm"]).all()
        left = seats.drop_nulls("exited_on")
        assert (left["ended_on"] <= left["exited_on"]).fill_null(False).all()
        assert (seats["published_on"] < seats["ended_on"]).drop_nulls().all()

    def test_most_people_hold_one_seat_and_a_few_many(self, full: Economy) -> None:
        seats = open_on(full.directorships, full.spec.last_quarter.end).group_by("person_id").len()["len"]
        assert (seats == 1).mean() > 0.7
        assert 8 <= seats.max() <= 12

    def test_people_have_text_ids_of_one_width(self, small: Economy) -> None:
        assert small.directorships["person_id"].str.contains(r"^P\d{5}$").all()

    def test_two_interlocks_a_firm(self, full: Economy) -> None:
        pairs = open_on(full.director, full.spec.last_quarter.end).height
        assert 1 < 2 * pairs / full.history.alive[-1].sum() < 4


class TestPayments:
    def test_a_quarters_sum_is_known_on_its_last_day_and_lasts_a_quarter(self, small: Economy) -> None:
        ends = {quarter.end: quarter.shifted(1).end for quarter in SMALL.quarters}
        last_day = SMALL.last_quarter.end
        for published_on, ended_on in small.payment.select("published_on", "ended_on").unique().rows():
            assert published_on in ends
            assert ended_on <= ends[published_on] if ended_on else published_on == last_day

    def test_amounts_are_positive(self, full: Economy) -> None:
        assert full.payment["amount_eur_thousand"].min() > 0

    def test_most_payments_follow_a_supply_link_and_most_supply_links_stay_unseen(self, full: Economy) -> None:
        day = full.spec.last_quarter.end
        paid, supplied = open_on(full.payment, day), open_on(full.supply, day)
        both = paid.join(supplied, left_on=["payer_id", "payee_id"], right_on=["buyer_id", "supplier_id"])
        assert 0.5 < both.height / paid.height < 0.9
        assert 0.2 < both.height / supplied.height < 0.6

    def test_amounts_rise_with_the_share_of_sales_but_do_not_tell_it(self, full: Economy) -> None:
        day = full.spec.last_quarter.end
        both = open_on(full.payment, day).join(
            open_on(full.supply, day), left_on=["payer_id", "payee_id"], right_on=["buyer_id", "supplier_id"]
        )
        assert 0.1 < both.select(pl.corr("amount_eur_thousand", "share", method="spearman")).item() < 0.8
