"""What was known on a day. Publication decides, not the period a row speaks of.

A row counts from the day it was published until the day it ceased to hold:
``published_on <= as_of < valid_until``. So no row published after `as_of` can change anything
that is computed as of that day.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from schemas.terms import Quarter


def known_by(rows: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Return the rows that were known and still held at the end of the day `as_of`."""
    known = rows.filter(pl.col("published_on") <= as_of)
    if "valid_until" in rows.columns:
        known = known.filter(pl.col("valid_until").is_null() | (pl.col("valid_until") > as_of))
    return known


def newest_filings(filings: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Return each firm's filing for its latest period, in its latest published version, as known at `as_of`."""
    return (
        known_by(filings, as_of)
        .sort("firm_id", "period", "published_on")
        .unique(subset="firm_id", keep="last", maintain_order=True)
    )


def closed_outcomes(outcomes: pl.DataFrame, vintage: Quarter, as_of: dt.date) -> pl.DataFrame:
    """Return the outcomes of one vintage known by `as_of`, one a firm: the latest known word counts."""
    known = known_by(outcomes, as_of).filter(pl.col("vintage") == str(vintage))
    return known.sort("firm_id", "published_on").unique("firm_id", keep="last", maintain_order=True)


def newest_firms(firms: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Return the firms that existed at `as_of`, sorted by id, each as it was last described."""
    return known_by(firms, as_of).sort("firm_id", "published_on").unique("firm_id", keep="last", maintain_order=True)


def within_window(rows: pl.DataFrame, window_days: int | None, as_of: dt.date) -> pl.DataFrame:
    """Return the rows that became known within so many days before the end of `as_of`; all without a window."""
    return rows if window_days is None else rows.filter(pl.col("published_on") > as_of - dt.timedelta(days=window_days))
