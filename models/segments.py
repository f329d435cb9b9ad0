"""Telling the firms of a graph apart: by a declared category, or by thirds of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.corporate_graph import CorporateGraph
from schemas.portfolio import PortfolioSpec
from schemas.terms import Role


class Segments(NamedTuple):
    """Who is in which segment.

    Attributes
    ----------
    of_firm : (n,) str
    names
        The segments in the order that people expect.
    by
        What tells them apart.
    """

    of_firm: NDArray[np.str_]
    names: tuple[str, ...]
    by: str


_THIRDS = ("lowest third of scores", "middle third of scores", "highest third of scores")
_UNKNOWN = "not known"


def firm_segments(
    graph: CorporateGraph, portfolio: PortfolioSpec, protected: Mapping[str, Sequence[str | None]], score: npt.ArrayLike
) -> Segments:
    """Return the segment of each firm of a graph.

    Parameters
    ----------
    protected
        The value of each firm, in the order of the graph, by protected attribute. Other categories are features, which
        the graph holds.
    score : (n,)
        Where no category is declared, thirds of these are the segments; firms of the same score stay together.
    """
    wanted = portfolio.stability.segment
    if wanted is None:
        return Segments(np.array(_THIRDS)[_third(score)], _THIRDS, "thirds of the scores")
    column = next(column for column in portfolio.segment_columns if column.name == wanted)
    values = np.array([*column.values, _UNKNOWN])
    if column.role is Role.PROTECTED:
        own = np.array([value or _UNKNOWN for value in protected[wanted]], dtype=np.str_)
        return Segments(own, tuple(values.tolist()), wanted)
    places = [graph.feature_names.index(f"{wanted}={value}") for value in column.values]
    held = np.nan_to_num(graph.features[:, places]) > 0
    own = values[np.where(held.any(axis=1), held.argmax(axis=1), len(column.values))]
    return Segments(own, tuple(values.tolist()), wanted)


def _third(score: npt.ArrayLike) -> NDArray[np.int64]:
    values = np.asarray(score, dtype=np.float64)
    share = (np.asarray(rankdata(values), dtype=np.float64) - 0.5) / len(values)
    return np.minimum((3 * share).astype(np.int64), 2)
