"""Shared directors: two firms are interlocked while the same person sits on both boards."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from models.economy.boards import Directorships
from models.economy.days import OPEN

_PAIR = ("first", "second")


def shared_directors(held: Directorships, day: int, pool: int) -> csr_array:
    """Return the symmetric (pool, pool) matrix of how many directors two firms share at the end of a day."""
    is_open = held.open_at(day)
    firm, person = held.firm[is_open], held.person[is_open]
    people = int(held.person.max(initial=-1)) + 1
    seat = csr_array((np.ones(len(firm)), (firm, person)), shape=(pool, people))
    shared = (seat @ seat.T).tocoo()
    apart = shared.row != shared.col
    return csr_array((shared.data[apart], (shared.row[apart], shared.col[apart])), shape=(pool, pool))


def interlocks(held: Directorships) -> pl.DataFrame:
    """Return every spell in which two firms shared the same number of directors.

    Each time the number changes a spell ends and another begins the same day, so the spells of a pair never overlap.

    Returns
    -------
    pl.DataFrame
        `first` < `second` (firm numbers), `shared_directors` (1, 2, …), `published_on` and `ended_on` (days since
        1970; `OPEN` for spells that last), sorted.
    """
    changes = _changes(held)
    counted = changes.with_columns(
        shared_directors=pl.col("change").cum_sum().over(_PAIR),
        ended_on=pl.col("day").shift(-1, fill_value=OPEN).over(_PAIR),
    )
    return counted.filter(pl.col("shared_directors") > 0).select(
        *_PAIR, "shared_directors", pl.col("day").alias("published_on"), "ended_on"
    )


def _changes(held: Directorships) -> pl.DataFrame:
    """Return how the number of shared directors changes: pair, day, change, sorted by pair and day."""
    seats = pl.DataFrame(
        {"firm": held.firm, "person": held.person, "published_on": held.published_on, "ended_on": held.ended_on}
    )
    both = seats.join(seats, on="person", suffix="_second").filter(pl.col("firm") < pl.col("firm_second"))
    together = both.select(
        pl.col("firm").alias("first"),
        pl.col("firm_second").alias("second"),
        start=pl.max_horizontal("published_on", "published_on_second"),
        end=pl.min_horizontal("ended_on", "ended_on_second"),
    ).filter(pl.col("start") < pl.col("end"))
    begun = together.select(*_PAIR, pl.col("start").alias("day"), change=pl.lit(1, pl.Int64))
    ended = together.filter(pl.col("end") != OPEN).select(
        *_PAIR, pl.col("end").alias("day"), change=pl.lit(-1, pl.Int64)
    )
    summed = pl.concat([begun, ended]).group_by(*_PAIR, "day").agg(pl.col("change").sum())
    return summed.filter(pl.col("change") != 0).sort(*_PAIR, "day")
