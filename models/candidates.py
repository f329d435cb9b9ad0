"""From a candidate's settings to a fitted model, and back from what was kept of it."""

from __future__ import annotations

from models.automl import FittedAutoGluon, fit_autogluon
from models.boosting import FittedBoosting, fit_boosting
from models.fitted import Fitted, FittingData, ModelContent
from models.logistic import FittedLogistic, fit_logistic
from schemas.candidates import AutoGluonSpec, CandidateSpec, LightGBMSpec, LogisticSpec, NetworkSpec


def fitted_candidate(spec: CandidateSpec, data: FittingData) -> Fitted:
    """Fit one candidate on what it may see."""
    match spec:
        case LogisticSpec():
            return fit_logistic(spec, data)
        case LightGBMSpec():
            return fit_boosting(spec, data)
        case AutoGluonSpec():
            return fit_autogluon(spec, data)
        case NetworkSpec():
            from models.fitting import fit_gnn  # imports torch, which the others can do without

            return fit_gnn(spec, data)


def restored_candidate(spec: CandidateSpec, content: ModelContent, folder: str) -> Fitted:
    """Rebuild a fitted candidate; every file was checked against its hash before.

    Parameters
    ----------
    folder
        Where AutoGluon's own files are; the other kinds do not use it.
    """
    match spec:
        case LogisticSpec():
            return FittedLogistic.from_content(spec, content)
        case LightGBMSpec():
            return FittedBoosting.from_content(spec, content)
        case AutoGluonSpec():
            return FittedAutoGluon.from_folder(spec, content, folder)
        case NetworkSpec():
            from models.fitting import FittedGnn

            return FittedGnn.from_content(spec, content)
