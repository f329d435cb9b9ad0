"""Latent creditworthiness: what a firm is worth as a debtor, before anybody else is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.economy.population import INDUSTRIES, Population
from models.economy.spec import EconomySpec
from models.economy.streams import Streams

Floats = NDArray[np.float64]

#: Quarterly persistence of the firm's own state, of its industry's and of the macro factor (all AR(1), unit variance).
OWN_PERSISTENCE, INDUSTRY_PERSISTENCE, MACRO_PERSISTENCE = 0.94, 0.85, 0.85
#: How much of each goes into creditworthiness; with the firm's level its variance is about one.
OWN_LOADING, INDUSTRY_LOADING, MACRO_LOADING = 0.85, 0.1, 0.06
_LEVEL_SPREAD = 0.45
_SIZE_EFFECT = np.array([-0.12, 0.0, 0.15, 0.3])
#: Mild on purpose: a fair model is possible, a careless one comes near the four-fifths rule.
_RURAL_EFFECT, _MINORITY_EFFECT = -0.12, -0.33
#: Incumbents of the first quarter have survived what entrants still face.
_INCUMBENT_EFFECT = 0.3


@dataclass(frozen=True)
class Latents:
    """The latent states.

    `level` has shape (pool,), `own` (quarters, pool), `industry` (quarters, industries), `macro` (quarters,).
    """

    level: Floats
    own: Floats
    industry: Floats
    macro: Floats


def drawn_latents(spec: EconomySpec, population: Population, streams: Streams) -> Latents:
    """Draw the latent states of every firm for every quarter, whether it is alive then or not."""
    quarters = len(spec.quarters)
    level_rng, own_rng, industry_rng, macro_rng = (
        np.random.default_rng(child) for child in streams.fundamentals.spawn(4)
    )
    macro_shocks = macro_rng.standard_normal((quarters, 1))
    if spec.stress_quarter in spec.quarters:
        stressed = spec.quarters.index(spec.stress_quarter)
        macro_shocks[stressed] = -spec.stress_size / np.sqrt(1 - MACRO_PERSISTENCE**2)
    return Latents(
        level=_levels(population, level_rng),
        own=_autoregression(own_rng.standard_normal((quarters, population.pool)), OWN_PERSISTENCE),
        industry=_autoregression(industry_rng.standard_normal((quarters, len(INDUSTRIES))), INDUSTRY_PERSISTENCE),
        macro=_autoregression(macro_shocks, MACRO_PERSISTENCE)[:, 0],
    )


def creditworthiness(level: Floats, own: Floats, industry: Floats, macro: Floats | float) -> Floats:
    """Add up a firm's level, its own state and the common factors; higher is safer.

    Arguments broadcast: (firms,) in a history, (firms, paths) in the oracle. `industry` is already the state of each
    firm's own industry.
    """
    return level + OWN_LOADING * own + INDUSTRY_LOADING * industry + MACRO_LOADING * macro


def creditworthiness_history(latents: Latents, population: Population) -> Floats:
    """Return creditworthiness of shape (quarters, pool)."""
    return creditworthiness(
        latents.level, latents.own, latents.industry[:, population.industry], latents.macro[:, None]
    )


def next_state(state: Floats, persistence: float, shock: Floats) -> Floats:
    """Move a unit-variance AR(1) state one quarter ahead with standard normal shocks."""
    return persistence * state + float(np.sqrt(1 - persistence**2)) * shock


def _levels(population: Population, rng: np.random.Generator) -> Floats:
    """Return the part of creditworthiness that never changes."""
    level = _LEVEL_SPREAD * rng.standard_normal(population.pool)
    level += _SIZE_EFFECT[population.size_class]
    level += _RURAL_EFFECT * population.rural + _MINORITY_EFFECT * population.minority_owned
    level += _INCUMBENT_EFFECT * (population.entry == 0)
    return level


def _autoregression(shocks: Floats, persistence: float) -> Floats:
    """Run AR(1) states of shape (quarters, states), started in their stationary distribution."""
    states = shocks.copy()
    for step in range(1, len(shocks)):
        states[step] = next_state(states[step - 1], persistence, shocks[step])
    return states
