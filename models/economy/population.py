"""Who lives in the economy: all firms that ever enter, with what never changes about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.economy.names import company_names
from models.economy.spec import EconomySpec
from models.economy.streams import Streams

INDUSTRIES = (
    *("agriculture", "construction", "energy", "hospitality"),
    *("manufacturing", "technology", "trade", "transport"),
)
SIZE_CLASSES = ("micro", "small", "medium", "large")
OWNERSHIP_TYPES = ("family", "dispersed", "foreign", "state")
OWNER_GENDERS = ("female", "male", "unknown")

#: Entrants a quarter, as a share of the initial firms: what defaults and voluntary exits take away.
ENTRY_RATE = 0.019
#: Firms in a district (a local value chain) and in an ownership group, in expectation.
DISTRICT_SIZE, GROUP_SIZE = 60, 6
_SIZE_SHARES = (0.42, 0.33, 0.18, 0.07)
_OWNERSHIP_SHARES = (0.62, 0.18, 0.14, 0.06)
#: Female, male and unknown owners by ownership type: most firms without a family behind them have no single owner.
_GENDER_SHARES = np.array([(0.3, 0.66, 0.04), (0.05, 0.1, 0.85), (0.06, 0.14, 0.8), (0.02, 0.03, 0.95)])
#: Median and spread of log total assets (EUR thousands) in each class, after the EU size thresholds.
_LOG_ASSETS = (np.log([600.0, 4_500.0, 20_000.0, 110_000.0]), np.array([0.7, 0.5, 0.45, 0.8]))


@dataclass(frozen=True)
class Population:
    """Arrays of shape (pool,), in order of entry.

    `entry` is the index of the quarter of entry; `district` and `group` are the blocks that relations follow;
    `entry_assets` are EUR thousands. `owner_gender` has no effect on creditworthiness at all.
    """

    entry: NDArray[np.int64]
    district: NDArray[np.int64]
    group: NDArray[np.int64]
    industry: NDArray[np.int64]
    rural: NDArray[np.bool_]
    minority_owned: NDArray[np.bool_]
    size_class: NDArray[np.int64]
    ownership_type: NDArray[np.int64]
    owner_gender: NDArray[np.int64]
    entry_assets: NDArray[np.float64]
    age_days: NDArray[np.int64]
    name: NDArray[np.str_]

    @property
    def pool(self) -> int:
        """Number of firms that ever live."""
        return len(self.entry)


def drawn_population(spec: EconomySpec, streams: Streams) -> Population:
    """Draw every firm that will ever enter.

    Entries do not react to exits; this keeps the pool, and with it every array, independent of who defaults.
    """
    entry = _entry_quarters(spec, np.random.default_rng(streams.entries))
    pool = len(entry)
    rng = np.random.default_rng(streams.population)
    district, districts = _districts(spec.firms, pool, rng)
    size_class = rng.choice(len(SIZE_CLASSES), pool, p=_SIZE_SHARES)
    industry = _industries(district, districts, rng)
    group = district * 1_000 + rng.integers(DISTRICT_SIZE // GROUP_SIZE, size=pool)
    rural = rng.random(pool) < rng.choice([0.08, 0.9], districts, p=[0.68, 0.32])[district]
    # Minority-owned firms cluster in some districts: homophily before any partner is chosen.
    minority_owned = rng.random(pool) < rng.beta(1.2, 5.0, districts)[district]
    ownership_type = rng.choice(len(OWNERSHIP_TYPES), pool, p=_OWNERSHIP_SHARES)
    return Population(
        entry=entry,
        district=district,
        group=group,
        industry=industry,
        rural=rural,
        minority_owned=minority_owned,
        size_class=size_class,
        ownership_type=ownership_type,
        owner_gender=_owner_genders(ownership_type, np.random.default_rng(streams.owners)),
        entry_assets=_entry_assets(size_class, rng),
        age_days=_ages(entry, rng),
        name=company_names(
            np.array(INDUSTRIES)[industry], np.array(SIZE_CLASSES)[size_class], np.random.default_rng(streams.names)
        ),
    )


def _entry_quarters(spec: EconomySpec, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the quarter of entry of every firm of the pool, ascending; 0 for the firms of the first quarter."""
    entrants = rng.poisson(ENTRY_RATE * spec.firms, len(spec.quarters))
    entrants[0] = spec.firms
    return np.repeat(np.arange(len(entrants)), entrants)


def _districts(firms: int, pool: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    """Place every firm in a district; districts differ in size."""
    districts = max(4, round(firms / DISTRICT_SIZE))
    weight = np.exp(0.35 * rng.standard_normal(districts))
    return rng.choice(districts, pool, p=weight / weight.sum()), districts


def _industries(district: NDArray[np.int64], districts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Give a district one main trade, one trade that serves it, and a few of every other."""
    main, side = rng.integers(len(INDUSTRIES), size=(2, districts))
    draw = rng.random(len(district))
    other = rng.integers(len(INDUSTRIES), size=len(district))
    return np.where(draw < 0.6, main[district], np.where(draw < 0.85, side[district], other))


def _ages(entry: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return age at entry in days: incumbents of the first quarter are older than later entrants."""
    mean_years = np.where(entry == 0, 14.0, 2.5)
    days: NDArray[np.int64] = 120 + (rng.exponential(365 * mean_years)).astype(np.int64)
    return np.minimum(days, 120 * 365)


def _entry_assets(size_class: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    median, spread = _LOG_ASSETS
    assets: NDArray[np.float64] = np.exp(median[size_class] + spread[size_class] * rng.standard_normal(len(size_class)))
    return assets


def _owner_genders(ownership_type: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    bounds = _GENDER_SHARES.cumsum(axis=1)[ownership_type, :-1]
    genders: NDArray[np.int64] = (rng.random(len(ownership_type))[:, None] >= bounds).sum(axis=1)
    return genders
