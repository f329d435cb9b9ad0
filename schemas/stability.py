"""How steady scores are when edges of the graph are changed: what was tried, and what it came to."""

from __future__ import annotations

from enum import StrEnum

from schemas.base import Frozen
from schemas.interval import Interval

#: the segment that holds every sampled firm
ALL_FIRMS = "all firms"


class Change(StrEnum):
    """How the edges of a firm were changed.

    `WORST` is the worst set of additions and removals that a search found. `ANY_REMOVAL` is the worst single removal
    where every edge was tried, so that none can be worse.
    """

    WORST = "worst case found"
    ANY_REMOVAL = "worst of all removals"
    REMOVED = "removed at random"
    ADDED = "added at random"
    REWIRED = "moved at random"


class EdgeFlips(Frozen):
    """What changing `edges` edges of each firm does to the firms of one segment.

    Attributes
    ----------
    flipped
        Share of the firms whose predicted class changes, in [0, 1].
    score_change
        Mean absolute change of the probability of an unfavourable outcome, in [0, 1].
    """

    change: Change
    edges: int
    segment: str
    firms: int
    flipped: Interval
    score_change: Interval


class EdgeStability(Frozen):
    """How steady one candidate's scores are under changes of single firms' edges.

    Attributes
    ----------
    chosen
        Whether this is the candidate that is scored with; another one is shown beside it and has no gate.
    reads_graph
        False for a candidate that sees no edge: no change of edges can move its scores.
    firms, of
        Number of firms that were sampled, and of firms in the quarter's graph.
    segmented_by
        What the segments are.
    together
        How many firms' edges were changed at a time: all that were sampled. Where a score depends on a firm's own
        edges alone each firm is changed by itself, and this is 1.
    bystanders
        Mean absolute score change of the firms that were not sampled while the edges of those were changed; None where
        each firm is changed by itself, or all were sampled.
    reason
        Why nothing was measured.
    """

    candidate: str
    chosen: bool
    reads_graph: bool
    firms: int = 0
    of: int = 0
    segmented_by: str = ""
    together: int = 1
    flips: tuple[EdgeFlips, ...] = ()
    bystanders: float | None = None
    reason: str = ""

    def flips_of(self, change: Change, segment: str = ALL_FIRMS) -> tuple[EdgeFlips, ...]:
        """Return what one kind of change did to one segment, by rising number of edges."""
        found = (one for one in self.flips if one.change is change and one.segment == segment)
        return tuple(sorted(found, key=lambda one: one.edges))

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that were measured, all firms first."""
        return tuple(dict.fromkeys(one.segment for one in self.flips))
