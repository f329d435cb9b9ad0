"""The tables a bank would receive, cut at the end of the last quarter and sorted canonically."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.economy.boards import Directorships, people_count
from models.economy.days import OPEN, quarter_days
from models.economy.history import History
from models.economy.interlocks import interlocks
from models.economy.networks import Links
from models.economy.population import INDUSTRIES, OWNER_GENDERS, OWNERSHIP_TYPES, SIZE_CLASSES, Population
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
            "owner_gender": np.array(OWNER_GENDERS)[population.owner_gender],
            "founded_on": dates(known_on - population.age_days),
            "published_on": dates(known_on),
            "exited_on": dates(history.left_on),
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


def directorships_table(held: Directorships, firm_id: pl.Series) -> pl.DataFrame:
    """Return who sits on whose board; people are ``P00000``, ``P00001`` and so on."""
    people = people_count(len(firm_id))
    width = max(5, len(str(people - 1)))
    person_id = pl.Series([f"P{number:0{width}d}" for number in range(people)])
    return pl.DataFrame(
        {
            "firm_id": firm_id[held.firm],
            "person_id": person_id[held.person],
            "published_on": dates(held.published_on),
            "ended_on": dates(held.ended_on),
        }
    ).sort("firm_id", "person_id", "published_on")


def director_table(held: Directorships, firm_id: pl.Series) -> pl.DataFrame:
    """Return which firms share directors, a row a spell with one number of them; `first_id` < `second_id`."""
    spells = interlocks(held)
    return pl.DataFrame(
        {
            "first_id": firm_id[spells["first"]],
            "second_id": firm_id[spells["second"]],
            "shared_directors": spells["shared_directors"],
            "published_on": dates(spells["published_on"].to_numpy()),
            "ended_on": dates(spells["ended_on"].to_numpy()),
        }
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
            "published_on": dates(published_on[vintage]),
        }
    )


def _links_table(links: Links, firm_id: pl.Series, *, dependant: str, source: str, weight: str) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            dependant: firm_id[links.dependant],
            source: firm_id[links.source],
            weight: links.weight,
            "published_on": dates(links.published_on),
            "ended_on": dates(links.ended_on),
        }
    )
    return frame.sort(dependant, source, "published_on")


def dates(days: NDArray[np.int64]) -> pl.Series:
    """Turn days since 1970 into dates; `OPEN` becomes null."""
    missing = days == OPEN
    values = pl.Series(np.where(missing, 0, days)).cast(pl.Int32).cast(pl.Date)
    return values.to_frame("day").select(pl.when(~pl.Series(missing)).then(pl.col("day"))).to_series()
