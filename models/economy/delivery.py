"""The tables a bank would receive, cut at the end of the last quarter and sorted canonically."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.economy.history import History, quarter_days
from models.economy.networks import OPEN, Links
from models.economy.population import INDUSTRIES, OWNERSHIP_TYPES, SIZE_CLASSES, Population
from models.economy.spec import EconomySpec

#: Quarters in which a default counts: (t, t + 4].
OUTCOME_WINDOW = 4


def firm_ids(pool: int) -> pl.Series:
    """Return ``F00000``, ``F00001``, … in order of entry; equal widths keep them sorted as text."""
    width = max(5, len(str(pool - 1)))
    return pl.Series("firm_id", [f"F{number:0{width}d}" for number in range(pool)])


def firms_table(spec: EconomySpec, population: Population, history: History, firm_id: pl.Series) -> pl.DataFrame:
    """Return one row a firm that ever lived."""
    known_on = np.array([quarter_days(quarter)[1] for quarter in spec.quarters])[population.entry]
    return pl.DataFrame(
        {
            "firm_id": firm_id,
            "name": population.name,
            "industry": np.array(INDUSTRIES)[population.industry],
            "region": np.where(population.rural, "rural", "urban"),
            "size_class": np.array(SIZE_CLASSES)[population.size_class],
            "ownership_type": np.array(OWNERSHIP_TYPES)[population.ownership_type],
            "minority_owned": np.where(population.minority_owned, "yes", "no"),
            "founded_on": _dates(known_on - population.age_days),
            "published_on": _dates(known_on),
            "exited_on": _dates(history.left_on),
        }
    )


def supply_table(links: Links, firm_id: pl.Series) -> pl.DataFrame:
    """Return who sells to whom; `share` is a part of the supplier's sales."""
    return _links_table(links, firm_id, dependant="supplier_id", source="buyer_id", weight="share").select(
        "supplier_id", "buyer_id", "share", "published_on", "ended_on"
    )


def ownership_table(links: Links, firm_id: pl.Series) -> pl.DataFrame:
    """Return who owns whom; `stake` is a part of the owned firm."""
    return (
        _links_table(links, firm_id, dependant="owned_id", source="owner_id", weight="stake")
        .select("owner_id", "owned_id", "stake", "published_on", "ended_on")
        .sort("owner_id", "owned_id", "published_on")
    )


def outcomes_table(spec: EconomySpec, history: History, firm_id: pl.Series) -> pl.DataFrame:
    """Return what became of each firm alive at the end of a vintage, once the four quarters are over.

    A voluntary exit within the window is a "0": the firm did not default.
    """
    quarters = spec.quarters
    closed = max(len(quarters) - OUTCOME_WINDOW, 0)
    firm, vintage = np.nonzero(history.alive[:closed].T)
    defaulted = history.defaulted[firm] & (history.exit_index[firm] <= vintage + OUTCOME_WINDOW)
    published_on = np.array([quarter_days(quarter.shifted(OUTCOME_WINDOW))[1] for quarter in quarters])
    return pl.DataFrame(
        {
            "firm_id": firm_id[firm],
            "quarter": pl.Series([str(quarter) for quarter in quarters])[vintage],
            "defaulted_12m": np.where(defaulted, "1", "0"),
            "published_on": _dates(published_on[vintage]),
        }
    )


def _links_table(links: Links, firm_id: pl.Series, *, dependant: str, source: str, weight: str) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            dependant: firm_id[links.dependant],
            source: firm_id[links.source],
            weight: links.weight,
            "published_on": _dates(links.published_on),
            "ended_on": _dates(links.ended_on),
        }
    )
    return frame.sort(dependant, source, "published_on")


def _dates(days: NDArray[np.int64]) -> pl.Series:
    """Turn days since 1970 into dates; `OPEN` becomes null."""
    missing = days == OPEN
    values = pl.Series(np.where(missing, 0, days)).cast(pl.Int32).cast(pl.Date)
    return values.to_frame("day").select(pl.when(~pl.Series(missing)).then(pl.col("day"))).to_series()
