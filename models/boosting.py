"""LightGBM: gradient-boosted trees, stopped early on the validation sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix, knowledge_dates
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from schemas.candidates import LightGBMSpec
from schemas.specs import TrainingSpec

if TYPE_CHECKING:
    import lightgbm

_TEXT = "booster.txt"


@dataclass(frozen=True)
class FittedBoosting:
    """A booster, kept as LightGBM's own text format, which holds numbers and no code."""

    spec: LightGBMSpec
    booster: lightgbm.Booster
    classes: int
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return int(self.booster.num_feature())

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        rows, _ = design_matrix(graph, self.spec.features)
        predicted = np.asarray(self.booster.predict(rows, num_threads=1))
        return np.stack([1 - predicted, predicted], axis=1) if self.classes == 2 else predicted

    def content(self) -> ModelContent:
        """Return the booster's text."""
        return ModelContent(texts={_TEXT: self.booster.model_to_string()})

    @classmethod
    def from_content(cls, spec: LightGBMSpec, content: ModelContent) -> FittedBoosting:
        """Rebuild a fitted model from its content."""
        import lightgbm

        booster = lightgbm.Booster(model_str=content.texts[_TEXT])
        return cls(spec, booster, max(2, booster.num_model_per_iteration()), {})


def fit_boosting(spec: LightGBMSpec, data: FittingData) -> FittedBoosting:
    """Fit on development and keep the round with the least validation loss; all rounds where there is no validation."""
    import lightgbm

    rows, _ = design_matrix(data.graph, spec.features)
    settings = _settings(spec, data.training, data.classes)
    weights = None
    if spec.half_life_quarters is not None:
        weights = recency_weights(knowledge_dates(data.graph)[data.development], spec.half_life_quarters)
    development = lightgbm.Dataset(rows[data.development], data.truth[data.development], weight=weights)
    validation = lightgbm.Dataset(rows[data.validation], data.truth[data.validation], reference=development)
    # A step between ordered classes may be one that no firm of validation ever reached.
    watched = data.validation.any()
    booster = lightgbm.train(
        settings,
        development,
        num_boost_round=spec.rounds,
        valid_sets=[validation] if watched else [],
        callbacks=[lightgbm.early_stopping(spec.patience, verbose=False)] if watched else [],
    )
    best = booster.best_iteration if watched else spec.rounds
    kept = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    return FittedBoosting(spec, kept, data.classes, {"best round": best})


def recency_weights(days: NDArray[np.datetime64], half_life_quarters: float) -> NDArray[np.float64]:
    """Return each firm-quarter's weight, of mean 1: halved for every half-life that it is older than the newest."""
    months = days.astype("datetime64[M]").astype(np.int64)
    weights = 0.5 ** ((months.max(initial=0) - months) / 3 / half_life_quarters)
    return np.asarray(weights / weights.mean())


def _settings(spec: LightGBMSpec, training: TrainingSpec, classes: int) -> dict[str, Any]:
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    return {
        **objective,
        "learning_rate": spec.learning_rate,
        "num_leaves": spec.leaves,
        "min_data_in_leaf": spec.least_rows_a_leaf,
        "feature_fraction": spec.column_share,
        "bagging_fraction": spec.row_share,
        "bagging_freq": 1,
        "lambda_l2": spec.penalty,
        "seed": training.seed,
        "num_threads": training.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
