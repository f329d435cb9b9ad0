"""Candidates over a table of inputs, one frozen spec a kind, and the groups of inputs they may ask for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.base import Frozen
from schemas.specs import Name
from schemas.terms import Family

_LANDMARKS = 1000


class Group(StrEnum):
    """A group of inputs. `structure`, `embedding` and `history` are what these settings of `graph` ask for."""

    OWN = "own"
    NEIGHBOUR = "neighbour"
    STRUCTURE = "structure"
    EMBEDDING = "embedding"
    HISTORY = "history"


def _with_own(value: Any) -> Any:
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list | tuple):
        return value
    return [Group.OWN, *sorted({str(name) for name in named} - {Group.OWN})]


#: Groups of inputs, ``own`` always among them; one name stands for itself and ``own``.
Groups = Annotated[tuple[Group, ...], BeforeValidator(_with_own)]


class Calibration(StrEnum):
    """How probabilities are put right on validation.

    `PLATT` moves and stretches the log-odds (Platt 1999), `BETA` may bend both ends differently (Kull, Silva Filho
    and Flach 2017), `ISOTONIC` takes any rising steps (Zadrozny and Elkan 2002), which ties firms.
    """

    NONE = "none"
    PLATT = "platt"
    ISOTONIC = "isotonic"
    BETA = "beta"


class Candidate(Frozen):
    """What all candidates have."""

    name: Name


class OrderedCandidate(Candidate):
    """A candidate that can use the order and the grades of the classes, and have its probabilities calibrated.

    `ordered` learns the probabilities of going beyond each class for the firms that got there (continuation
    ratios), so that probabilities of lying above a class never cross. `grades` learns the finer grades of
    `target.grades` instead of the classes; a class is as probable as its grades together. `calibration` is fitted on
    validation, by itself under each scheme; more than two classes are taken one against the others and scaled to
    sum to 1.
    """

    ordered: bool = False
    grades: bool = False
    calibration: Calibration = Calibration.NONE


class Tabular(OrderedCandidate):
    """A candidate over a table: own features, and the groups of `features` beside them."""

    features: Groups = (Group.OWN,)

    @property
    def family(self) -> Family:
        """Tabular on a firm's own features and its past, neighbour once anything of the graph joins them."""
        return Family.TABULAR if {*self.features} <= {Group.OWN, Group.HISTORY} else Family.NEIGHBOUR


class StandardisedInputs(Candidate):
    """A candidate that needs comparable inputs: missing values filled, mean 0 and deviation 1.

    `log_inputs` does so with sign(x) log(1 + |x|) in the place of each input x, for counts and amounts whose tails are
    heavy. Trees, which see the order of values alone, have no use for it.
    """

    log_inputs: bool = False


class LogisticSpec(Tabular, StandardisedInputs):
    """Regularised logistic regression; `inverse_penalty` is scikit-learn's C."""

    kind: Literal["logistic"]
    inverse_penalty: Annotated[float, Field(gt=0)] = 0.1


class LightGBMSpec(Tabular):
    """Gradient-boosted trees, stopped early on the validation sample.

    With `half_life_quarters` a firm-quarter of development counts half as much for so many quarters that its vintage is
    older than the newest one; without, all vintages count alike.
    """

    kind: Literal["lightgbm"]
    rounds: Annotated[int, Field(ge=1)] = 400
    patience: Annotated[int, Field(ge=1)] = 40
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    leaves: Annotated[int, Field(ge=2)] = 15
    least_rows_a_leaf: Annotated[int, Field(ge=1)] = 40
    column_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    row_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    penalty: Annotated[float, Field(ge=0)] = 1.0
    half_life_quarters: Annotated[float, Field(gt=0)] | None = None


class SvmSpec(Tabular, StandardisedInputs):
    """A support vector machine with squared hinge loss, `inverse_penalty` its C.

    The kernel is linear, or exp(-gamma |x - x'|^2) with gamma 1 / inputs by default. Beyond `landmarks` development
    rows the rbf kernel is seen through that many of them (Nyström), which bounds memory and time. Probabilities are
    Platt's, from margins of rows whose fold of communities was left out of the fit. `balanced` lets classes count
    alike.
    """

    kind: Literal["svm"]
    kernel: Literal["linear", "rbf"] = "rbf"
    inverse_penalty: Annotated[float, Field(gt=0)] = 0.1
    gamma: Annotated[float, Field(gt=0)] | None = None
    landmarks: Annotated[int, Field(ge=1, le=20_000)] = _LANDMARKS
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    balanced: bool = False

    @model_validator(mode="after")
    def _possible(self) -> SvmSpec:
        if self.kernel == "linear" and (self.gamma is not None or self.landmarks != _LANDMARKS):
            raise ValueError("`gamma` and `landmarks` shape the rbf kernel; the linear one has neither")
        return self


class RandomForestSpec(Tabular):
    """A random forest: trees on bootstrap-like shares of the rows, averaged class shares of their leaves.

    `column_share` of the columns is tried at each split, the square root of their number by default.
    `balanced` finds splits as if all classes were equally frequent; the leaves hold the shares that were observed.
    """

    kind: Literal["random_forest"]
    trees: Annotated[int, Field(ge=1)] = 200
    leaves: Annotated[int, Field(ge=2)] = 128
    least_rows_a_leaf: Annotated[int, Field(ge=1)] = 5
    row_share: Annotated[float, Field(gt=0, lt=1)] = 0.632
    column_share: Annotated[float, Field(gt=0, le=1)] | None = None
    balanced: bool = False


class AutoGluonSpec(Tabular):
    """AutoGluon over LightGBM and CatBoost; its folds hold whole communities together.

    `rounds` and fixed hyperparameters bound the work instead of a time limit, because two fits
    under a binding time limit differ.
    """

    kind: Literal["autogluon"]
    folds: Annotated[int, Field(ge=2, le=10)] = 3
    rounds: Annotated[int, Field(ge=1)] = 200
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.06
