"""The explanation of one firm's score, for the people who decide on it: internal, since it names partners."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.reasons import Reason
from schemas.terms import Family, Quarter


class Standing(Frozen):
    """What a probability comes to.

    Attributes
    ----------
    probability
        Of an unfavourable class.
    predicted_class
        None where only the probability is known.
    grade
        Of the master scale.
    """

    probability: float
    predicted_class: str | None
    favourable: bool | None
    grade: str


class FactorShare(Frozen):
    """What one factor adds to the log-odds of an unfavourable class.

    Attributes
    ----------
    value, typical
        The firm's and the median of development, of a factor that is one number.
    category
        The firm's value of a category.
    """

    text: str
    feature: str
    network: bool
    contribution: float
    value: float | None = None
    typical: float | None = None
    category: str = ""


class Partner(Frozen):
    """A firm that the explained one is related to.

    Attributes
    ----------
    relation, direction
        The relation, and whether the partner is its ``source`` or ``target``; empty where it has no direction.
    probability
        Of an unfavourable class.
    effect
        What the relation to it adds to the explained firm's log-odds: by how much they fall without it. None where it
        was not asked about.
    """

    firm: str
    name: str
    relation: str
    direction: str
    weight: float
    probability: float
    unfavourable: bool
    effect: float | None


class RelationFidelity(Frozen):
    """How far what the relations are said to add holds against the candidate (`models.explain.fidelity`).

    Attributes
    ----------
    plus, random_plus
        Mean change of the log-odds without the most important relations, and without as many at random.
    minus
        Mean change when only these are left.
    reliable
        False: below the floor, to be shown as not reliable.
    """

    plus: float
    minus: float
    random_plus: float
    reliable: bool


class PathStep(Frozen):
    """One firm on a path and the relation by which the next firm hears of it.

    Attributes
    ----------
    share
        Share of this firm among all partners of the next one on that side of the relation, by weight.
    """

    firm: str
    name: str
    probability: float
    relation: str
    direction: str
    share: float | None


class RiskPath(Frozen):
    """The strongest path from a distressed firm to the explained one; the last step is the explained firm itself.

    Attributes
    ----------
    strength
        Product of the shares along it and the first firm's probability.
    """

    steps: tuple[PathStep, ...]
    strength: float


class Counterfactual(Frozen):
    """One single change and what the score would be.

    Attributes
    ----------
    subject
        The own item, or the relation that is lost.
    partner
        The firm that the lost relation is to; empty for an own item.
    before, after
        The item's values as texts; of a lost relation its weight and nothing.
    distance
        How far the item moves, as a share of development between both values; None for a category or a relation.
    class_changes
        Whether the predicted class changes; otherwise only the grade does.
    """

    subject: str
    partner: str
    partner_name: str
    before: str
    after: str
    distance: float | None
    then: Standing
    class_changes: bool


class PictureNode(Frozen):
    """A firm in the picture; `hop` is its distance, `place` where it is drawn."""

    firm: str
    name: str
    hop: int
    probability: float
    unfavourable: bool
    on_path: bool
    place: tuple[float, float]


class PictureEdge(Frozen):
    """A relation in the picture; `directed` from source to target."""

    source: str
    target: str
    relation: str
    directed: bool
    on_path: bool


class Picture(Frozen):
    """The firm with those around it, up to two relations away.

    Attributes
    ----------
    firms_near, firms_far
        How many there are at one and at two relations' distance, drawn or not.
    """

    nodes: tuple[PictureNode, ...]
    edges: tuple[PictureEdge, ...]
    firms_near: int
    firms_far: int


class EdgeImportance(Frozen):
    """What a method says a relation counts for.

    Attributes
    ----------
    relation
        Its name; of a pair of firms that is heard as one, the names of all its relations joined by `` + ``.
    hop
        How far its nearer end is from the explained firm; 0 for the firm's own relations.
    weight
        Above 0 it raises risk where the method is signed; otherwise an importance, 0 or more.
    """

    source: str
    source_name: str
    target: str
    target_name: str
    relation: str
    hop: int
    weight: float


class FeatureImportance(Frozen):
    """What a method says an input counts for; `value` is the firm's, None where it is missing or of all partners."""

    feature: str
    network: bool
    value: float | None
    weight: float


class MethodFidelity(RelationFidelity):
    """How far a method's explanation holds against the candidate (`models.explain.fidelity`).

    Attributes
    ----------
    sparsity
        Share of relations and inputs that are not needed to hold nine tenths of all weight, in [0, 1].
    stability
        Rank correlation between explanations of other seeds and of slightly disturbed inputs, in [-1, 1]; None where
        it was not measured or all weights are equal.
    """

    sparsity: float
    stability: float | None


class MethodExplanation(Frozen):
    """One method's explanation of the score.

    Attributes
    ----------
    method, words
        Its name as the command takes it, and what it does.
    signed
        Whether weights below 0 say that risk is lowered; otherwise weights are importances.
    edges, features
        Those that count most, the first most; what counts nothing is left out.
    edges_in_all, features_in_all
        How many were given a weight; 0 where the method tells nothing of them.
    """

    method: str
    words: str
    signed: bool
    fidelity: MethodFidelity
    edges: tuple[EdgeImportance, ...]
    edges_in_all: int
    features: tuple[FeatureImportance, ...]
    features_in_all: int


class MethodAgreement(Frozen):
    """How alike two methods rank what they have in common, by absolute weight (Spearman), in [-1, 1].

    Attributes
    ----------
    edges, features
        None where fewer than two are in common or all weights are equal.
    """

    one: str
    other: str
    edges: float | None
    features: float | None


class FirmExplanation(Frozen):
    """Why one firm has the score that a refresh published.

    Attributes
    ----------
    candidate, decided_by
        The candidate whose score this is, and the one whose score decided. Where these are not the same there are no
        `reasons`: those of another model are not why the firm was decided on as it was.
    in_use
        The version that was champion when this was written; empty if none was. Reasons of another version are not
        those of a decision made with the one in use.
    threshold
        The cut-off on the positive class; only two classes have one.
    method
        How contributions were found.
    uses_graph
        Whether the candidate hears the firms around at all.
    path_missing, relations_missing
        Why there is no path, or no counterfactual of relations; empty where there is.
    asked, fidelity
        Relations that were left out one at a time, and how far that holds; None where it was not measured.
    methods, agreement
        What other methods say that were asked for, and how alike they are, a pair each.
    """

    portfolio: str
    title: str
    quarter: Quarter
    refresh: str
    fingerprint: str
    model_version: str
    in_use: str
    firm: str
    name: str
    candidate: str
    decided_by: str
    kind: str
    family: Family
    target: str
    threshold: float | None
    standing: Standing
    log_odds: float
    rest: float
    exact: bool
    method: str
    uses_graph: bool
    reasons: tuple[Reason, ...]
    own: tuple[FactorShare, ...]
    network: tuple[FactorShare, ...]
    partners: tuple[Partner, ...]
    partners_in_all: int
    asked: int
    fidelity: RelationFidelity | None
    path: RiskPath | None
    path_missing: str
    counterfactuals: tuple[Counterfactual, ...]
    relations_missing: str
    picture: Picture
    methods: tuple[MethodExplanation, ...] = ()
    agreement: tuple[MethodAgreement, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the explained score is the one that decided."""
        return self.candidate == self.decided_by

    @property
    def other_in_use(self) -> bool:
        """Whether another version than the explained one is in use."""
        return bool(self.in_use) and self.model_version.split()[-1] != self.in_use
