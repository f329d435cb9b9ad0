"""Frozen settings of graph, training, evaluation and gates, as they stand in a portfolio file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Frozen
from schemas.history import HistorySpec
from schemas.structure import EmbeddingSpec, Statistic

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,119}$")]


class GraphSpec(Frozen):
    """How the corporate graph is put together and partitioned, and what is computed of each firm's place in it.

    `structure` and `embedding` are computed for each quarter's graph by itself and can be inputs of candidates, as can
    `history`, what was known then of each firm's past.
    """

    community_resolution: Annotated[float, Field(gt=0)] = 1.0
    community_seed: int = 0
    allow_no_edges: bool = False
    structure: tuple[Statistic, ...] = ()
    embedding: EmbeddingSpec | None = None
    history: HistorySpec | None = None


class TrainingSpec(Frozen):
    """What is common to all fits; the same seed and threads give the same bits."""

    seed: int = 0
    threads: Annotated[int, Field(ge=1, le=64)] = 2


class EvaluationSpec(Frozen):
    """How candidates are measured.

    `threshold` is the cut-off on the positive class: a number, or `f1_on_validation`, which
    picks the one with the best F1 on the validation sample.
    """

    threshold: Share | Literal["f1_on_validation"] = 0.5
    bootstrap_draws: Annotated[int, Field(ge=20)] = 400
    seed: int = 0


class GatesSpec(Frozen):
    """The limits that a refresh is judged by.

    Attributes
    ----------
    score_drift_limit
        On the population stability index of the scores, while there are too few earlier quarters for a limit from them;
        .25 is the customary mark.
    baseline_quarters
        How many earlier published quarters a statistic needs before its limit comes from them. Until then columns and
        the shape of the graph are held against the fixed limits of drift.
    false_alarm_rate
        The chance, a quarter and kind of alarm, that an ordinary quarter rings: what the limits that come from earlier
        quarters are set for, shared out among the statistics (Bonferroni).
    """

    minimum_auc: Share = 0.6
    maximum_auc_drop: Share = 0.15
    maximum_leakage_gap: Share = 0.2
    maximum_calibration_gap: Share = 0.05
    minimum_impact_ratio: Share = 0.8
    least_group_size: Annotated[int, Field(ge=1)] = 30
    drifted_feature_share: Share = 0.1
    feature_drift_limit: Annotated[float, Field(gt=0)] = 0.1
    graph_drift_limit: Annotated[float, Field(gt=0)] = 0.1
    score_drift_limit: Annotated[float, Field(gt=0)] = 0.25
    drift_rows: Annotated[int, Field(ge=100)] = 50_000
    baseline_quarters: Annotated[int, Field(ge=4)] = 6
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01


class RetrainingSpec(Frozen):
    """How often drift may start a refresh of its own.

    `cool_down_days` is the least time between two of them, `budget_per_quarter` how many there may be in a calendar
    quarter; with 0 drift is only reported. Both count what drift asked for, whatever came of it.
    """

    cool_down_days: Annotated[float, Field(ge=0)] = 7.0
    budget_per_quarter: Annotated[int, Field(ge=0)] = 2
