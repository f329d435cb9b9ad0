"""AutoGluon over LightGBM and CatBoost, with folds that hold whole communities together.

Hyperparameters are fixed and no time limit binds, so the same data gives the same model. AutoGluon
writes into a folder that the caller hands over; its own validation score is optimistic and never used.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fingerprint import canonical_bytes
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from schemas.candidates import AutoGluonSpec

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.tabular import TabularPredictor

_OUTCOME, _FOLD = "outcome", "fold"
#: development rows whose predictions identify the model
_PROBES = 512
#: predictions are compared to this many decimals
_DECIMALS = 10


@dataclass(frozen=True)
class FittedAutoGluon:
    """A predictor and the hash of its predictions on fixed rows, since its own files differ from run to run."""

    spec: AutoGluonSpec
    predictor: TabularPredictor
    columns: int
    classes: int
    digest: str
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return self.columns

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        rows, _ = design_matrix(graph, self.spec.features)
        return _predicted(self.predictor, rows, self.classes)

    def content(self) -> ModelContent:
        """Return the digest; the predictor's files are in the folder it was fitted in."""
        return ModelContent(
            texts={
                "autogluon.json": json.dumps({"columns": self.columns, "classes": self.classes, "digest": self.digest})
            },
            digest=self.digest,
        )

    @classmethod
    def from_folder(cls, spec: AutoGluonSpec, content: ModelContent, folder: str) -> FittedAutoGluon:
        """Load a predictor. Its files are pickles: the caller has checked their hashes before."""
        from autogluon.tabular import TabularPredictor

        kept = json.loads(content.texts["autogluon.json"])
        predictor = TabularPredictor.load(folder, verbosity=0)
        return cls(spec, predictor, kept["columns"], kept["classes"], kept["digest"], {})


def fit_autogluon(spec: AutoGluonSpec, data: FittingData) -> FittedAutoGluon:
    """Fit bagged LightGBM and CatBoost on development and weigh them by out-of-fold predictions."""
    from autogluon.tabular import TabularPredictor

    rows, _ = design_matrix(data.graph, spec.features)
    frame = _frame(rows[data.development])
    frame[_OUTCOME] = data.truth[data.development]
    frame[_FOLD] = community_folds(data.communities[data.development], spec.folds)
    predictor = TabularPredictor(
        label=_OUTCOME,
        problem_type="binary" if data.classes == 2 else "multiclass",
        eval_metric="log_loss",
        path=data.scratch,
        groups=_FOLD,
        verbosity=0,
    )
    predictor.fit(frame, **_settings(spec, data))
    predictor.save_space()  # drops the copy of the training data
    probes = rows[data.development][:_PROBES]
    shown = np.round(_predicted(predictor, probes, data.classes), _DECIMALS)
    digest = hashlib.sha256(canonical_bytes(shown)).hexdigest()
    return FittedAutoGluon(spec, predictor, rows.shape[1], data.classes, digest, {"folds": int(frame[_FOLD].nunique())})


def community_folds(communities: NDArray[np.str_], folds: int) -> NDArray[np.int64]:
    """Deal whole communities into folds of about equal size: the largest goes to the smallest fold."""
    names, members, sizes = np.unique(communities, return_inverse=True, return_counts=True)
    load = np.zeros(folds)
    fold = np.zeros(len(names), dtype=np.int64)
    for community in np.lexsort((names, -sizes)):
        fold[community] = int(load.argmin())
        load[fold[community]] += sizes[community]
    return fold[members]


def _settings(spec: AutoGluonSpec, data: FittingData) -> dict[str, Any]:
    cores = {"ag_args_fit": {"num_cpus": data.training.threads}}
    rate, seed = spec.learning_rate, data.training.seed
    return {
        "hyperparameters": {
            "GBM": {
                "num_boost_round": spec.rounds,
                "learning_rate": rate,
                "seed": seed,
                "deterministic": True,
                **cores,
            },
            "CAT": {"iterations": spec.rounds, "learning_rate": rate, "random_seed": seed, **cores},
        },
        "num_bag_folds": spec.folds,
        "num_bag_sets": 1,
        "num_stack_levels": 0,
        "dynamic_stacking": False,
        "num_cpus": data.training.threads,
        "num_gpus": 0,
        "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"},
    }


def _frame(rows: FloatMatrix) -> pd.DataFrame:
    import pandas as pd

    # Coded names: what firms or columns are called never reaches the library.
    return pd.DataFrame(rows, columns=[f"c{column}" for column in range(rows.shape[1])])


def _predicted(predictor: TabularPredictor, rows: FloatMatrix, classes: int) -> FloatMatrix:
    # AutoGluon knows the classes of development only; one that was absent there gets probability 0.
    frame = predictor.predict_proba(_frame(rows))
    probabilities = np.zeros((len(rows), classes))
    probabilities[:, [int(found) for found in frame.columns]] = frame.to_numpy()
    return probabilities
