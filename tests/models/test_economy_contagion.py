"""Contagion in the simulated economy: what travels, how strongly, through whom; and that payments carry nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array
from scipy.special import logit

from models.economy import Channel, Economy, EconomySpec, carrying_edges, contagion_shares, simulate_economy, true_pds
from models.economy.exposure import exposures_at
from models.economy.hazard import PRESSURE_GAIN, default_hazard
from schemas.errors import NotEnoughData
from schemas.terms import Quarter

SMALL = EconomySpec(seed=11, firms=150, first_quarter=Quarter(2018, 1), last_quarter=Quarter(2021, 4))


@pytest.fixture(scope="module")
def small() -> Economy:
    return simulate_economy(SMALL)


@pytest.fixture(scope="module")
def full() -> Economy:
    return simulate_economy(EconomySpec())


QUARTER = Quarter(2023, 4)


def changed(spec: EconomySpec, **fields: object) -> EconomySpec:
    return EconomySpec.model_validate(spec.model_dump() | fields)


def paid_shares(economy: Economy, day: dt.date) -> csr_array:
    """Return, payees in rows, each payer's part of what a payee receives."""
    rows = economy.payment.filter(pl.col("published_on") == day)
    ids = pl.Series(economy.firms["firm_id"])
    payee, payer = ids.search_sorted(rows["payee_id"]).to_numpy(), ids.search_sorted(rows["payer_id"]).to_numpy()
    received = np.bincount(payee, rows["amount_eur_thousand"], minlength=len(ids))
    return csr_array((rows["amount_eur_thousand"] / received[payee], (payee, payer)), shape=(len(ids), len(ids)))


def unit_pressures(economy: Economy, index: int) -> dict[str, np.ndarray]:
    """Return the weighted vulnerability of neighbours along each relation, all strengths at one."""
    spec, history = economy.spec, economy.history
    alike = changed(spec, ownership_strength=1.0, director_strength=1.0)
    day = spec.quarters[index].end
    number = (day - dt.date(1970, 1, 1)).days
    exposures = exposures_at(alike, history.links, history.directorships, number, economy.population.pool)
    weights = {channel.value: exposure for channel, exposure in exposures.items()}
    weights["payment"] = paid_shares(economy, day)
    return {name: weight @ history.vulnerability(index) for name, weight in weights.items()}


def fitted_strengths(economy: Economy, relations: tuple[str, ...]) -> dict[str, float]:
    """Regress the logit of the true hazard on own creditworthiness and the relations' unit pressures."""
    history = economy.history
    designs, targets = [], []
    for index in range(8, 43, 5):
        living = history.hazard[index + 1] > 0
        pressures = unit_pressures(economy, index)
        own = [np.ones(living.sum()), history.creditworthiness[index + 1, living]]
        designs.append(np.column_stack([*own, *(pressures[name][living] for name in relations)]))
        targets.append(logit(history.hazard[index + 1, living]))
    found, *_ = np.linalg.lstsq(np.vstack(designs), np.concatenate(targets), rcond=None)
    return dict(zip(relations, found[2:] / PRESSURE_GAIN, strict=True))


def test_without_contagion_strengths_change_nothing() -> None:
    off = changed(SMALL, contagion=0.0)
    first = simulate_economy(off)
    second = simulate_economy(changed(off, supply_strength=9.0, ownership_strength=0.0, director_strength=3.0))
    assert first.strengths == {"supply": 0.0, "ownership": 0.0, "director": 0.0, "payment": 0.0}
    assert first.outcomes.equals(second.outcomes)
    quarter = Quarter(2020, 2)
    assert true_pds(first, quarter).equals(true_pds(second, quarter))


def test_with_contagion_a_customers_weakness_is_its_suppliers_risk(full: Economy) -> None:
    """The sign and the order of the channels: pressure rises with the buyers' vulnerability."""
    index = 20
    history = full.history
    links = history.links["supply"]
    is_open = links.open_at((full.spec.quarters[index].end - dt.date(1970, 1, 1)).days)
    weakness = links.weight[is_open] * -history.creditworthiness[index, links.source[is_open]]
    of_supplier = np.bincount(links.dependant[is_open], weakness, minlength=history.alive.shape[1])
    suppliers = np.unique(links.dependant[is_open])
    assert np.corrcoef(of_supplier[suppliers], history.pressure[index, suppliers])[0, 1] > 0.8


def test_the_true_strengths_are_in_order(full: Economy) -> None:
    assert full.strengths == {"supply": 1.0, "ownership": 0.55, "director": 0.25, "payment": 0.0}


def test_a_regression_of_the_true_hazard_finds_the_strengths(full: Economy) -> None:
    """Wounds left by past defaults are not among the regressors, hence the tolerance."""
    found = fitted_strengths(full, ("supply", "ownership", "director", "payment"))
    assert found["supply"] > found["ownership"] > found["director"] > 0.1
    for relation, strength in full.strengths.items():
        assert found[relation] == pytest.approx(strength, abs=0.1), relation


def test_payments_are_useless_beside_supply_and_telling_without_it(full: Economy) -> None:
    beside = fitted_strengths(full, ("supply", "ownership", "director", "payment"))["payment"]
    alone = fitted_strengths(full, ("payment",))["payment"]
    assert abs(beside) < 0.03
    assert alone > 5 * abs(beside)


def test_pressures_of_the_channels_add_up_and_only_the_living_feel_them(full: Economy) -> None:
    history = full.history
    parts = sum(history.pressures[channel] for channel in Channel)
    np.testing.assert_allclose(history.pressure, parts)
    assert (history.pressure[~history.alive] == 0).all()


class TestShares:
    def test_shares_lie_between_zero_and_one_and_add_up(self, full: Economy) -> None:
        for quarter in (full.spec.first_quarter, Quarter(2020, 2), full.spec.last_quarter):
            shares = contagion_shares(full, quarter)
            channels = shares.select("supply_share", "ownership_share", "director_share")
            assert shares.height == full.history.alive[full.spec.index_of(quarter)].sum()
            assert channels.min_horizontal().min() >= 0
            assert shares["contagion_share"].is_between(0, 1).all()
            np.testing.assert_allclose(channels.sum_horizontal(), shares["contagion_share"], atol=1e-12)

    def test_the_share_is_what_would_go_if_the_firm_stood_alone(self, full: Economy) -> None:
        index, history = full.spec.index_of(QUARTER), full.history
        living = np.flatnonzero(history.alive[index])
        shares = contagion_shares(full, QUARTER)["contagion_share"].to_numpy()
        pressure, worth = history.pressure[index, living], history.creditworthiness[index, living]
        remaining = default_hazard(worth, pressure) * (1 - shares)
        pressed = pressure > 0
        np.testing.assert_allclose(remaining[pressed], default_hazard(worth, 0 * pressure)[pressed])
        assert (shares[~pressed] == 0).all()

    def test_supply_carries_most_and_directors_least(self, full: Economy) -> None:
        means = contagion_shares(full, QUARTER).select("supply_share", "ownership_share", "director_share").mean()
        supply, ownership, director = means.row(0)
        assert supply > ownership > director > 0

    def test_a_firm_alone_owes_nothing_to_contagion(self) -> None:
        shares = contagion_shares(simulate_economy(changed(SMALL, contagion=0.0)), Quarter(2020, 2))
        assert shares.drop("firm_id").max_horizontal().max() == 0


class TestCarryingEdges:
    def test_one_pressing_neighbour_a_firm_and_channel(self, full: Economy) -> None:
        edges = carrying_edges(full, QUARTER)
        assert set(edges["channel"]) == {"supply", "ownership", "director"}
        assert not edges.select("firm_id", "channel").is_duplicated().any()
        assert edges.equals(edges.sort("firm_id", "channel"))
        assert (edges["pressure_logit"] > 0).all()

    def test_the_edge_is_open_and_leads_to_the_heaviest_contribution(self, full: Economy) -> None:
        """Recomputed from the delivered supply table, supplier by supplier."""
        index, history = full.spec.index_of(QUARTER), full.history
        distress = pl.DataFrame({"buyer_id": full.firms["firm_id"], "distress": history.vulnerability(index)})
        is_open = pl.col("ended_on").is_null() | (pl.col("ended_on") > QUARTER.end)
        links = full.supply.filter((pl.col("published_on") <= QUARTER.end) & is_open).join(distress, on="buyer_id")
        pushes = links.with_columns(push=PRESSURE_GAIN * pl.col("share") * pl.col("distress"))
        expected = pushes.filter(pl.col("push") > 0).sort("push", descending=True).unique("supplier_id", keep="first")
        edges = carrying_edges(full, QUARTER).filter(pl.col("channel") == "supply")
        both = edges.join(expected, left_on="firm_id", right_on="supplier_id")
        assert both.height == edges.height == expected.height
        np.testing.assert_allclose(both["pressure_logit"], both["push"])

    def test_directors_press_in_both_directions(self, full: Economy) -> None:
        edges = carrying_edges(full, QUARTER).filter(pl.col("channel") == "director")
        is_open = pl.col("ended_on").is_null() | (pl.col("ended_on") > QUARTER.end)
        pairs = full.director.filter((pl.col("published_on") <= QUARTER.end) & is_open).select("first_id", "second_id")
        upward = edges.join(pairs, left_on=["firm_id", "neighbour_id"], right_on=["first_id", "second_id"])
        downward = edges.join(pairs, left_on=["firm_id", "neighbour_id"], right_on=["second_id", "first_id"])
        assert upward.height > 0
        assert downward.height > 0
        assert upward.height + downward.height == edges.height


@pytest.mark.parametrize("question", [true_pds, contagion_shares, carrying_edges])
def test_a_quarter_that_was_not_simulated_says_which_exist(
    small: Economy, question: Callable[[Economy, Quarter], pl.DataFrame]
) -> None:
    with pytest.raises(NotEnoughData, match="2018Q1 to 2021Q4"):
        question(small, Quarter(2030, 1))


def test_without_own_strength_only_neighbours_decide():
    economy = simulate_economy(changed(SMALL, own_strength=0.0))
    history, index = economy.history, 8
    before = history.alive[index - 1]
    pressure, hazard = history.pressure[index - 1][before], history.hazard[index][before]
    np.testing.assert_allclose(logit(hazard) - pressure, logit(hazard[0]) - pressure[0])
    assert np.ptp(pressure) > 1
    truth = true_pds(economy, economy.spec.quarters[index])["true_pd_12m"].to_numpy()
    now = history.pressure[index][history.alive[index]]
    assert np.corrcoef(logit(truth), now)[0, 1] > 0.8
    shares = contagion_shares(economy, economy.spec.quarters[index])["contagion_share"].to_numpy()
    pressed = np.maximum(now, 0)
    alone = default_hazard(np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(shares, 1 - alone / default_hazard(np.zeros_like(pressed), pressed))
