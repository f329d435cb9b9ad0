"""What differs between the corporate graphs of two published quarters, as data."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.terms import Quarter


class PartComparison(Frozen):
    """The digests of one part of the fingerprint; None where a quarter does not have the part.

    A relation's digest counts positions among the firms, the features' digest rows: both differ when
    firms come or go, even if every edge between the others stayed.
    """

    part: str
    equal: bool
    before: str | None
    after: str | None


class FirmsDiff(Frozen):
    """Which firms came into the graph and which left it; ids ascend."""

    before: int
    after: int
    kept: int
    came: tuple[str, ...]
    left: tuple[str, ...]


class WeightMove(Frozen):
    """One edge that was kept and whose weight is another."""

    source: str
    target: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """Return the weight after minus the weight before."""
        return self.after - self.before


class RelationDiff(Frozen):
    """What became of the edges of one relation; an undirected edge counts once.

    `jaccard` is kept / (kept + born + died), None when neither quarter has an edge. The totals are
    sums of weights over the kept edges; `moves` are the largest absolute ones.
    """

    relation: str
    directed: bool
    edges_before: int
    edges_after: int
    kept: int
    born: int
    died: int
    jaccard: float | None
    reweighted: int
    kept_weight_before: float
    kept_weight_after: float
    moves: tuple[WeightMove, ...]

    @property
    def unchanged(self) -> bool:
        """Tell whether every edge and every weight is the same."""
        return not (self.born or self.died or self.reweighted)


class PartnersDiff(Frozen):
    """What became of the links of firms to nodes of another type, such as persons; ids are matched.

    `jaccard` is kept / (kept + born + died), None when neither quarter has a link.
    """

    relation: str
    node_type: str
    links_before: int
    links_after: int
    kept: int
    born: int
    died: int
    jaccard: float | None


class Community(Frozen):
    """A community by its name (its smallest firm) and its number of firms."""

    name: str
    firms: int


class CommunityPart(Frozen):
    """A community that another one shares firms with."""

    name: str
    firms: int
    shared: int


class CommunityFlow(Frozen):
    """A community that split into its `parts`, or that its `parts` merged into.

    `persisting` counts its firms that are in the graph of both quarters.
    """

    name: str
    firms: int
    persisting: int
    parts: tuple[CommunityPart, ...]


class CommunityKept(Frozen):
    """A community that is in both quarters, perhaps under another name."""

    before: Community
    after: Community
    shared: int


class CommunitiesDiff(Frozen):
    """What became of the communities, the largest first.

    Attributes
    ----------
    kept
        Each holds more than half of the other's firms that are in both quarters, and neither split nor merged.
    split, merged
        At least two counterparts with a fifth and three of the persisting firms each.
    born, died
        None of the above, with three firms or more.
    """

    before: int
    after: int
    kept: tuple[CommunityKept, ...]
    split: tuple[CommunityFlow, ...]
    merged: tuple[CommunityFlow, ...]
    born: tuple[Community, ...]
    died: tuple[Community, ...]


class NeighbourhoodChange(Frozen):
    """How much the partners of one firm changed, over all relations and both directions.

    `change` is 1 - Jaccard of the two sets of partners: 0 the same, 1 none in common. `weight_change`
    is the sum of |weight after - weight before| over its edges, 0 standing for an edge that is not there.
    """

    firm: str
    change: float
    partners_before: int
    partners_after: int
    came: int
    left: int
    weight_change: float


class NeighbourhoodsDiff(Frozen):
    """The firms of both quarters whose partners changed; `most_changed` are the first of them."""

    firms: int
    changed: int
    mean_change: float | None
    most_changed: tuple[NeighbourhoodChange, ...]


class GraphDiff(Frozen):
    """Everything that differs between two corporate graphs; `equal` if nothing does, number for number."""

    equal: bool
    parts: tuple[PartComparison, ...]
    firms: FirmsDiff
    relations: tuple[RelationDiff, ...]
    communities: CommunitiesDiff
    neighbourhoods: NeighbourhoodsDiff
    partners: tuple[PartnersDiff, ...] = ()


class DiffSide(Frozen):
    """One of the two refreshes that were compared: its quarter, its key and its graph's fingerprint."""

    quarter: Quarter
    refresh: str
    fingerprint: str


class QuarterDiff(Frozen):
    """The difference between two published quarters of a portfolio: what ``diff.json`` holds."""

    portfolio: str
    title: str
    before: DiffSide
    after: DiffSide
    diff: GraphDiff
