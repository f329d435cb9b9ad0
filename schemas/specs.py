"""Frozen settings of graph, split, training and gates, as they stand in a portfolio file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.structure import EmbeddingSpec, Statistic
from schemas.terms import Scheme

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,119}$")]


class GraphSpec(Frozen):
    """How the corporate graph is put together and partitioned, and what is computed of each firm's place in it.

    `structure` and `embedding` are computed for each quarter's graph by itself and can be inputs of candidates.
    """

    community_resolution: Annotated[float, Field(gt=0)] = 1.0
    community_seed: int = 0
    allow_no_edges: bool = False
    structure: tuple[Statistic, ...] = ()
    embedding: EmbeddingSpec | None = None


class PublishedSplit(Frozen):
    """Which values of the split column mean which sample; other values leave the firm out."""

    development: tuple[str, ...]
    validation: tuple[str, ...]
    published_test: tuple[str, ...]


class SplitSpec(Frozen):
    """How firm-quarters are dealt into samples.

    Candidates are fitted once for each of `schemes`; the first one is primary: its models are
    scored, registered and judged, the others only add the samples they define.
    """

    schemes: tuple[Scheme, ...] = (Scheme.COMMUNITY,)
    development_vintages: Annotated[int, Field(ge=1)] = 4
    vintage_step: Annotated[int, Field(ge=1)] = 1
    validation_share: Share = 0.2
    out_of_community_share: Share = 0.2
    seed: int = 0
    published: PublishedSplit | None = None

    @model_validator(mode="after")
    def _complete(self) -> SplitSpec:
        if not self.schemes or len(set(self.schemes)) != len(self.schemes):
            raise ValueError(f"schemes must name one or more different schemes; found {list(self.schemes)}")
        if (Scheme.PUBLISHED in self.schemes) != (self.published is not None):
            raise ValueError(
                "`published` (which values of the split column mean which sample) and the scheme "
                "`published` go together: give both or neither"
            )
        if self.validation_share == 0:
            raise ValueError("validation_share must be more than 0: selection and early stopping need a sample")
        if self.validation_share + self.out_of_community_share >= 1:
            raise ValueError(
                "validation_share + out_of_community_share must lie between 0 and 1, so that some "
                f"communities are left for development; found {self.validation_share + self.out_of_community_share:g}"
            )
        return self


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
    """The limits that a refresh is judged by."""

    minimum_auc: Share = 0.6
    maximum_auc_drop: Share = 0.15
    maximum_leakage_gap: Share = 0.2
    minimum_impact_ratio: Share = 0.8
    least_group_size: Annotated[int, Field(ge=1)] = 30
    drifted_feature_share: Share = 0.1
    feature_drift_limit: Annotated[float, Field(gt=0)] = 0.1
    graph_drift_limit: Annotated[float, Field(gt=0)] = 0.1
    drift_rows: Annotated[int, Field(ge=100)] = 50_000
