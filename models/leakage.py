"""How much of a measured performance comes from looking at neighbours of the test firms.

A fixed cheap model is fitted twice on the same rows: once with random firms held out, once with whole
communities. If the random split looks better, a random split would have flattered every candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.yardstick import Holdout, YardstickRows, held_out_auc, yardstick_features
from schemas.results import Interval
from schemas.specs import TrainingSpec


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
    share = rows.held_communities[rows.usable].mean()
    firms = np.unique(rows.firms[rows.usable])
    rng = np.random.default_rng(training.seed)
    held = rng.permutation(firms)[: max(1, round(share * len(firms)))]
    at_random = np.isin(rows.firms, held)
    evidence = YardstickRows(yardstick_features(rows.graph), rows.truth, rows.communities)
    measured = [
        held_out_auc(evidence, [Holdout(rows.usable & ~test, rows.usable & test)], training=training, draws=draws)
        for test in (at_random, rows.held_communities)
    ]
    return measured[0].minus(measured[1])
