"""Independent random streams, one a concept, so that changing one concept does not reshuffle the others."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

#: Separates the oracle's paths from the streams that made the economy.
_ORACLE_KEY = 0x0AC1E


@dataclass(frozen=True)
class Streams:
    """Seed sequences in a fixed order; append new ones at the end, never in between."""

    entries: np.random.SeedSequence
    population: np.random.SeedSequence
    names: np.random.SeedSequence
    fundamentals: np.random.SeedSequence
    exits: np.random.SeedSequence
    supply: np.random.SeedSequence
    ownership: np.random.SeedSequence
    filings: np.random.SeedSequence
    owners: np.random.SeedSequence
    boards: np.random.SeedSequence
    payments: np.random.SeedSequence
    narratives: np.random.SeedSequence


def spawned_streams(seed: int) -> Streams:
    """Spawn one seed sequence a concept from the root seed."""
    return Streams(*np.random.SeedSequence(seed).spawn(len(fields(Streams))))


def oracle_generator(seed: int, quarter_index: int) -> np.random.Generator:
    """Return the counter-based generator of one quarter's oracle paths.

    It depends on seed and quarter only, so true PDs do not depend on the order in which they are asked for.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, _ORACLE_KEY, quarter_index])))
