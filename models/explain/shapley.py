"""SHAP values of candidates over a table: what each input adds to the log-odds, from the firms' average to this one.

Boosted trees: exact, by LightGBM's own TreeSHAP (Lundberg and others 2020, "From local explanations to global
understanding with explainable AI for trees"). Logistic regression of two classes: exact, w_i (z_i - mean z_i), for
inputs taken as independent (Lundberg and Lee 2017, arXiv:1705.07874, corollary 1). Anything else: sampled over orders
and background firms (Strumbelj and Kononenko 2014, "Explaining prediction models and individual predictions with
feature contributions", algorithm 2), antithetic, so that each order is also walked backwards.
"""

from __future__ import annotations

import numpy as np

from models.boosting import FittedBoosting
from models.explain.attribution import Attribution, FloatVector, Method, attribution
from models.explain.tables import ExplainedRow, OpenedTable
from models.logistic import FittedLogistic

#: rows that are scored at a time
_ROWS_A_PASS = 4096


def shap_values(explained: ExplainedRow, *, orders: int = 64, seed: int = 0) -> Attribution:
    """Return signed weights of the inputs, in log-odds, and in the notes the `baseline` they start from.

    Weights and baseline add up to the score.

    Parameters
    ----------
    orders
        Orders of the inputs that are drawn where the values are sampled; no effect where they are exact. The note
        `way` says which it was.
    """
    opened = explained.opened
    fitted, second = opened.fitted, opened.adverse == (1,)
    score = float(explained.log_odds()[0])
    if isinstance(fitted, FittedBoosting) and fitted.classes == 2 and len(opened.adverse) == 1:
        found = np.asarray(fitted.booster.predict(explained.inputs[None, :], pred_contrib=True, num_threads=1))[0]
        found = found if second else -found
        weights, baseline, way = found[:-1], float(found[-1]), "TreeSHAP"
    elif isinstance(fitted, FittedLogistic) and fitted.weights.shape[1] == 2 and len(opened.adverse) == 1:
        weights = _linear(explained, fitted)
        baseline, way = score - float(weights.sum()), "linear"
    else:
        weights = _sampled(explained, orders, seed)
        baseline, way = score - float(weights.sum()), f"{orders} sampled orders"
    told = attribution(explained, Method.SHAP, log_odds=score, signed=True, features=weights)
    return told.noted(baseline=baseline, way=way)


def _linear(explained: ExplainedRow, fitted: FittedLogistic) -> FloatVector:
    """Return w (z - mean z) of each input; that of a flag of missing values goes to the input that was missing."""
    opened = explained.opened
    adverse = opened.adverse[0]
    slope = fitted.weights[:, adverse] - fitted.weights[:, 1 - adverse]
    away = fitted.scaling.applied(explained.inputs[None, :])[0] - fitted.scaling.applied(opened.rows).mean(axis=0)
    by_column = slope * away
    inputs = len(explained.inputs)
    found = by_column[:inputs].copy()
    np.add.at(found, fitted.scaling.flagged, by_column[inputs:])
    return np.asarray(found)


def _sampled(explained: ExplainedRow, orders: int, seed: int) -> FloatVector:
    """Return the mean change when an input becomes the firm's, after those before it in an order did."""
    opened, rng = explained.opened, np.random.default_rng(seed)
    inputs, width = explained.inputs, len(explained.inputs)
    found, pairs = np.zeros(width), max(1, orders // 2)
    for _ in range(pairs):
        order = rng.permutation(width)
        background = opened.rows[rng.integers(len(opened.rows))]
        for walked in (order, order[::-1]):
            steps = np.repeat(background[None, :], width + 1, axis=0)
            for place, column in enumerate(walked.tolist(), start=1):
                steps[place:, column] = inputs[column]
            found[walked] += np.diff(_scored(opened, steps))
    return found / (2 * pairs)


def _scored(opened: OpenedTable, rows: np.ndarray) -> FloatVector:
    return np.concatenate(
        [opened.log_odds_of(rows[start : start + _ROWS_A_PASS]) for start in range(0, len(rows), _ROWS_A_PASS)]
    )
