"""What a firm would be scored with other items of its own: any candidate, asked about many versions of one firm.

The firms around stay as they are, and hear the firm as it was where a candidate looks at rows; a network hears each
version in a copy of the firm's surroundings. What was computed of its place stays; changes over quarters move along.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.automl import FittedAutoGluon
from models.boosting import FittedBoosting
from models.calibrated import FittedCalibrated, mapped
from models.corporate_graph import Columns, CorporateGraph, FloatMatrix
from models.ensemble import FittedEnsemble, combined
from models.fitted import Fitted
from models.forest import FittedForest
from models.graded import FittedGraded
from models.inputs import design_matrix
from models.logistic import FittedLogistic
from models.ordered import FittedOrdered, class_probabilities
from models.svm import FittedSvm
from schemas.candidates import Group

if TYPE_CHECKING:
    from models.fitting import FittedGnn

Vector = NDArray[np.float64]

_ROWWISE = (FittedLogistic, FittedBoosting, FittedForest, FittedSvm, FittedAutoGluon)
#: shares of development at which an item is tried
LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: the same where each version takes a pass over the whole graph
FEW_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_EDGES_A_PASS = 400_000


class Move(NamedTuple):
    """One own item at another value.

    Attributes
    ----------
    before, after
        Its values; of a category the place of the value among its columns, -1 for none.
    distance
        Share of development between both; None for a category, and where the value was not known.
    """

    feature: str
    before: float
    after: float
    distance: float | None


def single_moves(
    graph: CorporateGraph, firm: int, development: FloatMatrix, levels: tuple[float, ...]
) -> tuple[list[Move], FloatMatrix]:
    """Return every single move of the firm's own items and the items it leads to, (b, f).

    Parameters
    ----------
    development : (m, f)
        Own items of the rows that candidates learnt from.
    """
    moves, rows = [], []
    for move, row in _moves(graph, graph.features[firm], development, levels):
        moves.append(move)
        rows.append(row)
    return moves, np.stack(rows) if rows else np.zeros((0, graph.features.shape[1]))


def _moves(
    graph: CorporateGraph, here: Vector, development: FloatMatrix, levels: tuple[float, ...]
) -> Iterator[tuple[Move, Vector]]:
    columns: dict[str, list[int]] = {}
    for place, name in enumerate(graph.feature_names):
        columns.setdefault(name.partition("=")[0], []).append(place)
    for feature, places in columns.items():
        if "=" in graph.feature_names[places[0]]:
            now = next((number for number, place in enumerate(places) if here[place] == 1), -1)
            for number in range(len(places)):
                if number != now:
                    row = here.copy()
                    row[places] = np.arange(len(places)) == number
                    yield Move(feature, now, number, None), row
            continue
        [place] = places
        known = np.sort(development[~np.isnan(development[:, place]), place])
        for value in np.unique(np.quantile(known, levels)) if len(known) else ():
            if value == here[place]:
                continue
            row = here.copy()
            row[place] = value
            distance = None if np.isnan(here[place]) else abs(_rank(known, value) - _rank(known, here[place]))
            yield Move(feature, float(here[place]), float(value), distance), row


def _rank(known: Vector, value: float) -> float:
    below, upto = np.searchsorted(known, value, "left"), np.searchsorted(known, value, "right")
    return float(below + upto) / 2 / len(known)


def is_quick(model: Fitted) -> bool:
    """Tell whether versions of a firm are scored without a pass over the whole graph for each."""
    match model:
        case FittedCalibrated():
            return is_quick(model.base)
        case FittedGraded():
            return is_quick(model.model)
        case FittedOrdered():
            return all(isinstance(step, float) or is_quick(step) for step in model.steps)
        case FittedEnsemble():
            return all(is_quick(model.members[name]) for name in model.weights)
        case _:
            return isinstance(model, _ROWWISE) or _is_network(model)


def with_own_items(  # noqa: PLR0911 - one case a kind
    model: Fitted, graph: CorporateGraph, firm: int, items: FloatMatrix
) -> FloatMatrix:
    """Return the probabilities of versions of a firm, (b, classes).

    Parameters
    ----------
    items : (b, f)
        Own features of each version.
    """
    match model:
        case FittedCalibrated():
            return mapped(with_own_items(model.base, graph, firm, items), model.maps)
        case FittedGraded():
            return (
                with_own_items(model.model, graph, firm, items) @ np.eye(max(model.class_of) + 1)[list(model.class_of)]
            )
        case FittedOrdered():
            beyond = [
                np.full(len(items), step) if isinstance(step, float) else with_own_items(step, graph, firm, items)[:, 1]
                for step in model.steps
            ]
            return class_probabilities(np.stack(beyond, axis=1))
        case FittedEnsemble():
            parts = [with_own_items(model.members[name], graph, firm, items) for name in model.weights]
            return combined(parts, list(model.weights.values()))
        case _ if isinstance(model, _ROWWISE):
            return model.probabilities(_versions(graph, firm, items, model.spec.features))
        case _ if _is_network(model):
            return _by_network(model, graph, firm, items)  # type: ignore[arg-type]  # it is one, as was just asked
        case _:
            return np.stack([model.probabilities(_changed(graph, firm, row))[firm] for row in items])


def _is_network(model: Fitted) -> bool:
    from schemas.candidates import NetworkSpec

    return isinstance(getattr(model, "spec", None), NetworkSpec)


def _changed(graph: CorporateGraph, firm: int, row: Vector) -> CorporateGraph:
    features = graph.features.copy()
    features[firm] = row
    computed, past = dict(graph.computed), graph.computed.get(Group.HISTORY)
    if past is not None:
        values = past.values.copy()
        values[firm] = _repeated(graph, firm, row[None, :], Group.HISTORY).values[0]
        computed[Group.HISTORY] = past._replace(values=values)
    return replace(graph, features=features, computed=computed)


def _versions(graph: CorporateGraph, firm: int, items: FloatMatrix, groups: tuple[Group, ...]) -> CorporateGraph:
    """Return versions of a firm as a graph of rows, with what is computed of its place."""
    return replace(
        graph,
        firms=np.repeat(graph.firms[firm], len(items)),
        relations={},
        features=items,
        computed={group: _repeated(graph, firm, items, group) for group in groups if group is not Group.OWN},
        nodes={},
        partners={},
        noted={},
    )


def _repeated(graph: CorporateGraph, firm: int, items: FloatMatrix, group: Group) -> Columns:
    values, names = design_matrix(graph, (group,))
    rows = np.repeat(values[[firm]], len(items), axis=0)
    if group is Group.HISTORY:
        moved = items - graph.features[firm]
        for place, name in enumerate(names):
            item, _, aspect = name.partition(": ")
            if aspect.startswith("change over") and item in graph.feature_names:
                rows[:, place] += moved[:, graph.feature_names.index(item)]
    return Columns(rows, names)


def _by_network(model: FittedGnn, graph: CorporateGraph, firm: int, items: FloatMatrix) -> FloatMatrix:
    import torch

    from models.classes import log_probabilities
    from models.explain.networks import OpenedNetwork

    opened = OpenedNetwork(model, graph, ())
    inputs, _ = design_matrix(_versions(graph, firm, items, model.spec.features), model.spec.features)
    scaled = torch.from_numpy(model.scaling.applied(inputs).astype(np.float32))
    size = max(1, _EDGES_A_PASS // max(1, opened.surroundings([firm]).number_of_edges))
    found = np.zeros((len(items), model.classes))
    for start in range(0, len(items), size):
        some = scaled[start : start + size]
        around = opened.surroundings([firm] * len(some))
        values = opened.values(around)
        values[: len(some), : some.shape[1]] = some
        for network in model.networks:
            network.eval()
            with torch.no_grad():
                logs = log_probabilities(network(around.blocks(), values).double(), ordered=model.spec.ordered)
            found[start : start + len(some)] += logs.exp().numpy() / len(model.networks)
    return found
