"""Deleting and adding edges in the order of their importance: figure 9 of the GDAN paper on SMEsD and CorpNet.

Wei and others 2024, section IV-J: from all edges the most important go first, or to none they come first; at each share
the network is trained from scratch and measured on test. A good order makes the deletion curve fall early and the
addition curve rise early. DistShift stands beside leave-one-out and beside an order by chance. A pair of firms is an
edge; all relations between the two go and come together.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from benchmarks.smesd import Sampled
from models.candidates import fitted_candidate
from models.corporate_graph import CorporateGraph, FloatMatrix, RelationEdges
from models.explain.dist_shift import dist_shift
from models.explain.networks import OpenedNetwork
from models.fitted import FittingData
from models.fitting import FittedGnn
from models.inputs import design_matrix
from models.scaling import Scaling
from schemas.candidates import CandidateSpec
from schemas.terms import Sample

#: shares of the pairs that are gone, or there
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Vector = NDArray[np.float64]
Pairs = NDArray[np.int64]
Settings = Mapping[str, object]


def pairs_of(graph: CorporateGraph) -> Pairs:
    """Return each related pair of firms once, (pairs, 2), the smaller row first."""
    union = graph.union().tocoo()
    upper = union.row < union.col
    return np.stack([union.row[upper], union.col[upper]], axis=1).astype(np.int64)


def keeping(graph: CorporateGraph, pairs: Pairs, kept: NDArray[np.bool_]) -> CorporateGraph:
    """Return the graph with all relations of the pairs that are kept."""
    keys = np.sort(pairs[kept, 0] * graph.size + pairs[kept, 1])
    return replace(graph, relations={name: _kept(one, keys, graph.size) for name, one in graph.relations.items()})


def fitted_network(settings: Settings, data: FittingData) -> FittedGnn:
    """Train one network."""
    spec = TypeAdapter(CandidateSpec).validate_python({"name": str(settings["kind"]), **settings})
    fitted = fitted_candidate(spec, data)
    assert isinstance(fitted, FittedGnn)
    return fitted


def left_out(fitted: FittedGnn, graph: CorporateGraph, pairs: Pairs) -> Vector:
    """Return leave-one-out of each pair: the mean absolute change of both firms' log-odds when it is deleted."""
    door = OpenedNetwork(fitted, graph, (1,))
    places = {(a, b): number for number, (a, b) in enumerate(pairs.tolist())}
    row_of = {str(firm): row for row, firm in enumerate(graph.firms.tolist())}
    found = np.zeros(len(pairs))
    for row in range(graph.size):
        one = door.about(row)
        partners = [row_of[edge.partner_of(one.firm)] for edge in one.edges if edge.hop == 0]
        if not partners:
            continue
        # A pair has an edge a relation where the network tells relations apart; they go together.
        named = [row_of[edge.partner_of(one.firm)] if edge.hop == 0 else -1 for edge in one.edges]
        distinct = sorted(set(partners))
        kept = np.array(named)[None, :] != np.array(distinct)[:, None]
        change = np.abs(one.log_odds(kept) - one.log_odds()[0])
        for partner, moved in zip(distinct, change.tolist(), strict=True):
            found[places[min(row, partner), max(row, partner)]] += moved / 2
    return found


def shifts(data: Sampled, pairs: Pairs, seed: int = 0) -> Vector:
    """Return DistShift's importance of each pair, from own features and the outcomes of development."""
    rows, _ = design_matrix(data.graph, ["own"])
    development = data.rows(Sample.DEVELOPMENT)
    values = Scaling.fitted(rows[development], logarithmic=True).applied(rows)
    measured = dist_shift(data.graph, values, np.where(development, data.truth, -1), seed=seed)
    ends, importance = measured.of_pairs()
    keys = ends[:, 0] * data.graph.size + ends[:, 1]
    order = np.argsort(keys)
    return importance[order[np.searchsorted(keys, pairs[:, 0] * data.graph.size + pairs[:, 1], sorter=order)]]


def curves(data: Sampled, settings: Settings, orders: Mapping[str, Sequence[Vector]], pairs: Pairs, seed: int):
    """Return by order the test AUC at each share, deleted and added, from networks trained anew.

    Parameters
    ----------
    orders
        Importances of the pairs; the curves of several under one name are averaged.

    Returns
    -------
    dict
        ``share``, ``all``, ``none`` and by order ``delete`` and ``add``, with a value a share, and the area of each.
    """
    whole, nothing = (_test_auc(data, settings, data.graph, pairs, kept, seed) for kept in (True, False))
    told = {"share": list(SHARES), "all": whole, "none": nothing}
    for name, importances in orders.items():
        way = {}
        for direction in ("delete", "add"):
            runs = [_curve(data, settings, pairs, one, direction == "delete", seed) for one in importances]
            way[direction] = [statistics.fmean(values) for values in zip(*runs, strict=True)]
            ends = (whole, nothing) if direction == "delete" else (nothing, whole)
            way[f"{direction}_area"] = float(np.trapezoid([ends[0], *way[direction], ends[1]], [0, *SHARES, 1]))
        told[name] = way
    return told


def _curve(
    data: Sampled, settings: Settings, pairs: Pairs, importance: Vector, deleted: bool, seed: int
) -> list[float]:
    order = np.argsort(-importance, kind="stable")
    found = []
    for share in SHARES:
        first = np.zeros(len(pairs), dtype=np.bool_)
        first[order[: round(share * len(pairs))]] = True
        found.append(_test_auc(data, settings, data.graph, pairs, ~first if deleted else first, seed))
    return found


def _test_auc(
    data: Sampled, settings: Settings, graph: CorporateGraph, pairs: Pairs, kept: NDArray[np.bool_] | bool, seed: int
) -> float:
    some = keeping(graph, pairs, np.full(len(pairs), kept) if isinstance(kept, bool) else kept)
    changed = replace(data, graph=some)
    probabilities: FloatMatrix = fitted_network(settings, changed.fitting(seed)).probabilities(some)
    return data.measures(Sample.PUBLISHED_TEST, probabilities)["auc"]


def _kept(relation: RelationEdges, keys: Vector, size: int) -> RelationEdges:
    source = np.repeat(np.arange(size), np.diff(relation.indptr))
    asked = np.minimum(source, relation.indices) * size + np.maximum(source, relation.indices)
    stays = np.zeros(len(asked), dtype=np.bool_)
    if len(keys):
        stays = keys[np.minimum(np.searchsorted(keys, asked), len(keys) - 1)] == asked
    before = np.concatenate([[0], np.cumsum(stays)]).astype(np.int64)
    return RelationEdges(
        before[relation.indptr], relation.indices[stays], relation.weights[stays], directed=relation.directed
    )
