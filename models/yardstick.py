"""A fixed cheap model that splits are measured with: the same for every split, so that only the split differs.

A hundred small boosted trees on own and neighbours' features, without any tuning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import DEFINED_SHARE, TAIL, cluster_weights
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.discrimination import scores
from models.inputs import design_matrix
from schemas.candidates import Group
from schemas.results import Interval
from schemas.specs import TrainingSpec

_ROUNDS = 100


@dataclass(frozen=True)
class YardstickRows:
    """What the model is fitted and tested on; n rows.

    Attributes
    ----------
    features : (n, k)
    truth : (n,)
        Class index; rows that are neither fitted on nor tested may have any.
    communities : (n,) str
        What the bootstrap resamples.
    """

    features: FloatMatrix
    truth: NDArray[np.int64]
    communities: NDArray[np.str_]


@dataclass(frozen=True)
class HeldOutAuc:
    """The AUC on held-out rows, in [0, 1] or NaN, and its (draws,) cluster-bootstrap replicates."""

    point: float
    replicates: NDArray[np.float64]

    def interval(self) -> Interval:
        """Return the AUC with its 95 % percentile interval."""
        return _interval(self.point, self.replicates)

    def minus(self, other: HeldOutAuc) -> Interval:
        """Return this AUC minus another; the two test samples are taken as independent."""
        return _interval(self.point - other.point, self.replicates - other.replicates)


def yardstick_features(graph: CorporateGraph) -> FloatMatrix:
    """Return the model's inputs, (n, k): own features and those of related firms."""
    return design_matrix(graph, (Group.OWN, Group.NEIGHBOUR))[0]


def held_out_auc(
    rows: YardstickRows, *, fit: NDArray[np.bool_], test: NDArray[np.bool_], training: TrainingSpec, draws: int
) -> HeldOutAuc:
    """Fit on the rows of one mask and measure on those of the other.

    Without rows to test, or with outcomes of one class to fit on, the AUC is NaN.
    """
    import lightgbm

    if not test.any() or len(np.unique(rows.truth[fit])) < 2:
        return HeldOutAuc(float("nan"), np.full(draws, np.nan))
    classes = int(rows.truth[fit | test].max()) + 1
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
        lightgbm.Dataset(rows.features[fit], rows.truth[fit]),
        num_boost_round=_ROUNDS,
    )
    predicted = np.asarray(booster.predict(rows.features[test]))
    probabilities = np.stack([1 - predicted, predicted], axis=1) if classes == 2 else predicted
    communities = rows.communities[test]
    several = (communities != communities[0]).any()
    weights = cluster_weights(communities, draws=draws, seed=training.seed)
    point = float(scores(rows.truth[test], probabilities)["auc"][0])
    replicates = scores(rows.truth[test], probabilities, weights=weights)["auc"]
    # One community drawn again and again is no evidence of how far the value could move.
    return HeldOutAuc(point, replicates if several else np.full(draws, np.nan))


def _interval(point: float, replicates: NDArray[np.float64]) -> Interval:
    defined = replicates[~np.isnan(replicates)]
    if np.isnan(point) or len(defined) < DEFINED_SHARE * len(replicates):
        return Interval(value=None if np.isnan(point) else float(point))
    low, high = np.quantile(defined, [TAIL, 1 - TAIL])
    return Interval(value=float(point), low=float(low), high=float(high))
