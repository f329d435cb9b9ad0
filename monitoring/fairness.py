"""Adverse impact: whether one group gets the favourable prediction less often than another.

The adverse impact ratio is a group's favourable rate divided by the reference group's; below four
fifths is the usual mark (29 CFR 1607.4 D). It needs no outcomes, so it is computed on the firms that
are scored now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.portfolio import ColumnSpec
from schemas.results import GroupFairness


def adverse_impact(
    attributes: pl.DataFrame, favourable: NDArray[np.bool_], columns: Iterable[ColumnSpec], *, least_group_size: int
) -> tuple[GroupFairness, ...]:
    """Compare every group of every protected attribute with its reference group.

    Parameters
    ----------
    attributes
        One row a scored firm, with the protected columns.
    favourable : (n,) bool
        Whether the firm's predicted class is a favourable one.
    least_group_size
        Groups with fewer firms get no ratio: it would be noise.
    """
    return tuple(
        group
        for column in columns
        for group in _attribute(attributes[column.name], favourable, column, least_group_size)
    )


def worst_ratio(groups: Iterable[GroupFairness], attribute: str) -> GroupFairness | None:
    """Return the group of an attribute with the lowest ratio, or None if none could be formed."""
    ratios = [group for group in groups if group.attribute == attribute and group.impact_ratio is not None]
    return min(ratios, key=lambda group: group.impact_ratio or 0.0, default=None)


def _attribute(
    values: pl.Series, favourable: NDArray[np.bool_], column: ColumnSpec, least: int
) -> Iterator[GroupFairness]:
    reference = str(column.reference)
    in_reference = (values == reference).fill_null(value=False).to_numpy()
    base = favourable[in_reference].mean() if in_reference.sum() >= least else None
    for group in column.values:
        members = (values == group).fill_null(value=False).to_numpy()
        count = int(members.sum())
        rate = float(favourable[members].mean()) if count else None
        reason = ""
        if count < least:
            reason = f"{count} firms, fewer than {least}"
        elif not base:
            reason = f"the reference group {reference} has too few firms or no favourable prediction"
        ratio = float(rate / base) if rate is not None and base and not reason and group != reference else None
        yield GroupFairness(
            attribute=column.name,
            group=group,
            reference=reference,
            firms=count,
            favourable_rate=rate,
            impact_ratio=ratio,
            reason=reason,
        )
