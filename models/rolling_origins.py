"""Rolling origins: whether the same recipe would have worked at earlier dates (Tashman 2000).

At each origin a fixed cheap model learns from the vintages whose outcomes were known then and is tested on the
vintage observed then. A single out-of-time sample may be a lucky year; several show how much years differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.panel import UNKNOWN, Panel
from models.vintages import Window
from models.yardstick import Holdout, YardstickRows, held_out_auc
from schemas.results import OriginResult
from schemas.specs import TrainingSpec


def rolling_origin_results(
    rows: Panel, evidence: YardstickRows, windows: Sequence[Window], training: TrainingSpec, *, draws: int
) -> tuple[OriginResult, ...]:
    """Measure the fixed cheap model at each origin, in the order of `windows`; rows of `evidence` are the panel's."""
    known = rows.truth != UNKNOWN
    found = []
    for window in windows:
        fit = known & np.isin(rows.quarters, [str(vintage) for vintage in window.learnt])
        test = known & np.isin(rows.quarters, [str(vintage) for vintage in window.judged])
        auc = held_out_auc(evidence, [Holdout(fit, test)], training=training, draws=draws).interval()
        found.append(
            OriginResult(
                origin=window.judged[-1],
                learnt_from=window.learnt,
                fitted=int(fit.sum()),
                tested=int(test.sum()),
                auc=auc,
            )
        )
    return tuple(found)
