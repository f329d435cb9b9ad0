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
    shares : (forests,)
        Share of each forest's class in development: trees hold differences from it, since LightGBM gives 0 to a tree
        that finds no split.
    """

    spec: RandomForestSpec
    forests: tuple[lightgbm.Booster, ...]
    shares: NDArray[np.float64]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return int(self.forests[0].num_feature())

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes): mean shares of the leaves, scaled to sum to 1.

        One tree that knows nothing is added to the others, so that no class is ever impossible.
        """
        rows, _ = design_matrix(graph, self.spec.features)
        moved = np.stack([np.asarray(forest.predict(rows, num_threads=1)) for forest in self.forests], axis=1)
        found = np.clip(self.shares + moved, 0.0, 1.0)
        if len(self.forests) == 1:
            found = np.concatenate([1 - found, found], axis=1)
        found = self.spec.trees * found + 1 / found.shape[1]
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def content(self) -> ModelContent:
        """Return the forests' texts and the class shares."""
        texts = {_TEXT.format(number): forest.model_to_string() for number, forest in enumerate(self.forests)}
        return ModelContent({"shares": self.shares}, texts)

    @classmethod
    def from_content(cls, spec: RandomForestSpec, content: ModelContent) -> FittedForest:
        """Rebuild a fitted model from its content."""
        import lightgbm

        texts = [content.texts[_TEXT.format(number)] for number in range(len(content.texts))]
        return cls(spec, tuple(lightgbm.Booster(model_str=text) for text in texts), content.tensors["shares"], {})


def fit_forest(spec: RandomForestSpec, data: FittingData) -> FittedForest:
    """Grow on development; a forest needs no stopping, so validation is not looked at."""
    import lightgbm

    inputs, _ = design_matrix(data.graph, spec.features)
    rows, truth = inputs[data.development], data.truth[data.development]
    counting = _counting(truth, data.classes) if spec.balanced else None
    settings = _settings(spec, data.training, rows.shape[1])
    forests, shares = [], []
    for one in range(data.classes) if data.classes > 2 else [1]:
        positive = (truth == one).astype(np.float64)
        shares.append(positive.mean())
        weights = None if counting is None else counting[truth]
        forest = lightgbm.train(settings, lightgbm.Dataset(rows, positive - shares[-1], weight=weights), spec.trees)
        if spec.balanced:
            _observe(forest, rows, positive - shares[-1])
        # What is used now is what will be read back.
        forests.append(lightgbm.Booster(model_str=forest.model_to_string()))
    return FittedForest(spec, tuple(forests), np.array(shares), {"trees": spec.trees * len(forests)})


def _counting(truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    counts = np.bincount(truth, minlength=classes)
    return np.asarray(len(truth) / ((counts > 0).sum() * np.maximum(counts, 1)))


def _observe(forest: lightgbm.Booster, rows: FloatMatrix, target: NDArray[np.float64]) -> None:
    """Put the plain mean of the target into each leaf: weights have chosen the splits and are not to bend shares."""
    leaves = np.asarray(forest.predict(rows, pred_leaf=True, num_threads=1), dtype=np.int64)
    for tree in range(leaves.shape[1]):
        counts = np.bincount(leaves[:, tree])
        sums = np.bincount(leaves[:, tree], weights=target)
        for leaf in np.flatnonzero(counts).tolist():
            forest.set_leaf_output(tree, leaf, float(sums[leaf] / counts[leaf]))


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
