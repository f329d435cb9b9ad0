"""What the graph page shows beyond the graph's statistics: its communities, tails, ages and what changed."""

from __future__ import annotations

import datetime as dt

from schemas.base import Frozen
from schemas.diffs import QuarterDiff
from schemas.results import GraphStatistics
from schemas.terms import Quarter


class Tail(Frozen):
    """A complementary cumulative distribution: the share of all that reach each of the ascending values."""

    name: str
    values: tuple[int, ...]
    shares: tuple[float, ...]


class RelationAge(Frozen):
    """How old the rows are that a relation rests on, in days before the end of the quarter.

    `dated` is False where the delivery has no publication dates: every row then counts as published at the
    end of its quarter. `published_now` counts the rows published in the quarter itself. The dates and ages are None
    where no row is in force.
    """

    relation: str
    dated: bool
    rows: int
    published_now: int
    oldest: dt.date | None
    newest: dt.date | None
    median_days: float | None
    p90_days: float | None


class CommunityPortrait(Frozen):
    """One community of the panel.

    Attributes
    ----------
    name
        Its smallest firm.
    inner_edges, outer_edges
        Pairs of related firms inside it, and pairs with one firm in another community.
    outcomes, unfavourable
        Firm-quarters with a known outcome, and how many of them have an unfavourable one.
    sample
        The sample its firms are in, ``several``, or empty where they are in none.
    composition
        Firms by value of the category that the communities are told apart by.
    place
        Where the picture has the middle of its disc; None where it is not drawn.
    """

    name: str
    firms: int
    inner_edges: int
    outer_edges: int
    outcomes: int
    unfavourable: int
    sample: str
    composition: dict[str, int]
    place: tuple[float, float] | None = None

    @property
    def unfavourable_rate(self) -> float | None:
        """Share of its known outcomes that are unfavourable."""
        return self.unfavourable / self.outcomes if self.outcomes else None


class CommunityLink(Frozen):
    """Pairs of related firms between two communities."""

    first: str
    second: str
    edges: int


class CommunitiesPortrait(Frozen):
    """The communities that samples are dealt from: those of all vintages pooled.

    Attributes
    ----------
    vintages
        The quarters pooled.
    communities, alone, firms, edges
        How many there are, how many of them are one firm without relations, and the firms and pairs of all.
    outcomes, unfavourable
        Over all firms.
    largest
        The largest communities, falling by firms; with a place where they are drawn.
    links
        The heaviest links between communities drawn; `linked_pairs` counts the pairs of drawn communities with any.
    category, values
        What `composition` is by, its values in order; None where no category is delivered.
    sizes
        The distribution of firms a community.
    """

    vintages: tuple[Quarter, ...]
    communities: int
    alone: int
    firms: int
    edges: int
    outcomes: int
    unfavourable: int
    largest: tuple[CommunityPortrait, ...]
    links: tuple[CommunityLink, ...]
    linked_pairs: int
    category: str | None
    values: tuple[str, ...]
    sizes: Tail

    @property
    def drawn(self) -> tuple[CommunityPortrait, ...]:
        """The communities that the picture shows."""
        return tuple(one for one in self.largest if one.place is not None)


class GraphPortrait(Frozen):
    """Everything that the graph page of a refresh shows beside its `GraphStatistics`.

    Attributes
    ----------
    degrees
        The distribution of partners a firm, by relation and direction.
    ages
        A row a delivered relation.
    communities
        None where the panel has no community of two firms.
    diff, before
        What changed since the quarter published before, and that quarter's statistics; None for the first.
    """

    degrees: tuple[Tail, ...]
    ages: tuple[RelationAge, ...]
    communities: CommunitiesPortrait | None
    diff: QuarterDiff | None = None
    before: GraphStatistics | None = None
