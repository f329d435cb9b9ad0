"""What the columns of a candidate's inputs are of: a firm's own items, or something of the firms around it.

Several columns are one factor: the values of a category, the mean and the deviation of an item among partners, the
dimensions of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.inputs import design_matrix
from schemas.candidates import Group

_MEAN, _DEVIATION, _OUTCOME = "mean ", "deviation ", "outcome "
_NUMBERS = ("log partners", "log weight")


class Factor(NamedTuple):
    """One thing a score can depend on.

    Attributes
    ----------
    network
        Whether it is of the firms around; otherwise it is the firm's own.
    feature
        The item; empty where it is none, such as a number of partners.
    relation
        The relation it is heard by; empty for own items and for all relations together.
    side
        ``out`` for the targets of a directed relation, ``in`` for its sources; empty for both and without direction.
    aspect
        What of it, where it is not the item itself: ``change over 1 quarters``, ``number of partners``.
    """

    network: bool
    feature: str = ""
    relation: str = ""
    side: str = ""
    aspect: str = ""


#: how many partners there are, and how much weight they have
NUMBER = "number of partners"
#: all dimensions of an embedding together
POSITION = Factor(network=True, aspect="position")


@dataclass(frozen=True)
class FactoredInputs:
    """A candidate's inputs and the factors that their columns are of.

    Attributes
    ----------
    values : (n, k)
    names, factors : (k,)
    widths
        Number of columns of each group, in the order of `groups`.
    """

    groups: tuple[Group, ...]
    widths: tuple[int, ...]
    values: FloatMatrix
    names: tuple[str, ...]
    factors: tuple[Factor, ...]

    @cached_property
    def columns(self) -> dict[Factor, NDArray[np.int64]]:
        """Return the columns of each factor, in the order in which factors first come."""
        places: dict[Factor, list[int]] = {}
        for place, factor in enumerate(self.factors):
            places.setdefault(factor, []).append(place)
        return {factor: np.array(found, dtype=np.int64) for factor, found in places.items()}

    def leading(self, factor: Factor) -> int | None:
        """Return the column in which the factor is high or low; None where it is a category or a position."""
        places = self.columns[factor]
        if len(places) == 1 and "=" not in self.names[places[0]]:
            return int(places[0])
        means = [int(place) for place in places if f": {_MEAN}" in self.names[place] and "=" not in self.names[place]]
        return means[0] if len(means) == 1 else None

    def by_factor(self, of_columns: FloatMatrix) -> dict[Factor, NDArray[np.float64]]:
        """Add up values of columns, (n, k), to values of factors, (n,) each."""
        return {factor: of_columns[:, places].sum(axis=1) for factor, places in self.columns.items()}


def factored_inputs(graph: CorporateGraph, groups: Sequence[Group]) -> FactoredInputs:
    """Return a candidate's inputs of every firm of a graph with their factors."""
    sides = dict(_relation_sides(graph))
    values: list[FloatMatrix] = []
    names: list[str] = []
    factors: list[Factor] = []
    widths: list[int] = []
    for group in groups:
        found, columns = design_matrix(graph, (group,))
        values.append(found)
        names += columns
        factors += [_factor(group, column, sides) for column in columns]
        widths.append(len(columns))
    return FactoredInputs(tuple(groups), tuple(widths), np.concatenate(values, axis=1), tuple(names), tuple(factors))


def own_factor(column: str) -> Factor:
    """Return the factor of a column of own features: of a category, that of all its values."""
    return Factor(network=False, feature=column.partition("=")[0])


def _factor(group: Group, column: str, sides: dict[str, tuple[str, str]]) -> Factor:  # noqa: PLR0911 - one case a group
    match group:
        case Group.OWN:
            return own_factor(column)
        case Group.HISTORY:
            item, _, aspect = column.partition(": ")
            if item.startswith(_OUTCOME):
                return Factor(network=False, aspect=item)
            return Factor(network=False, feature=item, aspect=aspect)
        case Group.NEIGHBOUR:
            side, _, label = column.partition(": ")
            relation, direction = sides[side]
            if label in _NUMBERS:
                return Factor(network=True, relation=relation, side=direction, aspect=NUMBER)
            item = label.removeprefix(_MEAN).removeprefix(_DEVIATION).partition("=")[0]
            return Factor(network=True, feature=item, relation=relation, side=direction)
        case Group.STRUCTURE:
            relation, colon, label = column.partition(": ")  # a category in the label may have another
            relation, label = (relation, label) if colon else ("", column)
            return Factor(network=True, relation=relation, aspect=label)
        case Group.EMBEDDING:
            return POSITION


def _relation_sides(graph: CorporateGraph) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, relation in graph.relations.items():
        if relation.directed:
            yield from ((f"{name} {side}", (name, side)) for side in ("out", "in"))
        else:
            yield name, (name, "")
