"""What an explanation says, and what every method may ask of a scored firm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float64]
Kept = NDArray[np.bool_]

T = TypeVar("T")


class Method(StrEnum):
    """How an attribution was found."""

    GNN_EXPLAINER = "gnn_explainer"
    BATCHED_MASKS = "batched_masks"
    PG_EXPLAINER = "pg_explainer"
    INTEGRATED_GRADIENTS = "integrated_gradients"
    LEAVE_ONE_OUT = "leave_one_out"
    DIST_SHIFT = "dist_shift"
    ATTENTION = "attention"
    SHAP = "shap"
    RANDOM = "random"


class Place(StrEnum):
    """Whose a feature is: the firm's own, or its network's (partners' features, aggregates, the firm's position)."""

    OWN = "own"
    NETWORK = "network"


class Edge(NamedTuple):
    """A relation between two firms (or a firm and another node) that a score may hear along.

    Attributes
    ----------
    source, target
        Ids as in the graph; for a relation without direction the smaller comes first.
    relation
        Its name. For a network that hears all relations together a pair of firms is one edge, and the names of all
        relations between them are joined by `` + ``.
    hop
        How far its nearer end is from the explained firm; 0 for the firm's own relations.
    """

    source: str
    target: str
    relation: str
    hop: int

    def partner_of(self, firm: str) -> str:
        """Return the end that is not `firm`; the target if neither is."""
        return self.source if self.target == firm else self.target


class Feature(NamedTuple):
    """An input of the score.

    Attributes
    ----------
    value
        Of the explained firm, as delivered; NaN where it is not known or where it stands for that of all partners.
    """

    name: str
    place: Place
    value: float


class Explained(Protocol):
    """One firm's score as a function of the relations and features that are left to it.

    The score is the log-odds of the adverse classes before any calibration, ln(P / (1 - P)): higher is riskier. A
    relation that is not kept is deleted from the graph, for both its ends; a feature that is not kept has its
    baseline: the mean of development for a network, the median of all firms for a table.
    """

    @property
    def firm(self) -> str:
        """Id of the explained firm."""
        ...

    @property
    def edges(self) -> Sequence[Edge]:
        """The relations that can matter to the score, own ones first."""
        ...

    @property
    def features(self) -> Sequence[Feature]:
        """The features, own ones first."""
        ...

    def log_odds(self, edges: Kept | None = None, features: Kept | None = None) -> FloatVector:
        """Return the score under each row of what is kept, (b,).

        Parameters
        ----------
        edges : (b, len(self.edges)) bool, optional
            All are kept if None.
        features : (b, len(self.features)) bool, optional
            All are kept if None.
        """
        ...


class EdgeWeight(NamedTuple):
    """What an edge counts for; `weight` above 0 raises risk where the method tells directions apart."""

    edge: Edge
    weight: float


class FeatureWeight(NamedTuple):
    """What a feature counts for; `weight` above 0 raises risk where the method tells directions apart."""

    feature: Feature
    weight: float


@dataclass(frozen=True)
class Fidelity:
    """How well an explanation fits the model it explains (`models.explain.fidelity`).

    Attributes
    ----------
    plus
        Mean change of the log-odds when what is explained as important goes (fidelity+); high is good.
    minus
        Mean change when only that stays (fidelity-); near 0 is good.
    random_plus
        Fidelity+ of random choices of the same size, beside which `plus` has to stand out.
    sparsity
        Share of edges and features that are not needed, in [0, 1].
    stability
        Rank correlation between explanations of other seeds and of slightly disturbed inputs, in [-1, 1]; NaN where
        it was not measured.
    """

    plus: float
    minus: float
    random_plus: float
    sparsity: float
    stability: float = float("nan")


@dataclass(frozen=True)
class Attribution:
    """An explanation of one firm's score.

    Attributes
    ----------
    log_odds
        The explained score, before calibration.
    signed
        Whether weights below 0 say that risk is lowered; otherwise weights are importances, 0 or more.
    edges, features
        Weights in the order of `Explained.edges` and `Explained.features`; empty where the method has none.
    fidelity
        None where it was not measured.
    reliable
        False: below the fidelity floor, to be shown as "not reliable".
    """

    firm: str
    method: Method
    log_odds: float
    signed: bool
    edges: tuple[EdgeWeight, ...] = ()
    features: tuple[FeatureWeight, ...] = ()
    fidelity: Fidelity | None = None
    reliable: bool = True
    notes: Mapping[str, float | str] = field(default_factory=dict)

    def noted(self, **notes: float | str) -> Attribution:
        """Return the same with further notes."""
        return replace(self, notes={**self.notes, **notes})

    def top_edges(self, count: int) -> tuple[EdgeWeight, ...]:
        """Return the edges that count most, by absolute weight; of equals the first."""
        return tuple(sorted(self.edges, key=lambda one: -abs(one.weight))[:count])

    def top_features(self, count: int, place: Place | None = None) -> tuple[FeatureWeight, ...]:
        """Return the features that count most, by absolute weight, of one place or of both."""
        some = [one for one in self.features if place is None or one.feature.place == place]
        return tuple(sorted(some, key=lambda one: -abs(one.weight))[:count])


class Named(Protocol):
    """What weights are laid beside: a firm, its edges and its features."""

    @property
    def firm(self) -> str:
        """Id of the firm."""
        ...

    @property
    def edges(self) -> Sequence[Edge]:
        """Its edges."""
        ...

    @property
    def features(self) -> Sequence[Feature]:
        """Its features."""
        ...


@dataclass(frozen=True)
class Heard:
    """Edges and features that were heard of a firm, where they are fewer than there are."""

    firm: str
    edges: Sequence[Edge]
    features: Sequence[Feature]


def attribution(
    explained: Named,
    method: Method,
    *,
    log_odds: float,
    signed: bool,
    edges: Sequence[float] | FloatVector | None = None,
    features: Sequence[float] | FloatVector | None = None,
) -> Attribution:
    """Return weights beside what they are weights of; NaN counts as 0.

    Raises
    ------
    ValueError
        If there are not as many weights as edges or features.
    """
    return Attribution(
        explained.firm,
        method,
        log_odds,
        signed,
        tuple(EdgeWeight(*pair) for pair in _paired(explained.edges, edges)),
        tuple(FeatureWeight(*pair) for pair in _paired(explained.features, features)),
    )


def _paired(things: Sequence[T], weights: Sequence[float] | FloatVector | None) -> Iterable[tuple[T, float]]:
    if weights is None:
        return ()
    return zip(things, np.nan_to_num(np.asarray(weights, dtype=np.float64)).tolist(), strict=True)
