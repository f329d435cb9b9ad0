"""Payments between account holders of the bank: a noisy, partial view of who supplies whom, and nothing more.

Distress does not travel along payments, and amounts follow a merchant's size at entry, not how it fares. Beside the
supply relation they are worthless, so an ablation should find that they can go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.economy.blocks import Ints, drawn_members
from models.economy.days import OPEN, quarter_days
from models.economy.delivery import dates
from models.economy.history import History
from models.economy.population import Population
from models.economy.spec import Channel, EconomySpec
from models.economy.streams import Streams

Floats = NDArray[np.float64]

#: Share of supply links whose payments pass through the bank.
_SEEN = 0.4
#: Other customer relationships that each firm ever has, their mean length in days, and how many are local.
_CHANCE_CUSTOMERS, _CHANCE_DAYS, _CHANCE_LOCAL = 8, 550.0, 0.8
_CHANCE_SHARE = 0.08
#: Yearly sales per unit of total assets, spread of a month's amount, and share of months with a payment.
_TURNOVER, _SPREAD, _PAYING_MONTHS = 0.3, 0.6, 0.8


@dataclass(frozen=True)
class _Customers:
    """Who pays whom, from when to when (days since 1970); `monthly` is a typical amount in EUR thousands."""

    payer: Ints
    payee: Ints
    begun_on: Ints
    ended_on: Ints
    monthly: Floats


def drawn_payments(
    spec: EconomySpec, population: Population, history: History, firm_id: pl.Series, streams: Streams
) -> pl.DataFrame:
    """Return what customers paid to merchants, a row a pair and quarter with any payment.

    A quarter's sum is known on its last day and holds until the next quarter's last day, or until an end leaves.
    """
    seen, chance, months = (np.random.default_rng(child) for child in streams.payments.spawn(3))
    customers = _joined(_suppliers_customers(population, history, seen), _chance_customers(spec, population, chance))
    days = np.array([quarter_days(quarter)[1] for quarter in spec.quarters])
    alive = history.alive[:, customers.payer] & history.alive[:, customers.payee]
    current = alive & (customers.begun_on <= days[:, None]) & (days[:, None] < customers.ended_on)
    pair, quarter = np.nonzero(current.T)
    amount = np.round(customers.monthly[pair] * _paid_months(len(pair), months), 1)
    paid = amount > 0
    pair, quarter, amount = pair[paid], quarter[paid], amount[paid]
    payer, payee = customers.payer[pair], customers.payee[pair]
    next_day = np.append(days[1:], OPEN)[quarter]
    ended_on = np.minimum(next_day, np.minimum(history.left_on[payer], history.left_on[payee]))
    return pl.DataFrame(
        {
            "payer_id": firm_id[payer],
            "payee_id": firm_id[payee],
            "amount_eur_thousand": amount,
            "published_on": dates(days[quarter]),
            "ended_on": dates(ended_on),
        }
    ).sort("payer_id", "payee_id", "published_on")


def _suppliers_customers(population: Population, history: History, rng: np.random.Generator) -> _Customers:
    """Return the buyers that pay their suppliers through the bank."""
    links = history.links[Channel.SUPPLY]
    seen = rng.random(len(links.source)) < _SEEN
    supplier = links.dependant[seen]
    monthly = links.weight[seen] * population.entry_assets[supplier] * _TURNOVER / 12
    return _Customers(links.source[seen], supplier, links.published_on[seen], links.ended_on[seen], monthly)


def _chance_customers(spec: EconomySpec, population: Population, rng: np.random.Generator) -> _Customers:
    """Return customers that are nobody's recorded buyers: errands, rents, one-off orders."""
    payer = np.repeat(np.arange(population.pool), _CHANCE_CUSTOMERS)
    draw, appeal = rng.random((len(payer), 1)), population.entry_assets**0.3
    nearby = drawn_members(population.district, appeal, population.district[payer], draw)[:, 0]
    anywhere = drawn_members(np.zeros_like(population.district), appeal, np.zeros_like(payer), draw)[:, 0]
    payee = np.where(rng.random(len(payer)) < _CHANCE_LOCAL, nearby, anywhere)
    begun_on = rng.integers(quarter_days(spec.first_quarter)[0], quarter_days(spec.last_quarter)[1], size=len(payer))
    ended_on = begun_on + rng.exponential(_CHANCE_DAYS, len(payer)).astype(np.int64)
    monthly = _CHANCE_SHARE * population.entry_assets[payee] * _TURNOVER / 12
    other = payer != payee
    return _Customers(payer[other], payee[other], begun_on[other], ended_on[other], monthly[other])


def _joined(first: _Customers, second: _Customers) -> _Customers:
    """Put both kinds together; a pair that meets twice keeps its first relationship only."""
    payer, payee = np.append(first.payer, second.payer), np.append(first.payee, second.payee)
    _, keep = np.unique(payer * 2**31 + payee, return_index=True)
    return _Customers(
        payer[keep],
        payee[keep],
        np.append(first.begun_on, second.begun_on)[keep],
        np.append(first.ended_on, second.ended_on)[keep],
        np.append(first.monthly, second.monthly)[keep],
    )


def _paid_months(rows: int, rng: np.random.Generator) -> Floats:
    """Return three months' payments together, in units of a typical month; months may pass without any."""
    amounts = np.exp(_SPREAD * rng.standard_normal((rows, 3)))
    total: Floats = (amounts * (rng.random((rows, 3)) < _PAYING_MONTHS)).sum(axis=1)
    return total
