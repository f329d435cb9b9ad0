"""The words beside the figures: a short management discussion with each year-end filing.

Managers write about their trade, about routine, and the more about risk the worse they stand. Tone differs between
managers for good, so a text says something about a firm and never everything. It knows nothing of the neighbours:
whatever travels through the graph has to be found there.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.economy.blocks import Ints
from models.economy.fundamentals import Floats, Latents
from models.economy.history import History
from models.economy.names import place_names
from models.economy.phrases import OPENINGS, SITE_OPENING, THEMES, TRADES
from models.economy.population import INDUSTRIES, Population
from models.economy.spec import EconomySpec
from models.economy.streams import Streams

_SENTENCES = 8
#: Spread of what a text makes of a firm's distress: of the manager's lasting temper, and of the year's.
_TEMPER, _MOOD = 0.6, 0.6
#: Share of sentences that open with a place, which says nothing about risk.
_SITES = 0.3
#: Log odds of a sentence's theme: constant, and per unit of distress, of the industry's and of the macro state lost.
_TRADE_CONSTANT = 1.3
_DRIVERS = {
    "growth": (0.2, -0.7, -0.1, -0.1),
    "routine": (1.0, 0.0, 0.0, 0.0),
    "liquidity": (-0.7, 1.0, 0.0, 0.1),
    "solvency": (-1.5, 1.25, 0.0, 0.1),
    "demand": (-0.6, 0.1, 0.6, 0.2),
    "economy": (-1.2, 0.0, 0.1, 0.7),
}


def drawn_narratives(
    spec: EconomySpec,
    population: Population,
    latents: Latents,
    history: History,
    filings: pl.DataFrame,
    firm_id: pl.Series,
    streams: Streams,
) -> pl.DataFrame:
    """Return `firm_id`, `period`, `published_on`, `text`, one row a filing for a fourth quarter, known with it.

    Every firm and year has its draws, filed or not, so that who files does not reshuffle what others write.
    """
    temper, words = (np.random.default_rng(child) for child in streams.narratives.spawn(2))
    year_ends = [index for index, quarter in enumerate(spec.quarters) if quarter.number == 4]
    log_odds = _theme_log_odds(population, latents, history, year_ends, temper)
    filed = filings.filter(pl.col("period").str.ends_with("Q4")).select("firm_id", "period", "published_on")
    year = _places(filed["period"], pl.Series([str(spec.quarters[index]) for index in year_ends]))
    firm = _places(filed["firm_id"], firm_id)
    draws = words.random((len(year_ends), population.pool, _SENTENCES, 4), dtype=np.float32)[year, firm]
    theme = _themes(log_odds[year, firm], population.industry[firm], draws[..., 0])
    return filed.with_columns(text=_texts(theme, draws[..., 1:]))


def _theme_log_odds(
    population: Population, latents: Latents, history: History, year_ends: list[int], rng: np.random.Generator
) -> Floats:
    """Return log odds of shape (years, pool, themes); the trade of the firm's industry comes first."""
    shape = (len(year_ends), population.pool)
    distress = -history.creditworthiness[year_ends] + _TEMPER * rng.standard_normal(shape[1])
    distress += _MOOD * rng.standard_normal(shape)
    downturn = -latents.industry[year_ends][:, population.industry]
    recession = np.broadcast_to(-latents.macro[year_ends, None], shape)
    states = np.stack([np.ones(shape), distress, downturn, recession], axis=-1)
    drivers = np.array([(_TRADE_CONSTANT, 0.0, 0.0, 0.0), *(_DRIVERS[theme] for theme in THEMES)])
    log_odds: Floats = states @ drivers.T
    return log_odds


def _places(values: pl.Series, among: pl.Series) -> Ints:
    places: Ints = among.search_sorted(values).to_numpy().astype(np.int64)
    return places


def _themes(log_odds: Floats, industry: Ints, draw: NDArray[np.float32]) -> Ints:
    """Pick a theme for every sentence, of shape (texts, sentences): first the trades, then the common themes."""
    odds = np.exp(log_odds)
    bounds = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)[:, None, :-1]
    common = (draw[:, :, None] >= bounds).sum(axis=2)
    return np.where(common == 0, industry[:, None], len(INDUSTRIES) - 1 + common)


def _texts(theme: Ints, draws: NDArray[np.float32]) -> pl.Series:
    """Write the sentences: opening, subject, predicate, each picked by one uniform draw."""
    themes = [*(TRADES[industry] for industry in INDUSTRIES), *THEMES.values()]
    sentences = pl.DataFrame(
        [
            _openings(draws[..., 0]).alias("opening"),
            _picked([entry.subjects for entry in themes], theme, draws[..., 1]).alias("subject"),
            _picked([entry.predicates for entry in themes], theme, draws[..., 2]).alias("predicate"),
        ]
    ).select(pl.concat_str("opening", "subject", "predicate", separator=" ").alias("sentence"))
    texts = sentences["sentence"].reshape((len(theme), _SENTENCES)).arr.to_list().list.join(". ")
    return pl.Series("text", texts + ".")


def _openings(draw: NDArray[np.float32]) -> pl.Series:
    """Open with a place or with a phrase; what is left of the draw picks which."""
    sites = [f"{SITE_OPENING} {place}" for place in place_names()]
    at_a_site = draw < _SITES
    site = _choice(draw / _SITES, np.array(len(sites)))
    phrase = _choice((draw - _SITES) / (1 - _SITES), np.array(len(OPENINGS)))
    place = np.where(at_a_site, site, len(sites) + phrase)
    return pl.Series([*sites, *OPENINGS]).gather(place.ravel())


def _picked(phrases: list[tuple[str, ...]], theme: Ints, draw: NDArray[np.float32]) -> pl.Series:
    """Pick one of the phrases of each sentence's theme."""
    counts = np.array([len(choices) for choices in phrases])
    first = np.cumsum(counts) - counts
    place = first[theme] + _choice(draw, counts[theme])
    flat = pl.Series([phrase for choices in phrases for phrase in choices])
    return flat.gather(place.ravel())


def _choice(draw: NDArray[np.float32], count: Ints) -> Ints:
    """Turn draws on [0, 1) into 0, …, count - 1; clipped as whole numbers, because single precision rounds up."""
    chosen: Ints = np.clip((draw * count).astype(np.int64), 0, count - 1)
    return chosen
