"""From a candidate's settings to a fitted model, and back from what was kept of it."""

from __future__ import annotations

from models.automl import FittedAutoGluon, fit_autogluon
from models.boosting import FittedBoosting, fit_boosting
from models.calibrated import FittedCalibrated, fit_calibrated
from models.correct_and_smooth import FittedCorrectAndSmooth
from models.fitted import Fitted, FittingData, ModelContent
from models.forest import FittedForest, fit_forest
from models.graded import FittedGraded, fit_graded, on_classes
from models.graph_kernel import FittedGraphKernel, fit_graph_kernel
from models.kriging import FittedKriging, fit_kriging
from models.label_inputs import KnownOutcomes
from models.label_propagation import FittedLabelPropagation, fit_label_propagation, shown_share
from models.logistic import FittedLogistic, fit_logistic
from models.ordered import FittedOrdered, fit_ordered, without_prefix
from models.svm import FittedSvm, fit_svm
from schemas.candidates import (
    AutoGluonSpec,
    CorrectAndSmoothSpec,
    GraphKernelSpec,
    KrigingSpec,
    LabelPropagationSpec,
    LightGBMSpec,
    LogisticSpec,
    NetworkSpec,
    RandomForestSpec,
    SingleSpec,
    SvmSpec,
)
from schemas.tabular import Calibration


def fitted_candidate(spec: SingleSpec, data: FittingData) -> Fitted:  # noqa: PLR0911, PLR0912 - one case a kind
    """Fit one candidate on what it may see."""
    if spec.calibration is not Calibration.NONE:
        return fit_calibrated(spec, data, fitted_candidate)
    if spec.grades:
        return fit_graded(spec, data, fitted_candidate)
    if spec.ordered and not isinstance(spec, NetworkSpec):  # networks order the classes of their outputs
        return fit_ordered(spec, data, fitted_candidate)
    match spec:
        case LogisticSpec():
            return fit_logistic(spec, data)
        case SvmSpec():
            return fit_svm(spec, data)
        case RandomForestSpec():
            return fit_forest(spec, data)
        case LightGBMSpec():
            return fit_boosting(spec, data)
        case AutoGluonSpec():
            return fit_autogluon(spec, data)
        case LabelPropagationSpec():
            return fit_label_propagation(spec, data)
        case CorrectAndSmoothSpec():
            base = fitted_candidate(spec.base, data)
            return FittedCorrectAndSmooth(spec, base, KnownOutcomes.of(data, shown_share(spec.folds)), base.notes)
        case GraphKernelSpec():
            return fit_graph_kernel(spec, data)
        case KrigingSpec():
            return fit_kriging(spec, data)
        case NetworkSpec():
            from models.fitting import fit_gnn  # imports torch, which the others can do without

            return fit_gnn(spec, data)


def restored_candidate(  # noqa: PLR0911, PLR0912 - one case a kind
    spec: SingleSpec, content: ModelContent, folder: str
) -> Fitted:
    """Rebuild a fitted candidate; every file was checked against its hash before.

    Parameters
    ----------
    folder
        Where AutoGluon's own files are; the other kinds do not use it.
    """
    if spec.calibration is not Calibration.NONE:
        plain = spec.model_copy(update={"calibration": Calibration.NONE})
        return FittedCalibrated.from_content(content, lambda base: restored_candidate(plain, base, folder))
    if spec.grades:
        return FittedGraded.from_content(content, lambda inner: restored_candidate(on_classes(spec), inner, folder))
    if spec.ordered and not isinstance(spec, NetworkSpec):
        single = spec.model_copy(update={"ordered": False})
        return FittedOrdered.from_content(
            content, lambda step, name: restored_candidate(single, step, f"{folder}/{name}")
        )
    match spec:
        case LogisticSpec():
            return FittedLogistic.from_content(spec, content)
        case SvmSpec():
            return FittedSvm.from_content(spec, content)
        case RandomForestSpec():
            return FittedForest.from_content(spec, content)
        case LightGBMSpec():
            return FittedBoosting.from_content(spec, content)
        case AutoGluonSpec():
            return FittedAutoGluon.from_folder(spec, content, folder)
        case LabelPropagationSpec():
            return FittedLabelPropagation.from_content(spec, content)
        case CorrectAndSmoothSpec():
            base = restored_candidate(spec.base, without_prefix(content, "base"), folder)
            return FittedCorrectAndSmooth(spec, base, KnownOutcomes.from_texts(content.texts), {})
        case GraphKernelSpec():
            return FittedGraphKernel.from_content(spec, content)
        case KrigingSpec():
            return FittedKriging.from_content(spec, content)
        case NetworkSpec():
            from models.fitting import FittedGnn

            return FittedGnn.from_content(spec, content)
