"""The simulated economy: same bytes, honest books, living partners, and a truth that agrees with what happens."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from models.economy import DELIVERED, Economy, EconomySpec, simulate_economy, true_pds
from schemas.errors import NotEnoughData
from schemas.terms import Quarter

SMALL = EconomySpec(seed=11, firms=150, first_quarter=Quarter(2018, 1), last_quarter=Quarter(2021, 4))


@pytest.fixture(scope="module")
def small() -> Economy:
    return simulate_economy(SMALL)


@pytest.fixture(scope="module")
def full() -> Economy:
    return simulate_economy(EconomySpec())


def changed(spec: EconomySpec, **fields: object) -> EconomySpec:
    return EconomySpec.model_validate(spec.model_dump() | fields)


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
    for table in DELIVERED:
        assert getattr(small, table).equals(getattr(again, table)), table
        first, second = getattr(small, table).write_ipc(None), getattr(again, table).write_ipc(None)
        assert first.getvalue() == second.getvalue(), table


@pytest.mark.parametrize("table", DELIVERED)
def test_another_seed_gives_another_economy(small: Economy, table: str) -> None:
    other = simulate_economy(changed(SMALL, seed=12))
    assert not getattr(small, table).equals(getattr(other, table))


@pytest.mark.parametrize("channel", ["supply_strength", "ownership_strength", "director_strength"])
def test_strengths_do_not_reshuffle_the_draws(small: Economy, channel: str) -> None:
    """Who lives where, who would be worth what, and what would be written: only who survives may differ."""
    other = simulate_economy(changed(SMALL, **{channel: 0.05}))
    assert not small.outcomes.equals(other.outcomes)
    assert small.firms.drop("exited_on").equals(other.firms.drop("exited_on"))
    assert small.macro.equals(other.macro)
    for table in ("filings", "narratives"):
        both = getattr(small, table).join(getattr(other, table), on=["firm_id", "period"], suffix="_other")
        assert both.height > 0.8 * getattr(small, table).height
        for name in getattr(small, table).columns[2:]:
            assert both[name].equals(both[f"{name}_other"], check_names=False), f"{table}.{name}"


def test_boards_do_not_reshuffle_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """With contagion off, an economy without directors differs from one with them in its boards only."""
    off = changed(SMALL, contagion=0.0)
    first = simulate_economy(off)
    monkeypatch.setattr("models.economy.boards._CHANCE", 0.0)
    second = simulate_economy(off)
    assert second.directorships.is_empty()
    assert second.director.is_empty()
    for table in set(DELIVERED) - {"director", "directorships"}:
        assert getattr(first, table).equals(getattr(second, table)), table


def test_the_default_economy_is_small(full: Economy) -> None:
    megabytes = {table: getattr(full, table).estimated_size("mb") for table in DELIVERED}
    assert megabytes["narratives"] < 30
    assert sum(megabytes.values()) < 60, megabytes


def test_the_macro_factor_shows_the_stress(full: Economy) -> None:
    macro = full.macro
    assert macro.columns == ["quarter", "value"]
    assert macro["quarter"].to_list() == [str(quarter) for quarter in full.spec.quarters]
    before, stressed = macro.filter(pl.col("quarter").is_in(["2020Q1", "2020Q2"]))["value"]
    assert stressed - before < -1


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("firms", ["firm_id"]),
        ("supply", ["supplier_id", "buyer_id", "published_on"]),
        ("ownership", ["owner_id", "owned_id", "published_on"]),
        ("director", ["first_id", "second_id", "published_on"]),
        ("directorships", ["firm_id", "person_id", "published_on"]),
        ("payment", ["payer_id", "payee_id", "published_on"]),
        ("filings", ["firm_id", "period"]),
        ("narratives", ["firm_id", "period"]),
        ("outcomes", ["firm_id", "quarter"]),
    ],
)
def test_tables_are_sorted_and_their_keys_unique(small: Economy, table: str, keys: list[str]) -> None:
    frame = getattr(small, table)
    assert frame.equals(frame.sort(keys))
    assert not frame.select(keys).is_duplicated().any()


def test_only_open_ends_are_null(small: Economy) -> None:
    for table in DELIVERED:
        nulls = {name for name, count in getattr(small, table).null_count().row(0, named=True).items() if count}
        assert nulls <= {"exited_on", "ended_on"}, table


def test_nothing_is_delivered_from_the_future(small: Economy) -> None:
    for table in DELIVERED:
        frame = getattr(small, table)
        for day in frame.select(pl.col(pl.Date)).columns:
            assert frame[day].max() <= SMALL.last_quarter.end, f"{table}.{day}"


def test_owners_of_family_firms_are_known_by_gender(full: Economy) -> None:
    known = full.firms.group_by("ownership_type").agg(share=(pl.col("owner_gender") != "unknown").mean())
    shares = dict(known.iter_rows())
    assert shares["family"] > 0.9
    assert max(shares[kind] for kind in ("dispersed", "foreign", "state")) < 0.3
    assert set(full.firms["owner_gender"]) == {"female", "male", "unknown"}


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


def test_stress_hits_every_firm_and_contagion_makes_it_worse(full: Economy) -> None:
    """Until the stress both worlds are the same, so hazards compare firm by firm in its first quarter."""
    calm = simulate_economy(EconomySpec(stress_quarter=None))
    first = full.spec.index_of(Quarter(2020, 2))
    stressed_hazard, calm_hazard = full.history.hazard, calm.history.hazard
    living = calm_hazard[first] > 0
    assert np.array_equal(living, stressed_hazard[first] > 0)
    assert (stressed_hazard[first, living] > calm_hazard[first, living]).all()
    at_once, later = (
        stressed_hazard[index][stressed_hazard[index] > 0].mean() / calm_hazard[index][calm_hazard[index] > 0].mean()
        for index in (first, first + 1)
    )
    assert later > at_once > 1.05


def test_two_thousand_firms_live_in_every_quarter(full: Economy) -> None:
    assert full.history.alive.sum(axis=1).min() > 2000
    assert 4 < 2 * full.history.links["supply"].open_at(19_000).sum() / full.history.alive[-10].sum() < 8


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
