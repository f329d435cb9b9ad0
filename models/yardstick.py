"""A fixed cheap model that splits are measured with: the same for every split, so that only the split differs.

A hundred small boosted trees on own and neighbours' features, without any tuning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class Holdout(NamedTuple):
    """Rows to fit on and rows to test on; (n,) bool each."""

    fit: NDArray[np.bool_]
    test: NDArray[np.bool_]


@dataclass(frozen=True)
class HeldOutAuc:
    """The mean AUC over hold-outs, in [0, 1] or NaN, and its (draws,) cluster-bootstrap replicates."""

    point: float
    replicates: NDArray[np.float64]

    def interval(self) -> Interval:
        """Return the AUC with its 95 % percentile interval."""
        return _interval(self.point, self.replicates)

    def minus(self, other: HeldOutAuc) -> Interval:
        """Return this AUC minus another.

        Where both test the same communities, the same ones were drawn for both; otherwise the two test samples
        are taken as independent.
        """
        return _interval(self.point - other.point, self.replicates - other.replicates)


def yardstick_features(graph: CorporateGraph) -> FloatMatrix:
    """Return the model's inputs, (n, k): own features and those of related firms."""
    return design_matrix(graph, (Group.OWN, Group.NEIGHBOUR))[0]


def held_out_auc(rows: YardstickRows, holdouts: Sequence[Holdout], *, training: TrainingSpec, draws: int) -> HeldOutAuc:
    """Fit and measure at each hold-out and average; NaN if no hold-out has both classes to fit on and to test.

    The replicates draw communities among those of all test rows at once: a fold of one large community says
    nothing by itself of how far its AUC could move.
    """
    tested = np.logical_or.reduce([holdout.test for holdout in holdouts])
    points: list[float] = []
    replicates = [np.full(draws, np.nan)]
    if tested.any():
        names = np.unique(rows.communities[tested])
        weights = cluster_weights(names, draws=draws, seed=training.seed)
        for holdout in holdouts:
            probabilities = _probabilities(rows, holdout, training)
            if probabilities is None:
                continue
            truth = rows.truth[holdout.test]
            points.append(float(scores(truth, probabilities)["auc"][0]))
            # One community drawn again and again is no evidence of how far the value could move.
            if len(names) > 1:
                own = weights[:, np.searchsorted(names, rows.communities[holdout.test])]
                replicates.append(scores(truth, probabilities, weights=own)["auc"])
    point = _mean(np.array([[math.nan, *points]]))[0]
    return HeldOutAuc(float(point), _mean(np.stack(replicates, axis=1)))


def _probabilities(rows: YardstickRows, holdout: Holdout, training: TrainingSpec) -> FloatMatrix | None:
    import lightgbm

    fit, test = holdout
    if not test.any() or len(np.unique(rows.truth[fit])) < 2:
        return None
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
    return np.stack([1 - predicted, predicted], axis=1) if classes == 2 else predicted


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the defined values along the last axis; NaN where none is."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    mean: NDArray[np.float64] = np.full(values.shape[:-1], np.nan)
    np.divide(total, defined.sum(axis=-1), out=mean, where=defined.any(axis=-1))
    return mean


def _interval(point: float, replicates: NDArray[np.float64]) -> Interval:
    defined = replicates[~np.isnan(replicates)]
    if np.isnan(point) or len(defined) < DEFINED_SHARE * len(replicates):
        return Interval(value=None if np.isnan(point) else float(point))
    low, high = np.quantile(defined, [TAIL, 1 - TAIL])
    return Interval(value=float(point), low=float(low), high=float(high))
