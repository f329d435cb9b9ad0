"""How strongly each firm depends on each other: true strength times weight, one matrix a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.sparse import csr_array, diags_array

from models.economy.boards import Directorships
from models.economy.interlocks import shared_directors
from models.economy.networks import Links
from models.economy.spec import Channel, EconomySpec

Exposures = dict[Channel, csr_array]


def exposures_at(
    spec: EconomySpec, links: Mapping[Channel, Links], held: Directorships, day: int, pool: int
) -> Exposures:
    """Return who depends on whom at the end of a day, dependants in rows.

    An entry is strength times weight: the buyer's share of the supplier's sales (supply), the owner's stake
    (ownership), and n_ij / (1 + Σ_k n_ik) with n the number of shared directors (director). A row's weights sum to
    at most one in each channel; a director's voice counts less the more interlocks a firm has.
    """
    weights = {channel: _linked(links[channel], day, pool) for channel in links}
    weights[Channel.DIRECTOR] = _interlocked(held, day, pool)
    return {channel: spec.strength(channel) * weights[channel] for channel in Channel}


def summed(exposures: Iterable[csr_array]) -> csr_array:
    """Add the channels up."""
    first, *others = exposures
    return sum(others, start=first)


def _linked(links: Links, day: int, pool: int) -> csr_array:
    is_open = links.open_at(day)
    ends = links.dependant[is_open], links.source[is_open]
    return csr_array((links.weight[is_open], ends), shape=(pool, pool))


def _interlocked(held: Directorships, day: int, pool: int) -> csr_array:
    shared = shared_directors(held, day, pool)
    return csr_array(diags_array(1 / (1 + np.asarray(shared.sum(axis=1)))) @ shared)
