"""The simulated economy: same bytes, honest books, living partners, and a truth that agrees with what happens."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from models.economy import Economy, EconomySpec, simulate_economy, true_pds
from schemas.errors import NotEnoughData
from schemas.terms import Quarter

TABLES = ("firms", "supply", "ownership", "filings", "outcomes")
SMALL = EconomySpec(seed=11, firms=150, first_quarter=Quarter(2018, 1), last_quarter=Quarter(2021, 4))


@pytest.fixture(scope="module")
def small() -> Economy:
    return simulate_economy(SMALL)


@pytest.fixture(scope="module")
def full() -> Economy:
    return simulate_economy(EconomySpec())


def changed(spec: EconomySpec, **fields: object) -> EconomySpec:
    return EconomySpec.model_validate(spec.model_dump() | fields)


def lives(economy: Economy, role: str) -> pl.DataFrame:
    return economy.firms.select(
        pl.col("firm_id").alias(role),
        pl.col("published_on").alias(f"{role}_from"),
        pl.col("exited_on").alias(f"{role}_to"),
    )


def outcomes_at(economy: Economy, quarter: Quarter) -> pl.DataFrame:
    return economy.outcomes.filter(pl.col("quarter") == str(quarter)).with_columns(
        pl.col("defaulted_12m").cast(pl.Int64)
    )


def chance_of_higher_pd(pds: pl.Series, defaulted: pl.Series) -> float:
    """Return the AUC by ranks (Mann-Whitney); ties count half."""
    positives = int(defaulted.sum())
    ranks = pds.rank("average").filter(defaulted == 1).sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * (len(pds) - positives)))


def test_the_same_seed_gives_the_same_frames(small: Economy) -> None:
    again = simulate_economy(SMALL)
    for table in TABLES:
        assert getattr(small, table).equals(getattr(again, table)), table
        first, second = getattr(small, table).write_ipc(None), getattr(again, table).write_ipc(None)
        assert first.getvalue() == second.getvalue(), table


@pytest.mark.parametrize("table", TABLES)
def test_another_seed_gives_another_economy(small: Economy, table: str) -> None:
    other = simulate_economy(changed(SMALL, seed=12))
    assert not getattr(small, table).equals(getattr(other, table))


def test_strengths_do_not_reshuffle_who_lives_where(small: Economy) -> None:
    milder = simulate_economy(changed(SMALL, supply_strength=0.2))
    assert small.firms.drop("exited_on").equals(milder.firms.drop("exited_on"))


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("firms", ["firm_id"]),
        ("supply", ["supplier_id", "buyer_id", "published_on"]),
        ("ownership", ["owner_id", "owned_id", "published_on"]),
        ("filings", ["firm_id", "period"]),
        ("outcomes", ["firm_id", "quarter"]),
    ],
)
def test_tables_are_sorted_and_their_keys_unique(small: Economy, table: str, keys: list[str]) -> None:
    frame = getattr(small, table)
    assert frame.equals(frame.sort(keys))
    assert not frame.select(keys).is_duplicated().any()


def test_only_open_ends_are_null(small: Economy) -> None:
    for table in TABLES:
        nulls = {name for name, count in getattr(small, table).null_count().row(0, named=True).items() if count}
        assert nulls <= {"exited_on", "ended_on"}, table


def test_accounts_add_up(full: Economy) -> None:
    filings = full.filings
    assert (filings["current_assets"] <= filings["total_assets"]).all()
    assert (filings["current_liabilities"] <= filings["total_liabilities"]).all()
    for item in ("total_assets", "current_assets", "current_liabilities", "sales", "market_value_equity", "employees"):
        assert filings[item].min() > 0, item
    assert filings["employees"].dtype == pl.Int64


def test_a_filing_is_published_after_its_period_and_usually_in_the_next_quarter(small: Economy) -> None:
    days = small.filings.select(
        late_by=pl.col("published_on")
        - pl.col("period").map_elements(lambda text: Quarter.parse(text).end, return_dtype=pl.Date)
    )["late_by"].dt.total_days()
    assert days.min() >= 20
    assert 0.9 < (days <= 80).mean() < 1.0
    assert (days >= 120).any()


def test_a_firm_does_not_file_after_its_exit(small: Economy) -> None:
    filed = small.filings.join(small.firms.select("firm_id", "exited_on"), on="firm_id").drop_nulls("exited_on")
    assert filed.height > 0
    assert (filed["published_on"] < filed["exited_on"]).all()


def test_a_firm_is_founded_before_it_is_known_and_known_before_it_leaves(small: Economy) -> None:
    firms = small.firms
    assert (firms["founded_on"] < firms["published_on"]).all()
    assert (firms["published_on"] < firms["exited_on"]).drop_nulls().all()


@pytest.mark.parametrize(
    ("table", "ends", "weight"),
    [("supply", ("supplier_id", "buyer_id"), "share"), ("ownership", ("owned_id", "owner_id"), "stake")],
)
class TestLinks:
    def test_links_join_two_living_firms(self, small: Economy, table: str, ends: tuple[str, str], weight: str) -> None:
        links = getattr(small, table)
        assert (links[ends[0]] != links[ends[1]]).all()
        for end in ends:
            life = links.join(lives(small, end), on=end)
            assert life.height == links.height
            assert (life["published_on"] >= life[f"{end}_from"]).all()
            left = life.drop_nulls(f"{end}_to")
            assert (left["ended_on"] <= left[f"{end}_to"]).fill_null(False).all()
            assert (left["published_on"] <= left[f"{end}_to"]).all()

    def test_no_pair_is_open_twice(self, small: Economy, table: str, ends: tuple[str, str], weight: str) -> None:
        assert not getattr(small, table).select(ends).is_duplicated().any()

    def test_weights_of_a_dependant_never_exceed_one(
        self, small: Economy, table: str, ends: tuple[str, str], weight: str
    ) -> None:
        links = getattr(small, table)
        assert links[weight].is_between(0, 1, closed="right").all()
        for quarter in SMALL.quarters:
            is_open = (pl.col("published_on") <= quarter.end) & (
                pl.col("ended_on").is_null() | (pl.col("ended_on") > quarter.end)
            )
            sums = links.filter(is_open).group_by(ends[0]).agg(pl.col(weight).sum())
            assert sums[weight].max() <= 1 + 1e-9

    def test_links_are_born_and_end_every_year(
        self, small: Economy, table: str, ends: tuple[str, str], weight: str
    ) -> None:
        links = getattr(small, table)
        for year in (2019, 2020, 2021):
            assert (links["published_on"].dt.year() == year).any()
            assert (links["ended_on"].dt.year() == year).any()


def test_nobody_owns_itself_through_others(full: Economy) -> None:
    """Owners are larger at entry than what they own, so following owners always ends."""
    owners = {owned: set(rows["owner_id"]) for (owned,), rows in full.ownership.group_by("owned_id")}
    settled: set[str] = set()
    while waiting := owners.keys() - settled:
        ready = {owned for owned in waiting if not (owners[owned] & owners.keys()) - settled}
        assert ready, "a ring of owners"
        settled |= ready


def test_outcomes_mature_four_quarters_later(small: Economy) -> None:
    for quarter in SMALL.quarters:
        rows = outcomes_at(small, quarter)
        matured = quarter.shifted(4)
        assert rows.is_empty() == (matured > SMALL.last_quarter)
        assert (rows["published_on"] == matured.end).all()


def test_a_vintage_holds_the_firms_alive_at_its_end(small: Economy) -> None:
    quarter = Quarter(2019, 3)
    alive = small.firms.filter(
        (pl.col("published_on") <= quarter.end) & (pl.col("exited_on").is_null() | (pl.col("exited_on") > quarter.end))
    )
    assert outcomes_at(small, quarter)["firm_id"].equals(alive["firm_id"])


def test_a_default_counts_from_the_next_day_to_the_end_of_the_fourth_quarter(small: Economy) -> None:
    quarter = Quarter(2019, 3)
    rows = outcomes_at(small, quarter).join(small.firms, on="firm_id")
    exits_within = rows["exited_on"].is_between(quarter.end + dt.timedelta(days=1), quarter.shifted(4).end)
    assert rows["defaulted_12m"].sum() > 0
    assert exits_within.filter(rows["defaulted_12m"] == 1).all()
    assert (rows["defaulted_12m"] == 0).filter(exits_within.fill_null(False)).any(), "voluntary exits are no defaults"


def test_default_rates_are_those_of_a_bank_portfolio(full: Economy) -> None:
    rates = full.outcomes.group_by("quarter").agg(rate=(pl.col("defaulted_12m") == "1").mean())["rate"]
    assert 0.03 < rates.mean() < 0.06
    assert rates.min() > 0.015
    assert rates.max() < 0.1


def test_stress_raises_defaults(full: Economy) -> None:
    calm = simulate_economy(EconomySpec(stress_quarter=None))
    before_the_stress_ends = Quarter(2020, 1)
    stressed_rate = outcomes_at(full, before_the_stress_ends)["defaulted_12m"].mean()
    assert stressed_rate > 1.2 * outcomes_at(calm, before_the_stress_ends)["defaulted_12m"].mean()


def test_two_thousand_firms_live_in_every_quarter(full: Economy) -> None:
    assert full.history.alive.sum(axis=1).min() > 2000
    assert 4 < 2 * full.history.links["supply"].open_at(19_000).sum() / full.history.alive[-10].sum() < 8


def test_protected_groups_prefer_their_own(full: Economy) -> None:
    minority = full.firms.select("firm_id", pl.col("minority_owned") == "yes")
    pairs = full.supply.join(minority, left_on="supplier_id", right_on="firm_id").join(
        minority, left_on="buyer_id", right_on="firm_id", suffix="_buyer"
    )
    assert np.corrcoef(pairs["minority_owned"], pairs["minority_owned_buyer"])[0, 1] > 0.15


def test_without_contagion_strengths_change_nothing() -> None:
    off = changed(SMALL, contagion=0.0)
    first = simulate_economy(off)
    second = simulate_economy(changed(off, supply_strength=9.0, ownership_strength=0.0))
    assert first.strengths == {"supply": 0.0, "ownership": 0.0}
    assert first.outcomes.equals(second.outcomes)
    quarter = Quarter(2020, 2)
    assert true_pds(first, quarter).equals(true_pds(second, quarter))


def test_with_contagion_a_customers_weakness_is_its_suppliers_risk(full: Economy) -> None:
    """The sign and the order of the channels: pressure rises with the buyers' vulnerability."""
    index = 20
    history = full.history
    assert full.strengths["supply"] > full.strengths["ownership"] > 0
    links = history.links["supply"]
    is_open = links.open_at((full.spec.quarters[index].end - dt.date(1970, 1, 1)).days)
    weakness = links.weight[is_open] * -history.creditworthiness[index, links.source[is_open]]
    of_supplier = np.bincount(links.dependant[is_open], weakness, minlength=history.alive.shape[1])
    suppliers = np.unique(links.dependant[is_open])
    assert np.corrcoef(of_supplier[suppliers], history.pressure[index, suppliers])[0, 1] > 0.8


def test_true_pds_rank_outcomes_and_agree_with_their_rate(full: Economy) -> None:
    """One vintage of four, so that windows do not overlap; the stress itself is unforeseen and left out.

    Given the latent factors of a year, defaults are nearly independent; the common factors themselves move a year's
    rate, so the tolerance is a fifth of the rate over six years and not the binomial error.
    """
    years = [Quarter(year, 4) for year in (2014, 2015, 2016, 2017, 2021, 2022)]
    judged = [true_pds(full, quarter).join(outcomes_at(full, quarter), on="firm_id") for quarter in years]
    for frame in judged:
        assert chance_of_higher_pd(frame["true_pd_12m"], frame["defaulted_12m"]) > 0.75
    everything = pl.concat(judged)
    assert everything["true_pd_12m"].mean() == pytest.approx(everything["defaulted_12m"].mean(), rel=0.2)


def test_true_pds_are_calibrated_by_grade(full: Economy) -> None:
    """Realised and expected defaults agree in every fifth: four binomial errors and 15 % for the common factors."""
    quarter = Quarter(2016, 2)
    frame = true_pds(full, quarter).join(outcomes_at(full, quarter), on="firm_id").sort("true_pd_12m")
    for grade in np.array_split(np.arange(frame.height), 5):
        rows = frame[grade]
        pds = rows["true_pd_12m"].to_numpy()
        error = np.sqrt((pds * (1 - pds)).sum())
        assert abs(rows["defaulted_12m"].sum() - pds.sum()) < 4 * error + 0.15 * pds.sum()


def test_true_pds_cover_the_living_and_repeat_in_any_order(small: Economy) -> None:
    quarter = Quarter(2019, 3)
    first = true_pds(small, quarter)
    true_pds(small, Quarter(2018, 1))
    assert first.equals(true_pds(small, quarter))
    assert first["firm_id"].equals(outcomes_at(small, quarter)["firm_id"])
    assert first["true_pd_12m"].is_between(0, 1, closed="none").all()


def test_true_pds_of_an_unsimulated_quarter_say_which_exist(small: Economy) -> None:
    with pytest.raises(NotEnoughData, match="2018Q1 to 2021Q4"):
        true_pds(small, Quarter(2030, 1))


def test_a_spec_whose_time_runs_backward_is_refused() -> None:
    with pytest.raises(ValidationError, match="must come after"):
        EconomySpec(first_quarter=Quarter(2020, 1), last_quarter=Quarter(2019, 4))
