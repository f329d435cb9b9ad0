"""Candidates that use the graph without a neural network, and the ensemble of other candidates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.specs import Name
from schemas.tabular import (
    Calibration,
    Candidate,
    Group,
    Groups,
    LightGBMSpec,
    LogisticSpec,
    OrderedCandidate,
    RandomForestSpec,
    StandardisedInputs,
    SvmSpec,
)
from schemas.terms import Family


class _GraphMethod(OrderedCandidate):
    """A method without a network whose inputs include the graph."""

    @property
    def family(self) -> Family:
        """It knows of a firm what its neighbours tell."""
        return Family.NEIGHBOUR


class _Spreading(_GraphMethod):
    """A method that spreads something over the graph until it moves less than `tolerance` or for `iterations`.

    `relations` names the relations it spreads over, each with how much it counts, by the weights of its edges; without
    it, firms with any relation are one step apart and all steps count alike. The firms with a known outcome are
    dealt into `folds`; a firm is asked about while the outcomes of its fold are hidden.
    """

    relations: dict[Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    iterations: Annotated[int, Field(ge=1)] = 50
    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    folds: Annotated[int, Field(ge=2, le=100)] = 10


class LabelPropagationSpec(_Spreading):
    """Outcomes spread from firms where they are known; features are not looked at.

    `alpha` is how much of what a firm holds comes from its partners. `clamped` holds known outcomes fast (Zhu and
    Ghahramani 2002); otherwise they too give way to their partners (Zhou and others 2004). `prior` is how much the
    class shares of development weigh beside what arrives.
    """

    kind: Literal["label_propagation"]
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.9
    clamped: bool = False
    prior: Annotated[float, Field(gt=0)] = 0.1

    @model_validator(mode="after")
    def _possible(self) -> LabelPropagationSpec:
        if self.alpha == 1 and not self.clamped:
            raise ValueError("with `alpha: 1` known outcomes count only when `clamped`; take less than 1, or clamp")
        return self


def _named(value: Any) -> Any:
    return {"name": "base", **value} if isinstance(value, dict) else value


#: A tabular candidate that another one is built on; it needs no name of its own.
BaseSpec = Annotated[
    LogisticSpec | SvmSpec | RandomForestSpec | LightGBMSpec,
    Field(discriminator="kind"),
    BeforeValidator(_named),
]


class CorrectAndSmoothSpec(_Spreading):
    """A tabular base whose errors, then whose predictions, are spread over the graph (Huang and others 2021).

    `correction` and `smoothing` are how much comes from partners in the two steps; 0 leaves the step out. `rescaled`
    makes a spread error as large as errors are on average, since spreading shrinks it.
    """

    kind: Literal["correct_and_smooth"]
    base: BaseSpec
    correction: Annotated[float, Field(ge=0, lt=1)] = 0.8
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.8
    rescaled: bool = True

    @field_validator("base")
    @classmethod
    def _plain(cls, base: BaseSpec) -> BaseSpec:
        if base.ordered or base.grades or base.calibration is not Calibration.NONE:
            raise ValueError("`ordered`, `grades` and `calibration` belong to the candidate itself, not to its base")
        return base


class GraphKernelSpec(_GraphMethod, StandardisedInputs):
    """A kernel machine on who is related to the same firms.

    The kernel is cos(a, a')^power + feature_weight * exp(-gamma |x - x'|^2), with a the firms a firm is related to,
    x its inputs and gamma 1 / inputs by default. Beyond `landmarks` development rows it is seen through that many of
    them (Nyström). Probabilities are Platt's over `folds` of communities; `inverse_penalty` is C.
    """

    kind: Literal["graph_kernel"]
    features: Groups = (Group.OWN,)
    power: Annotated[int, Field(ge=1, le=8)] = 2
    feature_weight: Annotated[float, Field(ge=0)] = 0.1
    gamma: Annotated[float, Field(gt=0)] | None = None
    inverse_penalty: Annotated[float, Field(gt=0)] = 1.0
    landmarks: Annotated[int, Field(ge=1, le=20_000)] = 2500
    folds: Annotated[int, Field(ge=2, le=20)] = 5

    @model_validator(mode="after")
    def _possible(self) -> GraphKernelSpec:
        if self.feature_weight == 0 and (self.gamma is not None or self.features != (Group.OWN,)):
            raise ValueError("`gamma` and `features` shape a kernel that `feature_weight: 0` leaves out")
        return self


class KrigingSpec(_GraphMethod):
    """Gaussian-process regression of the order of the classes on who is related to the same firms.

    With cos the cosine of two firms' rows of the adjacency, themselves included, and x their standardised inputs, the
    covariance is the sum of weight * cos^power over `similarity`, of `category_weight` * cos * the share of categories
    in common, and, with `own: kernel`, of `feature_weight` times the mean product of the inputs. With `own: observed`
    the inputs are instead a second, noisier observation of every firm in the graph, whether its outcome is known or
    not (co-kriging). The order of the classes is used in either case. `noise` is the variance of a class's score around
    the process, where the scores of all firms have variance 1. Beyond `landmarks` firms the process is seen through
    that many of them.
    """

    kind: Literal["kriging"]
    features: Groups = (Group.OWN,)
    own: Literal["kernel", "observed"] = "kernel"
    similarity: Annotated[
        dict[Annotated[int, Field(ge=1, le=8)], Annotated[float, Field(gt=0)]], Field(min_length=1)
    ] = Field(default_factory=lambda: {1: 0.2, 3: 0.6})
    category_weight: Annotated[float, Field(ge=0)] = 0.2
    feature_weight: Annotated[float, Field(ge=0)] = 1.0
    noise: Annotated[float, Field(gt=0)] = 0.15
    landmarks: Annotated[int, Field(ge=1, le=20_000)] = 2500

    @model_validator(mode="after")
    def _possible(self) -> KrigingSpec:
        if self.own == "observed" and self.feature_weight != 1:
            raise ValueError("`feature_weight` shapes the covariance of `own: kernel`; observed inputs are not in it")
        return self


class EnsembleSpec(Candidate):
    """A convex combination of the probabilities of other candidates, which stand before it.

    `weights` are those with the least log loss on validation, or `equal`. It is one candidate among the others.
    """

    kind: Literal["ensemble"]
    members: Annotated[tuple[Name, ...], Field(min_length=2)]
    weights: Literal["validation", "equal"] = "validation"

    @field_validator("members")
    @classmethod
    def _different(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in members if members.count(name) > 1})
        if twice:
            raise ValueError(f"members must differ, these repeat: {', '.join(twice)}")
        return members
