"""What several methods say of one firm's score, and how alike they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.explain.attribution import Attribution, EdgeWeight, FeatureWeight, Method, Place
from models.explain.dist_shift import LEAST_KNOWN
from models.explain.fidelity import agreement
from models.explain.methods import applicable, dist_shift_explanation, explanation, usable
from models.explain.opened import Opened
from models.inputs import design_matrix
from models.scaling import Scaling
from schemas.candidates import Group
from schemas.errors import SettingsError, nearest
from schemas.explanations import (
    EdgeImportance,
    FeatureImportance,
    MethodAgreement,
    MethodExplanation,
    MethodFidelity,
)

#: asks for every method that can explain the candidate
ALL = "all"
_SHOWN = 10

WORDS = {
    Method.INTEGRATED_GRADIENTS: "Integrated gradients: what each adds on the way from nothing known to what is known",
    Method.GNN_EXPLAINER: "GNNExplainer: masks learnt for this firm that leave its score as it is",
    Method.LEAVE_ONE_OUT: "Leave-one-out: by how much the log-odds fall without one own relation, or one input, alone",
    Method.PG_EXPLAINER: "PGExplainer: a small network that learnt from many firms which relations matter",
    Method.ATTENTION: "Attention: how much the network itself lets each relation through",
    Method.SHAP: "SHAP values: what each input adds from the average firm to this one",
    Method.DIST_SHIFT: "DistShift: how much surer each partner makes a simple model, which is not the candidate",
}


def wanted_methods(door: Opened, row: int, names: Sequence[str], outcomes: NDArray[np.int64]) -> tuple[Method, ...]:
    """Return the methods of these names, each once, in the order in which they are to be preferred.

    Parameters
    ----------
    row
        The firm's row of the graph.
    names
        Or ``all``: every one that can explain the candidate.
    outcomes : (n,) int64
        Class index of each firm's newest known outcome; -1 where none is known.

    Raises
    ------
    SettingsError
        If there is no such method, or it cannot explain this candidate.
    """
    fits = _shifts_can_be_told(door, row, outcomes)
    possible = (*applicable(door), *((Method.DIST_SHIFT,) if fits else ()))
    chosen = {one for name in names for one in (possible if name == ALL else (_method(name, possible),))}
    if Method.DIST_SHIFT in chosen and not fits:
        raise SettingsError(
            "DistShift has nothing to tell of this firm.",
            expected=f"relations that the candidate hears, and {LEAST_KNOWN} outcomes of two classes or more",
            found=f"{(outcomes >= 0).sum():,} newest known outcomes of the quarter's firms, of "
            f"{len(np.unique(outcomes[outcomes >= 0]))} classes",
            way_out="name another method: " + " or ".join(possible),
        )
    for one in sorted(chosen - {Method.DIST_SHIFT}):
        usable(door, one)
    return tuple(one for one in possible if one in chosen)


def told_by(door: Opened, row: int, method: Method, outcomes: NDArray[np.int64]) -> Attribution:
    """Return what one method says of the firm in a row of the graph, held against the candidate.

    DistShift learns from the firms' own features as they are in the graph and from all `outcomes`.
    """
    if method is not Method.DIST_SHIFT:
        return explanation(door, row, method)
    rows, _ = design_matrix(door.graph, [Group.OWN])
    values = Scaling.fitted(rows, logarithmic=True).applied(rows)
    return dist_shift_explanation(door, row, values, outcomes)


def method_explanations(told: Sequence[Attribution], names: Mapping[str, str]) -> tuple[MethodExplanation, ...]:
    """Return what is shown of each explanation.

    Parameters
    ----------
    names
        Of firms by id; empty where there are none.
    """
    return tuple(
        MethodExplanation(
            method=one.method,
            words=WORDS[one.method],
            signed=one.signed,
            fidelity=_fidelity(one),
            edges=tuple(_edge(edge, names) for edge in one.top_edges(_SHOWN) if edge.weight),
            edges_in_all=len(one.edges),
            features=tuple(_feature(feature) for feature in one.top_features(_SHOWN) if feature.weight),
            features_in_all=len(one.features),
        )
        for one in told
    )


def agreements(told: Sequence[Attribution]) -> tuple[MethodAgreement, ...]:
    """Return how alike each two explanations rank relations, and inputs."""
    edges = agreement([replace(one, features=()) for one in told])
    features = agreement([replace(one, edges=()) for one in told])
    return tuple(
        MethodAgreement(
            one=told[a].method, other=told[b].method, edges=_known(edges[a, b]), features=_known(features[a, b])
        )
        for a, b in itertools.combinations(range(len(told)), 2)
    )


def _method(name: str, possible: Sequence[Method]) -> Method:
    if name in WORDS:
        return Method(name)
    near = nearest(name, [*WORDS, ALL])
    raise SettingsError(
        f"There is no method {name!r} of explaining.",
        expected=" or ".join([*possible, ALL]),
        found=repr(name),
        way_out=f"did you mean {near}?" if near else "choose one of these",
    )


def _shifts_can_be_told(door: Opened, row: int, outcomes: NDArray[np.int64]) -> bool:
    """Tell whether the firm has relations that the candidate hears, and enough outcomes are known.

    Where defaulted firms leave the population, the newest outcomes of those that are left are all of one class.
    """
    known = outcomes[outcomes >= 0]
    enough = len(known) >= LEAST_KNOWN and len(np.unique(known)) > 1
    return enough and any(edge.hop == 0 for edge in door.about(row).edges)


def _fidelity(told: Attribution) -> MethodFidelity:
    found = told.fidelity
    assert found is not None
    return MethodFidelity(
        plus=found.plus,
        minus=found.minus,
        random_plus=found.random_plus,
        sparsity=found.sparsity,
        stability=_known(found.stability),
        reliable=told.reliable,
    )


def _edge(told: EdgeWeight, names: Mapping[str, str]) -> EdgeImportance:
    edge = told.edge
    return EdgeImportance(
        source=edge.source,
        source_name=names.get(edge.source, ""),
        target=edge.target,
        target_name=names.get(edge.target, ""),
        relation=edge.relation,
        hop=edge.hop,
        weight=told.weight,
    )


def _feature(told: FeatureWeight) -> FeatureImportance:
    feature = told.feature
    return FeatureImportance(
        feature=feature.name, network=feature.place is Place.NETWORK, value=_known(feature.value), weight=told.weight
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
