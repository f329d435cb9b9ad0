"""What an explanation should find: how much of a firm's hazard comes from its neighbours, and from which."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.economy.days import quarter_days
from models.economy.delivery import firm_ids
from models.economy.exposure import exposures_at
from models.economy.fundamentals import Floats
from models.economy.generator import Economy
from models.economy.hazard import PRESSURE_GAIN, default_hazard
from models.economy.spec import Channel
from schemas.terms import Quarter


def contagion_shares(economy: Economy, quarter: Quarter) -> pl.DataFrame:
    """Return the share of each firm's hazard that comes from its neighbours, in all and by channel.

    With h(p) the hazard of the coming quarter at today's creditworthiness, p_c the pressure of channel c and
    p = Σ_c p_c, the share is s = max(0, 1 - h(0) / h(p)): what would go if the firm stood alone. A firm that its
    neighbours protect (p <= 0) has none.

    Channel c gets s · max(p_c, 0) / Σ_k max(p_k, 0). Without protecting channels this is the Aumann-Shapley value of
    the channel, which for a function of a sum is proportional to the terms; channels that protect get nothing.

    Returns
    -------
    pl.DataFrame
        `firm_id`, `contagion_share` and `supply_share`, `ownership_share`, `director_share`, which add up to it; one
        row a firm alive at the end of `quarter`, sorted.

    Raises
    ------
    NotEnoughData
        If the quarter was not simulated.

    References
    ----------
    Aumann, Shapley (1974), "Values of Non-Atomic Games"; Sundararajan et al. (2017), "Axiomatic attribution for deep
    networks", on why the path from zero is a straight one.
    """
    index, history = economy.spec.index_of(quarter), economy.history
    living = np.flatnonzero(history.alive[index])
    worth, pressure = history.creditworthiness[index, living], history.pressure[index, living]
    own_strength = economy.spec.own_strength
    alone = default_hazard(worth, np.zeros_like(pressure), own_strength)
    share = np.maximum(0.0, 1 - alone / default_hazard(worth, pressure, own_strength))
    pushes = {channel: np.maximum(history.pressures[channel][index, living], 0.0) for channel in Channel}
    pushed = np.sum(list(pushes.values()), axis=0)
    parts = {f"{channel}_share": share * _ratio(push, pushed) for channel, push in pushes.items()}
    firm_id = firm_ids(economy.population.pool)[living]
    return pl.DataFrame({"firm_id": firm_id, "contagion_share": share, **parts})


def carrying_edges(economy: Economy, quarter: Quarter) -> pl.DataFrame:
    """Return the neighbour that presses most on each firm, by channel.

    Neighbour j presses on firm i through channel c with PRESSURE_GAIN · S_c · w_ij · v_j, where S_c is the strength of
    the channel, w_ij the weight of the edge (`exposures_at`) and v_j the neighbour's vulnerability. These and the
    wounds left by earlier defaults, whose edges are gone, add up to the channel's pressure. A firm with no pressing
    neighbour in a channel has no row there; of equals the smallest id counts.

    Returns
    -------
    pl.DataFrame
        `firm_id`, `channel`, `neighbour_id`, `pressure_logit` > 0, sorted by firm and channel.

    Raises
    ------
    NotEnoughData
        If the quarter was not simulated.
    """
    spec, history, pool = economy.spec, economy.history, economy.population.pool
    index, firm_id = spec.index_of(quarter), firm_ids(pool)
    exposures = exposures_at(spec, history.links, history.directorships, quarter_days(quarter)[1], pool)
    edges = []
    for channel, exposure in exposures.items():
        pressing = (PRESSURE_GAIN * exposure * history.vulnerability(index)[None, :]).tocoo()
        edges.append(
            pl.DataFrame(
                {
                    "firm_id": firm_id[pressing.row],
                    "channel": np.full(len(pressing.row), channel.value),
                    "neighbour_id": firm_id[pressing.col],
                    "pressure_logit": pressing.data,
                }
            )
        )
    pressing_most = pl.concat(edges).filter(pl.col("pressure_logit") > 0)
    ordered = pressing_most.sort(
        "firm_id", "channel", "pressure_logit", "neighbour_id", descending=[False, False, True, False]
    )
    return ordered.unique(["firm_id", "channel"], keep="first", maintain_order=True)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
