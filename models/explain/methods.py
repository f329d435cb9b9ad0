"""Every method by its name: what can explain which candidate, held against the candidate each time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix
from models.explain.attribution import Attribution, Explained, Method
from models.explain.fidelity import measured, stability
from models.explain.leave_one_out import leave_one_out
from models.explain.opened import Opened
from models.explain.tables import ExplainedRow, OpenedTable
from schemas.candidates import DimensionAttending, GatSpec, GatV2Spec, GdanSpec, HanSpec, HgtSpec, NetworkSpec
from schemas.errors import SettingsError

#: deviations of the inputs by which they are disturbed to see whether an explanation stays
DISTURBANCE = 0.05
#: firms that PGExplainer learns from
_LEARNT_FROM = 256

_ATTENDING = (GatSpec, GatV2Spec, HanSpec, HgtSpec, GdanSpec)
_TABLE = (Method.SHAP, Method.LEAVE_ONE_OUT)
_NETWORK = (
    Method.INTEGRATED_GRADIENTS,
    Method.GNN_EXPLAINER,
    Method.LEAVE_ONE_OUT,
    Method.PG_EXPLAINER,
    Method.ATTENTION,
)


def applicable(door: Opened) -> tuple[Method, ...]:
    """Return the methods that can explain a candidate, the one to prefer first; attention only where it has any."""
    spec = getattr(getattr(door, "fitted", None), "spec", None)
    if isinstance(door, OpenedTable):
        return _TABLE
    if isinstance(spec, NetworkSpec):
        attends = isinstance(spec, _ATTENDING) or (
            isinstance(spec, DimensionAttending) and spec.dimension_attention > 0
        )
        return tuple(one for one in _NETWORK if one is not Method.ATTENTION or attends)
    return (Method.LEAVE_ONE_OUT,)


def usable(door: Opened, method: Method) -> Method:
    """Return the method if it can explain a candidate.

    Raises
    ------
    SettingsError
        If it cannot.
    """
    known = applicable(door)
    if method not in known:
        raise SettingsError(
            f"The method {method} cannot explain this candidate.",
            expected=" or ".join(known),
            found=str(method),
            way_out="choose one of these, or ask about another candidate",
        )
    return method


def explanation(
    door: Opened, firm: int, method: Method | None = None, *, seeds: tuple[int, ...] = (0, 1)
) -> Attribution:
    """Return one firm's explanation with its fidelity, and whether it is reliable.

    Parameters
    ----------
    firm
        Row of the graph.
    method
        The first applicable one if None.
    seeds
        The explanation is that of the first; all of them, each with inputs disturbed anew, tell how steady it is.

    Raises
    ------
    SettingsError
        If the method cannot explain this candidate.
    """
    chosen = usable(door, applicable(door)[0] if method is None else method)
    explain = _explainer(door, chosen)
    one = door.about(firm)
    steady = stability(lambda seed: explain(door.disturbed(DISTURBANCE, seed).about(firm), seed), seeds)
    return measured(one, explain(one, seeds[0]), stability=steady, seed=seeds[0])


def dist_shift_explanation(
    door: Opened, firm: int, values: FloatMatrix, truth: NDArray[np.int64], *, seed: int = 0
) -> Attribution:
    """Return DistShift's weights of a firm's relations, held against the candidate.

    Parameters
    ----------
    values, truth
        As `models.explain.dist_shift.dist_shift` takes them.
    """
    from models.explain.dist_shift import dist_shift

    one = door.about(firm)
    return measured(one, dist_shift(door.graph, values, truth, seed=seed).about(one), seed=seed)


def _explainer(door: Opened, method: Method) -> Callable[[Explained, int], Attribution]:
    if method is Method.LEAVE_ONE_OUT:
        return lambda one, _: leave_one_out(one)
    if method is Method.SHAP:
        return _shap
    return _network_explainer(door, method)


def _shap(one: Explained, seed: int) -> Attribution:
    from models.explain.shapley import shap_values

    assert isinstance(one, ExplainedRow)
    return shap_values(one, seed=seed)


def _network_explainer(door: Opened, method: Method) -> Callable[[Explained, int], Attribution]:
    # These import torch, which candidates over a table can do without.
    from models.explain.attention import attention_attribution
    from models.explain.integrated_gradients import integrated_gradients
    from models.explain.masks import gnn_explainer
    from models.explain.networks import ExplainedNetwork
    from models.explain.pg_explainer import fitted_pg_explainer

    def explain(one: Explained, seed: int) -> Attribution:
        assert isinstance(one, ExplainedNetwork)
        if method is Method.GNN_EXPLAINER:
            return gnn_explainer(one, seed=seed)
        if method is Method.ATTENTION:
            return attention_attribution(one)
        if method is Method.INTEGRATED_GRADIENTS:
            return integrated_gradients(one)
        rows = np.random.default_rng(seed).permutation(door.graph.size)[:_LEARNT_FROM]
        return fitted_pg_explainer(one.opened, rows, seed=seed).explain([one.row])[0]

    return explain
