"""How much of a measured performance comes from looking at neighbours of the test firms.

A fixed cheap model is fitted twice on the same rows: once with random firms held out, once with whole
communities. If the random split looks better, a random split would have flattered every candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import cluster_weights
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.discrimination import scores
from models.inputs import design_matrix
from schemas.candidates import Group
from schemas.results import Interval
from schemas.specs import TrainingSpec

_ROUNDS = 100


@dataclass(frozen=True)
class LeakageRows:
    """Closed firm-quarters of one graph, and which of them whole-community holding-out leaves for testing."""

    graph: CorporateGraph
    truth: NDArray[np.int64]
    usable: NDArray[np.bool_]
    held_communities: NDArray[np.bool_]
    firms: NDArray[np.str_]
    communities: NDArray[np.str_]


def leakage_gap(rows: LeakageRows, training: TrainingSpec, *, draws: int) -> Interval:
    """Return AUC with random firms held out minus AUC with whole communities held out.

    The interval comes from independent cluster bootstraps of the two test samples, by community.
    """
    features, _ = design_matrix(rows.graph, (Group.OWN, Group.NEIGHBOUR))
    share = rows.held_communities[rows.usable].mean()
    firms = np.unique(rows.firms[rows.usable])
    rng = np.random.default_rng(training.seed)
    held = rng.permutation(firms)[: max(1, round(share * len(firms)))]
    at_random = np.isin(rows.firms, held)
    values = [
        _held_out_auc(features, rows, test & rows.usable, training, draws)
        for test in (at_random, rows.held_communities)
    ]
    point = values[0][0] - values[1][0]
    spread = values[0][1] - values[1][1]
    spread = spread[~np.isnan(spread)]
    if np.isnan(point) or len(spread) < draws / 2:
        return Interval(value=None if np.isnan(point) else float(point))
    low, high = np.quantile(spread, [0.025, 0.975])
    return Interval(value=float(point), low=float(low), high=float(high))


def _held_out_auc(
    features: FloatMatrix, rows: LeakageRows, test: NDArray[np.bool_], training: TrainingSpec, draws: int
) -> tuple[float, NDArray[np.float64]]:
    import lightgbm

    fit = rows.usable & ~test
    classes = int(rows.truth.max()) + 1
    settings = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    booster = lightgbm.train(
        {
            **settings,
            "num_threads": training.threads,
            "seed": training.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "num_leaves": 15,
            "min_data_in_leaf": 20,
        },
        lightgbm.Dataset(features[fit], rows.truth[fit]),
        num_boost_round=_ROUNDS,
    )
    predicted = np.asarray(booster.predict(features[test]))
    probabilities = np.stack([1 - predicted, predicted], axis=1) if classes == 2 else predicted
    weights = cluster_weights(rows.communities[test], draws=draws, seed=training.seed)
    point = scores(rows.truth[test], probabilities)["auc"][0]
    return float(point), scores(rows.truth[test], probabilities, weights=weights)["auc"]
