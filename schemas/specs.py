"""Frozen settings of graph, training, evaluation and gates, as they stand in a portfolio file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

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


class StabilitySpec(Frozen):
    """How it is measured whether a few changed edges turn a firm's class (`models.edge_stability`).

    Attributes
    ----------
    firms
        How many firms of the quarter are drawn; no more than 4 % of them, in small graphs 20, where scores depend on
        others' edges too, since these firms are changed together.
    changes
        Numbers of edges that are changed together, rising from 1, which is what the gate judges.
    draws
        How often each number of edges is drawn, for each way of changing them at random.
    moves
        Single changes that the search for the worst case tries on each firm: half of them additions where a firm has
        as many edges to remove. Every removal is tried where a score depends on a firm's own edges alone.
    segment
        A category, of firms or filings, that firms are told apart by; without it thirds of the scores.
    """

    firms: Annotated[int, Field(ge=1, le=10_000)] = 100
    changes: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (1, 2, 5)
    draws: Annotated[int, Field(ge=1, le=100)] = 2
    moves: Annotated[int, Field(ge=2, le=1000)] = 16
    segment: Name | None = None
    seed: int = 0

    @field_validator("changes")
    @classmethod
    def _rising_from_one(cls, changes: tuple[int, ...]) -> tuple[int, ...]:
        if not changes or changes[0] != 1 or list(changes) != sorted(set(changes)):
            raise ValueError(f"`changes` rises from 1, such as 1, 2, 5; found {', '.join(map(str, changes)) or 'none'}")
        return changes


class GatesSpec(Frozen):
    """The limits that a refresh is judged by.

    Attributes
    ----------
    least_group_size, least_group_outcomes
        Groups of firms are judged for fairness from so many firms on; where outcomes are looked at, the group also
        needs so many of each kind that the statistic counts. Smaller ones are counted and named.
    score_drift_limit
        On the population stability index of the scores, while there are too few earlier quarters for a limit from them;
        .25 is the customary mark.
    baseline_quarters
        How many earlier published quarters a statistic needs before its limit comes from them. Until then columns and
        the shape of the graph are held against the fixed limits of drift.
    false_alarm_rate
        The chance, a quarter and kind of alarm, that an ordinary quarter rings: what the limits that come from earlier
        quarters are set for, shared out among the statistics (Bonferroni).
    maximum_flip_share
        Largest share of firms whose class one edge may change in the worst case that a search finds.
    """

    minimum_auc: Share = 0.6
    maximum_auc_drop: Share = 0.15
    maximum_leakage_gap: Share = 0.2
    maximum_calibration_gap: Share = 0.05
    minimum_impact_ratio: Share = 0.8
    maximum_flip_share: Share = 0.25
    least_group_size: Annotated[int, Field(ge=1)] = 30
    least_group_outcomes: Annotated[int, Field(ge=1)] = 10
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
