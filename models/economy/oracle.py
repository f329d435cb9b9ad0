"""The best possible answer: true 12-month PDs, by simulating the same dynamics forward from the true state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.economy.days import quarter_days
from models.economy.delivery import OUTCOME_WINDOW, firm_ids
from models.economy.exposure import exposures_at, summed
from models.economy.fundamentals import (
    INDUSTRY_PERSISTENCE,
    MACRO_PERSISTENCE,
    OWN_PERSISTENCE,
    Floats,
    creditworthiness,
    next_state,
)
from models.economy.generator import Economy
from models.economy.hazard import VOLUNTARY_EXIT, default_hazard, pressure_from, vulnerability, wounds_after
from models.economy.history import total
from models.economy.streams import oracle_generator
from schemas.terms import Quarter


@dataclass
class _Paths:
    """The moving state of all paths: arrays of shape (firms, paths), (industries, paths) and (1, paths)."""

    level: Floats
    trade: NDArray[np.int64]
    own: Floats
    industry: Floats
    macro: Floats
    alive: NDArray[np.bool_]
    pressure: Floats
    wounds: Floats


def true_pds(economy: Economy, quarter: Quarter) -> pl.DataFrame:
    """Return the true probability of default in the four quarters after `quarter`.

    The truth is conditional on everything at the end of the quarter (latent states, pressure, wounds, open relations)
    and ignorant of the future: relations open now stay until an end leaves, none is born, and the programmed stress is
    as unforeseen as any other shock. Each path adds the hazard of the firms still alive instead of counting defaults,
    which has the same mean and less noise.

    Leaving out births and natural ends of links makes the mean PD some 3-6 % of itself too low (12 seeds without
    stress); in an economy that leaves them out as well the difference is within noise.

    Returns
    -------
    pl.DataFrame
        `firm_id`, `true_pd_12m` in (0, 1), one row a firm alive at the end of `quarter`, sorted by `firm_id`.

    Raises
    ------
    NotEnoughData
        If the quarter was not simulated.
    """
    spec, history = economy.spec, economy.history
    index = spec.index_of(quarter)
    living = np.flatnonzero(history.alive[index])
    pool = economy.population.pool
    exposures = exposures_at(spec, history.links, history.directorships, quarter_days(quarter)[1], pool)
    exposure = summed(exposures.values())[living][:, living]
    rng = oracle_generator(spec.seed, index)
    paths = _starting_paths(economy, index, living)
    pd_12m = np.zeros(len(living))
    for _ in range(OUTCOME_WINDOW):
        pd_12m += _advanced(paths, exposure, rng, spec.own_strength).mean(axis=1)
    return pl.DataFrame({"firm_id": firm_ids(pool)[living], "true_pd_12m": pd_12m})


def _starting_paths(economy: Economy, index: int, living: NDArray[np.int64]) -> _Paths:
    """Put every path into the state at the end of the quarter."""
    latents, history, count = economy.latents, economy.history, economy.spec.oracle_paths

    def repeated(values: Floats) -> Floats:
        return np.repeat(values[:, None], count, axis=1)

    return _Paths(
        level=latents.level[living, None],
        trade=economy.population.industry[living],
        own=repeated(latents.own[index, living]),
        industry=repeated(latents.industry[index]),
        macro=np.full((1, count), latents.macro[index]),
        alive=np.ones((len(living), count), dtype=np.bool_),
        pressure=repeated(history.pressure[index, living]),
        wounds=repeated(total(history.wounds)[index, living]),
    )


def _advanced(paths: _Paths, exposure: csr_array, rng: np.random.Generator, own_strength: float) -> Floats:
    """Move all paths one quarter ahead and return the hazard of those alive before, of shape (firms, paths)."""
    paths.own = next_state(paths.own, OWN_PERSISTENCE, rng.standard_normal(paths.own.shape))
    paths.industry = next_state(paths.industry, INDUSTRY_PERSISTENCE, rng.standard_normal(paths.industry.shape))
    paths.macro = next_state(paths.macro, MACRO_PERSISTENCE, rng.standard_normal(paths.macro.shape))
    worth = creditworthiness(paths.level, paths.own, paths.industry[paths.trade], paths.macro)
    hazard = default_hazard(worth, paths.pressure, own_strength) * paths.alive
    defaults = rng.random(hazard.shape) < hazard
    paths.wounds = wounds_after(paths.wounds, exposure, defaults)
    # A dead neighbour has no vulnerability, which cuts its links; what it leaves behind are wounds.
    paths.alive &= ~defaults & (rng.random(hazard.shape) >= VOLUNTARY_EXIT)
    paths.pressure = pressure_from(exposure, vulnerability(worth, paths.pressure) * paths.alive, paths.wounds)
    return hazard
