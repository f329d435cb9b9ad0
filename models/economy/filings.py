"""Quarterly filings: noisy, late and consistent views of a firm's creditworthiness, in EUR thousands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from models.economy.days import quarter_days
from models.economy.fundamentals import Floats
from models.economy.history import History
from models.economy.population import INDUSTRIES, Population
from models.economy.spec import EconomySpec
from models.economy.streams import Streams

#: Days between the period's end and publication: usual range, and that of the few late ones.
_DELAY, _LATE_DELAY, _LATE_SHARE = (20, 80), (120, 170), 0.03
#: Share of an item's noise that belongs to the firm and never averages out.
_LASTING = 0.45
#: Quarterly log growth: drift, what a unit of creditworthiness adds, and spread.
_GROWTH_DRIFT, _GROWTH_SLOPE, _GROWTH_SPREAD = 0.004, 0.004, 0.03


@dataclass(frozen=True)
class Item:
    """How one ratio depends on creditworthiness: centre + slope · (creditworthiness + noise · standard normal)."""

    centre: float
    slope: float
    noise: float


#: Order matters: each item has its own random stream.
RATIOS = {
    "current_assets_share": Item(0.1, 0.15, 1.82),
    "liabilities_to_assets": Item(0.35, -0.45, 0.73),
    "current_liabilities_share": Item(0.15, -0.2, 1.46),
    "retained_earnings_to_assets": Item(0.1, 0.1, 0.86),
    "ebit_to_assets": Item(0.016, 0.014, 0.77),
    "log_sales_to_assets": Item(-1.25, 0.12, 1.59),
    "log_equity_premium": Item(0.1, 0.28, 0.82),
    "log_sales_per_head": Item(3.4, 0.05, 2.28),
}


def drawn_filings(
    spec: EconomySpec, population: Population, history: History, firm_id: pl.Series, streams: Streams
) -> pl.DataFrame:
    """Return one row a firm and quarter whose filing was published while the firm lived and before the delivery."""
    growth, delay, *noise = (np.random.default_rng(child) for child in streams.filings.spawn(2 + len(RATIOS)))
    period_end = np.array([quarter_days(quarter)[1] for quarter in spec.quarters])
    published_on = period_end[:, None] + _delays(history.alive.shape, delay)
    delivered = history.alive & (published_on < history.left_on) & (published_on <= period_end[-1])
    firm, period = np.nonzero(delivered.T)
    ratios = {
        name: _observed(history.creditworthiness, item, rng)[period, firm]
        for (name, item), rng in zip(RATIOS.items(), noise, strict=True)
    }
    assets = _total_assets(population, history.creditworthiness, growth)[period, firm]
    names = pl.Series([str(quarter) for quarter in spec.quarters])
    keys = {
        "firm_id": firm_id[firm],
        "period": names[period],
        "published_on": published_on[period, firm].astype("datetime64[D]"),
    }
    return pl.DataFrame(keys | _balance_sheet(assets, ratios, population.industry[firm]))


def _delays(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    usual = rng.integers(*_DELAY, size=shape, endpoint=True)
    late = rng.integers(*_LATE_DELAY, size=shape, endpoint=True)
    return np.where(rng.random(shape) < _LATE_SHARE, late, usual)


def _observed(creditworthiness: Floats, item: Item, rng: np.random.Generator) -> Floats:
    """Return a ratio of shape (quarters, pool); part of its noise stays with the firm for good."""
    quarters, pool = creditworthiness.shape
    lasting = np.sqrt(_LASTING) * rng.standard_normal(pool)
    passing = np.sqrt(1 - _LASTING) * rng.standard_normal((quarters, pool))
    ratio: Floats = item.centre + item.slope * (creditworthiness + item.noise * (lasting + passing))
    return ratio


def _total_assets(population: Population, creditworthiness: Floats, rng: np.random.Generator) -> Floats:
    """Return total assets of shape (quarters, pool), grown from those at entry; sound firms grow a little faster."""
    growth = (
        _GROWTH_DRIFT + _GROWTH_SLOPE * creditworthiness + _GROWTH_SPREAD * rng.standard_normal(creditworthiness.shape)
    )
    grown = np.cumsum(growth, axis=0)
    at_entry = grown[population.entry, np.arange(population.pool)]
    return population.entry_assets * np.exp(grown - at_entry)


def _balance_sheet(assets: Floats, ratios: dict[str, Floats], industry: NDArray[np.int64]) -> dict[str, Floats]:
    """Turn ratios into items that add up: parts never exceed their wholes."""
    # Trades differ in how fast they turn assets over; a fixed ladder is enough to make industry matter.
    ladder = np.linspace(-0.3, 0.3, len(INDUSTRIES))[industry]
    # Up to 1.15: liabilities may exceed assets, as they do before many defaults.
    liabilities = assets * 1.15 * expit(ratios["liabilities_to_assets"])
    sales = assets * np.exp(ratios["log_sales_to_assets"] + ladder)
    book_equity = np.maximum(assets - liabilities, 0.05 * assets)
    money = {
        "total_assets": assets,
        "current_assets": assets * expit(ratios["current_assets_share"] + ladder),
        "current_liabilities": liabilities * expit(ratios["current_liabilities_share"]),
        "total_liabilities": liabilities,
        "retained_earnings": assets * ratios["retained_earnings_to_assets"],
        "ebit": assets * ratios["ebit_to_assets"],
        "sales": sales,
        "market_value_equity": book_equity * np.exp(ratios["log_equity_premium"]),
    }
    heads = np.maximum(1, np.round(sales / np.exp(ratios["log_sales_per_head"]))).astype(np.int64)
    # One digit (100 EUR) hides the last bits in which processors differ; rounding keeps parts below wholes.
    return {name: np.round(values, 1) for name, values in money.items()} | {"employees": heads}
