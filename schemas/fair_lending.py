"""What a fair-lending officer looks at: how groups fare by a score, and by what of it comes from the graph."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.results import Homophily, Interval
from schemas.terms import Family, Quarter, Sample

#: `combined` is the score as it is used, `without partners` what the firm would get if it were related to nobody,
#: `network part` the first minus the second.
Score = Literal["combined", "without partners", "network part"]
#: Statistics that are followed over the published quarters.
FairnessStatistic = Literal["impact ratio", "opportunity difference", "calibration gap"]


class GroupMeasures(Frozen):
    """How one group of firms fares by one score, beside its reference group.

    A group is named by its value of each attribute: of one, or of two (an intersection). Intervals are cluster
    bootstraps by community. A statistic whose group or reference group is too small has no value and says why.

    Attributes
    ----------
    firms
        Firms scored in the quarter.
    favourable_rate
        Share of them with a favourable prediction.
    impact_ratio
        That share divided by the reference group's (adverse impact ratio); 1 is parity.
    unfavourable_ratio
        The same of unfavourable predictions. Where nearly every firm is favoured it tells groups apart and the other
        does not.
    outcomes, favourable_outcomes
        Held-out firm-quarters whose outcome is known, and those of them that turned out well.
    opportunity_difference
        Among those that turned out well, the share with a favourable prediction, minus the reference group's (equal
        opportunity; Hardt, Price and Srebro 2016); below 0 the group is favoured less.
    mean_estimate, mean_observed
        Mean of the score over the held-out firm-quarters, and of what it ought to be: the observed share of
        unfavourable outcomes; for the network part that share minus the estimates without partners.
    calibration_gap
        The first minus the second; above 0 the group is taken for riskier than it was.
    impact_reason, outcome_reason
        Why the statistics of the quarter, or of the outcomes, were not judged; empty where they were.
    """

    attributes: tuple[str, ...]
    group: tuple[str, ...]
    reference: tuple[str, ...]
    firms: int
    favourable_rate: float | None
    impact_ratio: Interval
    unfavourable_ratio: Interval = Interval(value=None)
    impact_reason: str = ""
    outcomes: int = 0
    favourable_outcomes: int = 0
    opportunity_difference: Interval = Interval(value=None)
    mean_estimate: float | None = None
    mean_observed: float | None = None
    calibration_gap: Interval = Interval(value=None)
    opportunity_reason: str = ""
    calibration_reason: str = ""

    @property
    def attribute(self) -> str:
        """The attributes in one text."""
        return " × ".join(self.attributes)

    @property
    def name(self) -> str:
        """The values in one text."""
        return ", ".join(self.group)

    @property
    def is_reference(self) -> bool:
        """Whether the group is what the others are compared with."""
        return self.group == self.reference


class ScoreFairness(Frozen):
    """All groups by one score: single attributes first, then intersections of two."""

    score: Score
    groups: tuple[GroupMeasures, ...]

    @property
    def single(self) -> tuple[GroupMeasures, ...]:
        """The groups of one attribute."""
        return tuple(group for group in self.groups if len(group.attributes) == 1)

    @property
    def intersections(self) -> tuple[GroupMeasures, ...]:
        """The groups of two attributes."""
        return tuple(group for group in self.groups if len(group.attributes) == 2)


class MovedDecisions(Frozen):
    """How many firms of a group get another decision because of whom they are related to."""

    attribute: str
    group: str
    firms: int
    to_favourable: int
    to_unfavourable: int


class NetworkFairness(Frozen):
    """The network-derived part of one candidate's score.

    Attributes
    ----------
    candidate
        The chosen one if it uses the graph, else the best candidate that does, which no firm is scored by.
    method, partner
        Where the score without partners comes from: from the candidate of the same kind on own features (`partner`),
        or from the candidate itself on the graph without edges.
    scores
        The combined score, the one without partners, and the network part.
    """

    candidate: str
    chosen: bool
    method: Literal["plain partner", "edges removed"]
    partner: str | None = None
    scores: tuple[ScoreFairness, ...]
    moved: tuple[MovedDecisions, ...]

    def of(self, score: Score) -> ScoreFairness:
        """Return all groups by one of the scores."""
        return next(one for one in self.scores if one.score == score)


class Alternative(Frozen):
    """A candidate as an alternative to the chosen one: how well it ranks, and whom it favours less.

    Attributes
    ----------
    favourable_rate
        Share of the firms that it favours at its own cut-off.
    auc
        On validation, which selection looks at.
    auc_difference
        Its AUC minus the chosen one's on the same resamples.
    worst_ratio, worst_group
        Its lowest adverse impact ratio of a group of one protected attribute, and whose, when it is cut off so that it
        favours as many firms as the chosen candidate.
    ratio_difference
        That ratio minus the chosen one's lowest, on the same resamples.
    """

    candidate: str
    family: Family
    chosen: bool
    favourable_rate: float
    auc: Interval
    auc_difference: Interval
    worst_ratio: Interval
    worst_group: str
    ratio_difference: Interval

    @property
    def not_worse(self) -> bool:
        """Whether its AUC on validation is not significantly lower than the chosen one's."""
        return self.auc_difference.high is not None and self.auc_difference.high >= 0

    @property
    def less_discriminatory(self) -> bool:
        """Whether its lowest ratio is above the chosen one's beyond chance."""
        return self.ratio_difference.low is not None and self.ratio_difference.low > 0


class FairLending(Frozen):
    """How the groups of a quarter fare by the chosen candidate and by what it owes to the graph.

    Attributes
    ----------
    samples
        Held-out samples that the outcomes are of.
    unknown
        Firms of the quarter without a value, by attribute.
    network
        None where no candidate uses the graph.
    homophily
        Of each attribute over each relation: how far a firm's partners tell the attribute.
    """

    candidate: str
    firms: int
    samples: tuple[Sample, ...]
    unknown: dict[str, int]
    combined: ScoreFairness
    network: NetworkFairness | None
    homophily: tuple[Homophily, ...]
    alternatives: tuple[Alternative, ...]


class FairnessTrend(Frozen):
    """One statistic of one group over the published quarters, the newest last; None where it was not judged."""

    statistic: FairnessStatistic
    score: Score
    attribute: str
    group: str
    quarters: tuple[Quarter, ...]
    values: tuple[float | None, ...]
