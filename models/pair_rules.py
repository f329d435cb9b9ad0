"""Rules about the rows of a relation that speak of other rows: reversed pairs, shares that add up to too much.

A row is held only against rows that were known on the day it was published, so that no row published
later changes what is admitted of the earlier ones.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

#: what a sum of shares may exceed its limit by: rounding of the shares in the delivery
ROUNDING = 1e-6


def reversed_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that were published while their pair held in the other direction.

    Two that are published on one day are both returned, since which of them is right cannot be known.

    Parameters
    ----------
    rows
        ``row``, ``delivered``, ``source``, ``target``, ``published_on``, ``valid_until``.

    Returns
    -------
    ``row``, ``delivered`` and the two ids as the ``value`` to show.
    """
    other = rows.select(
        pl.col("source").alias("target"), pl.col("target").alias("source"), since="published_on", until="valid_until"
    )
    held = (pl.col("since") <= pl.col("published_on")) & (
        pl.col("until").is_null() | (pl.col("until") > pl.col("published_on"))
    )
    return (
        rows.filter(pl.col("source") != pl.col("target"))
        .join(other, on=["source", "target"])
        .filter(held)
        .select("row", "delivered", value=pl.format("{}, {}", "source", "target"))
        .unique(["row", "delivered"], maintain_order=True)
    )


def excess_shares(rows: pl.DataFrame, limit: float) -> pl.DataFrame:
    """Return the rows whose publication takes their target's incoming weights above `limit`.

    Days are gone through in order; rows that were returned for an earlier day do not count any more.
    Of the rows that one day brings for a target, all are returned or none.

    Parameters
    ----------
    rows
        ``row``, ``delivered``, ``source``, ``target``, ``weight``, ``published_on``, ``valid_until``.
    limit
        Of the sum of weights that hold at the same time; `ROUNDING` of it is forgiven.

    Returns
    -------
    ``row``, ``delivered`` and, as the ``value`` to show, the target with the total it would have.
    """
    most = limit * (1 + ROUNDING)
    suspects = rows.filter(pl.col("target").is_in(_ever_above(rows, most).implode()))
    found: list[tuple[int, str | None, str]] = []
    for (target,), own in suspects.sort("target", "published_on").group_by("target", maintain_order=True):
        found += _beyond(str(target), own, most)
    return pl.DataFrame(found, schema={"row": pl.Int64, "delivered": pl.String, "value": pl.String}, orient="row")


def _ever_above(rows: pl.DataFrame, most: float) -> pl.Series:
    """Return the targets whose weights, every row counted, are above `most` on some day."""
    comes = rows.select("target", day="published_on", change="weight")
    goes = rows.filter(pl.col("valid_until").is_not_null()).select(
        "target", day="valid_until", change=-pl.col("weight")
    )
    totals = (
        pl.concat([comes, goes])
        .group_by("target", "day")
        .agg(pl.sum("change"))
        .sort("target", "day")
        .with_columns(total=pl.cum_sum("change").over("target"))
    )
    # A running sum of differences is off by rounding, never by half of what is forgiven.
    return totals.filter(pl.col("total") > most * (1 - ROUNDING / 2))["target"].unique()


def _beyond(target: str, rows: pl.DataFrame, most: float) -> list[tuple[int, str | None, str]]:
    holding: list[tuple[float, dt.date | None]] = []
    beyond = []
    for (day,), new in rows.group_by("published_on", maintain_order=True):
        holding = [(weight, until) for weight, until in holding if until is None or until > day]
        total = sum(weight for weight, _ in holding) + float(new["weight"].sum())
        if total > most:
            shown = f"{target}: {total:.6g} in total"
            beyond += [(row, delivered, shown) for row, delivered in new.select("row", "delivered").iter_rows()]
        else:
            holding += list(new.select("weight", "valid_until").iter_rows())
    return beyond
