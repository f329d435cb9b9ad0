"""Random forests (Breiman 2001), grown by LightGBM and kept as its text.

A forest of regression trees on the 0/1 of a class splits by variance, which for 0/1 is the Gini index, and its leaves
hold class shares: their average over the trees is the forest's probability. Two classes need one forest, more need
one each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from schemas.candidates import RandomForestSpec
from schemas.specs import TrainingSpec

if TYPE_CHECKING:
    import lightgbm

_TEXT = "forest{}.txt"


@dataclass(frozen=True)
class FittedForest:
    """One forest for two classes, otherwise one a class against the others.

    Attributes
    ----------
    counting : (classes,)
        How much a row of each class counted while the trees grew.
    """

    spec: RandomForestSpec
    forests: tuple[lightgbm.Booster, ...]
    counting: NDArray[np.float64]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return int(self.forests[0].num_feature())

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes): shares, each divided by how much its class counted, scaled to sum to 1.

        One tree that knows nothing is added to the others, so that no class is ever impossible.
        """
        rows, _ = design_matrix(graph, self.spec.features)
        shares = np.stack([np.asarray(forest.predict(rows, num_threads=1)) for forest in self.forests], axis=1)
        shares = np.clip(shares, 0.0, 1.0)
        if len(self.forests) == 1:
            shares = np.concatenate([1 - shares, shares], axis=1)
        weighed = (self.spec.trees * shares + 1 / shares.shape[1]) / (self.spec.trees + 1) / self.counting
        return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))

    def content(self) -> ModelContent:
        """Return the forests' texts and the class weights."""
        texts = {_TEXT.format(number): forest.model_to_string() for number, forest in enumerate(self.forests)}
        return ModelContent({"counting": self.counting}, texts)

    @classmethod
    def from_content(cls, spec: RandomForestSpec, content: ModelContent) -> FittedForest:
        """Rebuild a fitted model from its content."""
        import lightgbm

        texts = [content.texts[_TEXT.format(number)] for number in range(len(content.texts))]
        return cls(spec, tuple(lightgbm.Booster(model_str=text) for text in texts), content.tensors["counting"], {})


def fit_forest(spec: RandomForestSpec, data: FittingData) -> FittedForest:
    """Grow on development; a forest needs no stopping, so validation is not looked at."""
    import lightgbm

    inputs, _ = design_matrix(data.graph, spec.features)
    rows, truth = inputs[data.development], data.truth[data.development]
    counting = _counting(truth, data.classes) if spec.balanced else np.ones(data.classes)
    settings = _settings(spec, data.training, rows.shape[1])
    grown = [
        lightgbm.train(
            settings,
            lightgbm.Dataset(rows, (truth == one).astype(np.float64), weight=counting[truth]),
            num_boost_round=spec.trees,
        )
        for one in (range(data.classes) if data.classes > 2 else [1])
    ]
    # What is used now is what will be read back.
    forests = tuple(lightgbm.Booster(model_str=forest.model_to_string()) for forest in grown)
    return FittedForest(spec, forests, counting, {"trees": spec.trees * len(forests)})


def _counting(truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    counts = np.bincount(truth, minlength=classes)
    present = counts > 0
    return np.where(present, len(truth) / (present.sum() * np.maximum(counts, 1)), 1.0)


def _settings(spec: RandomForestSpec, training: TrainingSpec, columns: int) -> dict[str, Any]:
    share = spec.column_share if spec.column_share is not None else max(1.0, np.sqrt(columns)) / max(1, columns)
    return {
        "boosting": "rf",
        "objective": "regression",
        "num_leaves": spec.leaves,
        "min_data_in_leaf": spec.least_rows_a_leaf,
        "bagging_fraction": spec.row_share,
        "bagging_freq": 1,
        "feature_fraction_bynode": min(1.0, share),
        "seed": training.seed,
        "num_threads": training.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
