"""What each factor adds to the log-odds that a firm is given an unfavourable class.

Exact where the model is: the terms of a logistic regression, the Shapley values of boosted trees (TreeSHAP; Lundberg
and others 2020, which LightGBM computes itself). Calibration moves all firms along one curve and is left out, so that
what is explained are the log-odds before it. Through several classes, steps of ordered classes, grades and the members
of an ensemble contributions follow the chain rule at the firm's own probabilities: exact to first order.

All other kinds are asked what they say without a factor (leave-one-out; Covert, Lundberg and Lee 2021): an item is set
to its median in development, a category to its most frequent value, as is the place in a row of what is computed of the
graph. Kinds that pass messages are asked so of the firm by itself, all edges gone, and then of each relation: how its
log-odds change if the relation has no edge. One pass a factor answers for all firms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.automl import FittedAutoGluon
from models.boosting import FittedBoosting
from models.calibrated import FittedCalibrated
from models.corporate_graph import Columns, CorporateGraph, FloatMatrix
from models.ensemble import FittedEnsemble
from models.factors import Factor, FactoredInputs, factored_inputs
from models.fitted import Fitted
from models.forest import FittedForest
from models.graded import FittedGraded
from models.graph_help import without_edges
from models.logistic import FittedLogistic
from models.ordered import FittedOrdered, class_probabilities
from models.svm import FittedSvm
from schemas.candidates import Group
from schemas.portfolio import TargetSpec

Vector = NDArray[np.float64]

#: kinds that score a row of inputs by itself
_ROWWISE = (FittedForest, FittedSvm, FittedAutoGluon)
_FLOOR = 1e-12
#: rows of inputs that are scored in one call
_ROWS_A_PASS = 100_000

#: how a factor of a firm lies to development
HIGH, LEVEL, LOW, MISSING = 1, 0, -1, 2


@dataclass
class Development:
    """The firm-quarters that candidates learnt from, as what a factor is held against.

    Parameters
    ----------
    graph
        All vintages side by side.
    rows : (n,) bool
    """

    graph: CorporateGraph
    rows: NDArray[np.bool_]
    _typical: dict[tuple[Group, ...], Vector] = field(default_factory=dict, repr=False)

    def typical(self, groups: tuple[Group, ...]) -> Vector:
        """Return the median of each input, (k,); of a category the most frequent value, laid out in its columns."""
        if groups not in self._typical:
            inputs = factored_inputs(self.graph, groups)
            values = inputs.values[self.rows]
            known = ~np.isnan(values).all(axis=0)
            found = np.full(values.shape[1], np.nan)
            found[known] = np.nanmedian(values[:, known], axis=0)
            for places in inputs.columns.values():
                if len(places) > 1 and all("=" in inputs.names[place] for place in places):
                    kinds, counts = np.unique(values[:, places], axis=0, return_counts=True)
                    found[places] = kinds[counts.argmax()]
            self._typical[groups] = found
        return self._typical[groups]


@dataclass(frozen=True)
class Contributions:
    """What each factor adds to a firm's log-odds of an unfavourable class; m firms asked about, k factors.

    Attributes
    ----------
    values : (m, k)
        Above 0 it counts against the firm.
    rest : (m,)
        What no factor explains: `rest` and the values add up to `log_odds`. The same for all firms, the log-odds of an
        ordinary one, where `exact`.
    log_odds : (m,)
        Before calibration.
    levels : (m, k) int8
        `HIGH` or `LOW` against the median of development, `MISSING` where it is not known, otherwise `LEVEL`.
    exact
        Whether the values are the model's own terms, of two classes and without chain rule.
    """

    factors: tuple[Factor, ...]
    values: FloatMatrix
    rest: Vector
    log_odds: Vector
    levels: NDArray[np.int8]
    exact: bool


def contributions(
    model: Fitted, graph: CorporateGraph, firms: NDArray[np.int64], development: Development, target: TargetSpec
) -> Contributions:
    """Take apart the scores of some firms of a graph.

    Parameters
    ----------
    firms : (m,)
        Positions of the firms asked about.
    """
    base = model.base if isinstance(model, FittedCalibrated) else model
    exact = isinstance(base, FittedLogistic | FittedBoosting) and len(target.classes) == 2
    if not len(firms):  # trees do not score no row
        none = np.zeros(0)
        return Contributions((), none.reshape(0, 0), none, none, none.astype(np.int8).reshape(0, 0), exact)
    view = _View(graph, firms, development)
    unfavourable = np.array([name not in target.favourable for name in target.classes])
    probabilities = base.probabilities(graph)[firms]
    log_odds = _log_odds(probabilities, np.broadcast_to(unfavourable, probabilities.shape))
    found = _terms(base, view, _slope(probabilities, unfavourable), unfavourable)
    factors = tuple(found)
    values = np.stack(list(found.values()), axis=1) if found else np.zeros((len(firms), 0))
    return Contributions(
        factors=factors,
        values=values,
        rest=log_odds - values.sum(axis=1),
        log_odds=log_odds,
        levels=np.array([view.level(factor) for factor in factors], dtype=np.int8).reshape(-1, len(firms)).T,
        exact=exact,
    )


class _View:
    """A graph and the firms asked about, with the inputs that kinds ask for."""

    def __init__(self, graph: CorporateGraph, firms: NDArray[np.int64], development: Development) -> None:
        self.graph = graph
        self.firms = firms
        self.development = development
        self._inputs: dict[tuple[Group, ...], FactoredInputs] = {}

    def inputs(self, groups: tuple[Group, ...]) -> FactoredInputs:
        """Return the inputs of all firms, computed once."""
        if groups not in self._inputs:
            self._inputs[groups] = factored_inputs(self.graph, groups)
        return self._inputs[groups]

    def level(self, factor: Factor) -> NDArray[np.int8]:
        """Say how the firms lie to development in a factor, (m,)."""
        for groups, inputs in self._inputs.items():
            if factor in inputs.columns:
                place = inputs.leading(factor)
                if place is None:
                    break
                values, middle = inputs.values[self.firms, place], self.development.typical(groups)[place]
                signs = np.sign(np.nan_to_num(values - middle)).astype(np.int8)
                return np.where(np.isnan(values), MISSING, signs).astype(np.int8)
        return np.full(len(self.firms), LEVEL, dtype=np.int8)


def _terms(  # noqa: PLR0911 - one case a kind
    model: Fitted, view: _View, slope: FloatMatrix, unfavourable: NDArray[np.bool_]
) -> dict[Factor, Vector]:
    """Return what each factor adds to a quantity whose derivative by the model's probabilities is `slope`, (m, c)."""
    match model:
        case FittedLogistic():
            return _of_logistic(model, view, slope)
        case FittedBoosting():
            return _of_trees(model, view, slope)
        case FittedCalibrated():
            before = model.base.probabilities(view.graph)[view.firms]
            after = model.probabilities(view.graph)[view.firms]
            scale = _by_log_odds(after, slope, np.broadcast_to(unfavourable, after.shape))
            return _terms(model.base, view, _slope(before, unfavourable) * scale[:, None], unfavourable)
        case FittedGraded():
            return _terms(model.model, view, slope[:, list(model.class_of)], unfavourable[list(model.class_of)])
        case FittedOrdered():
            return _of_steps(model, view, slope)
        case FittedEnsemble():
            parts = [_terms(model.members[name], view, slope * w, unfavourable) for name, w in model.weights.items()]
            return _added(parts)
        case _ if isinstance(model, _ROWWISE):
            return _without_inputs(model, view, slope)
        case _:
            return _without_relations(model, view, slope)


def _of_logistic(model: FittedLogistic, view: _View, slope: FloatMatrix) -> dict[Factor, Vector]:
    inputs = view.inputs(model.spec.features)
    scaled = model.scaling.applied(inputs.values[view.firms])
    along = _by_margins(model.probabilities(view.graph)[view.firms], slope)
    of_columns = scaled * (along @ model.weights.T)
    count = inputs.values.shape[1]
    own = of_columns[:, :count].copy()
    own[:, model.scaling.flagged] += of_columns[:, count:]  # that a value is missing counts with the value
    return inputs.by_factor(own)


def _of_trees(model: FittedBoosting, view: _View, slope: FloatMatrix) -> dict[Factor, Vector]:
    inputs = view.inputs(model.spec.features)
    rows = inputs.values[view.firms]
    found = np.asarray(model.booster.predict(rows, pred_contrib=True, num_threads=1))
    along = _by_margins(model.probabilities(view.graph)[view.firms], slope)
    width = rows.shape[1] + 1
    if model.classes == 2:  # one margin, that of the second class
        found, along = found.reshape(len(rows), 1, width), along[:, 1:]
    else:
        found = found.reshape(len(rows), model.classes, width)
    return inputs.by_factor(np.einsum("mc,mck->mk", along, found[:, :, :-1]))


def _of_steps(model: FittedOrdered, view: _View, slope: FloatMatrix) -> dict[Factor, Vector]:
    sure = len(view.firms)
    beyond = np.stack(
        [
            np.full(sure, step) if isinstance(step, float) else step.probabilities(view.graph)[view.firms, 1]
            for step in model.steps
        ],
        axis=1,
    )
    parts = []
    for number, step in enumerate(model.steps):
        if isinstance(step, float):
            continue
        # A product that is linear in each step: its derivative is the difference between the step's ends.
        ends = [np.where(np.arange(beyond.shape[1]) == number, end, beyond) for end in (1.0, 0.0)]
        change = class_probabilities(ends[0]) - class_probabilities(ends[1])
        along = (slope * change).sum(axis=1)
        parts.append(_terms(step, view, np.stack([np.zeros(sure), along], axis=1), np.array([False, True])))
    return _added(parts)


def _without_inputs(model: Fitted, view: _View, slope: FloatMatrix) -> dict[Factor, Vector]:
    inputs = view.inputs(model.spec.features)  # type: ignore[attr-defined]  # every kind of `_ROWWISE` has it
    typical = view.development.typical(inputs.groups)
    rows = inputs.values[view.firms]
    probabilities = model.probabilities(_rows_alone(view, inputs, rows))
    against, scale = _against(probabilities, slope)
    whole = _log_odds(probabilities, against)
    found: dict[Factor, Vector] = {}
    together = max(1, _ROWS_A_PASS // max(1, len(rows)))  # a call of some kinds costs more than its rows
    factors = list(inputs.columns.items())
    for start in range(0, len(factors), together):
        some = factors[start : start + together]
        changed = np.tile(rows, (len(some), 1, 1))
        for number, (_, places) in enumerate(some):
            changed[number][:, places] = typical[places]
        asked = model.probabilities(_rows_alone(view, inputs, changed.reshape(-1, rows.shape[1])))
        for (factor, _), part in zip(some, asked.reshape(len(some), *probabilities.shape), strict=True):
            found[factor] = scale * (whole - _log_odds(part, against))
    return found


def _without_relations(model: Fitted, view: _View, slope: FloatMatrix) -> dict[Factor, Vector]:
    graph, firms = view.graph, view.firms
    groups = _groups_of(model)
    inputs = view.inputs(groups)
    probabilities = model.probabilities(graph)[firms]
    against, scale = _against(probabilities, slope)

    def score(asked: CorporateGraph) -> Vector:
        return _log_odds(model.probabilities(asked)[firms], against)

    placed = _computed(inputs, inputs.values)
    alone = replace(without_edges(graph), computed={**graph.computed, **placed})
    by_itself, typical = score(alone), view.development.typical(groups)
    found: dict[Factor, Vector] = {}
    for factor, places in inputs.columns.items():
        changed = inputs.values.copy()
        changed[:, places] = typical[places]
        other = replace(
            alone,
            features=changed[:, : inputs.widths[0]],
            computed={**alone.computed, **_computed(inputs, changed)},
        )
        found[factor] = scale * (by_itself - score(other))
    whole = _log_odds(probabilities, against)
    with_places = replace(graph, computed={**graph.computed, **placed})
    for relation in (*graph.relations, *graph.partners):
        without = score(without_relations(with_places, (relation,)))
        found[Factor(network=True, relation=relation)] = scale * (whole - without)
    return found


def without_relations(graph: CorporateGraph, gone: Collection[str]) -> CorporateGraph:
    """Return the graph in which some relations have no edge and no link; what was computed of places stays."""
    bare = without_edges(graph)
    return replace(
        graph,
        relations={name: (bare if name in gone else graph).relations[name] for name in graph.relations},
        partners={name: (bare if name in gone else graph).partners[name] for name in graph.partners},
    )


def _groups_of(model: Fitted) -> tuple[Group, ...]:
    spec = getattr(model, "spec", None)
    return tuple(getattr(spec, "features", getattr(getattr(spec, "base", None), "features", (Group.OWN,))))


def _rows_alone(view: _View, inputs: FactoredInputs, rows: FloatMatrix) -> CorporateGraph:
    """Return rows of inputs of the firms asked about, once or several times over, as a graph of their own.

    That is enough for a kind that scores row by row.
    """
    return replace(
        view.graph,
        firms=np.resize(view.graph.firms[view.firms], len(rows)),
        relations={},
        features=rows[:, : inputs.widths[0]],
        computed=_computed(inputs, rows),
        nodes={},
        partners={},
        noted={},
    )


def _computed(inputs: FactoredInputs, rows: FloatMatrix) -> dict[str, Columns]:
    """Return the groups of inputs beside a firm's own, which always come first."""
    ends = np.cumsum(inputs.widths)
    return {
        group: Columns(rows[:, start:end], inputs.names[start:end])
        for group, start, end in zip(inputs.groups[1:], ends[:-1], ends[1:], strict=True)
    }


def _slope(probabilities: FloatMatrix, unfavourable: NDArray[np.bool_]) -> FloatMatrix:
    """Return the derivative of the log-odds of the unfavourable classes by each probability, (m, c)."""
    share = np.clip(probabilities[:, unfavourable].sum(axis=1), _FLOOR, 1 - _FLOOR)[:, None]
    return np.asarray(np.where(unfavourable, 1 / share, -1 / (1 - share)))


def _by_margins(probabilities: FloatMatrix, slope: FloatMatrix) -> FloatMatrix:
    """Return the derivative by the margins of a softmax, (m, c)."""
    mean = (slope * probabilities).sum(axis=1, keepdims=True)
    return np.asarray(probabilities * (slope - mean))


def _against(probabilities: FloatMatrix, slope: FloatMatrix) -> tuple[NDArray[np.bool_], Vector]:
    """Return the classes that raise the quantity, (m, c), and its derivative by their log-odds, (m,)."""
    middle = (slope * probabilities).sum(axis=1, keepdims=True)
    raising = slope > middle
    return raising, _by_log_odds(probabilities, slope, raising)


def _by_log_odds(probabilities: FloatMatrix, slope: FloatMatrix, which: NDArray[np.bool_]) -> Vector:
    """Return the derivative by the log-odds of some classes, the shares within and outside of them kept."""
    inside = np.clip(np.where(which, probabilities, 0).sum(axis=1), _FLOOR, 1 - _FLOOR)
    up = np.where(which, slope * probabilities, 0).sum(axis=1) / inside
    down = np.where(which, 0, slope * probabilities).sum(axis=1) / (1 - inside)
    return np.asarray(inside * (1 - inside) * (up - down))


def _log_odds(probabilities: FloatMatrix, which: NDArray[np.bool_]) -> Vector:
    share = np.clip(np.where(which, probabilities, 0).sum(axis=1), _FLOOR, 1 - _FLOOR)
    return np.asarray(np.log(share) - np.log1p(-share))


def _added(parts: Collection[Mapping[Factor, Vector]]) -> dict[Factor, Vector]:
    total: dict[Factor, Vector] = {}
    for part in parts:
        for factor, values in part.items():
            total[factor] = total[factor] + values if factor in total else values
    return total
