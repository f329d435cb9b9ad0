"""What the construction of one relation has to tell beside its edges."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.edge_counts import EdgeCounts
from models.edges import RelationEdges


@dataclass(frozen=True)
class MarginFit:
    """How well reconstructed exposures add up to the totals they were made from.

    Attributes
    ----------
    largest_error
        Largest |row or column sum - margin| as a share of the margin, over all margins above zero.
    total_mismatch
        |total lent - total borrowed| as a share of the larger, as delivered, before scaling.
    """

    largest_error: float
    total_mismatch: float


@dataclass(frozen=True)
class RelationNotes:
    """Counts of rows and edges; where they apply, the fit to margins and the recall of an approximate search."""

    counts: EdgeCounts = field(default_factory=EdgeCounts)
    margins: MarginFit | None = None
    recall: float | None = None


@dataclass(frozen=True)
class BuiltRelation:
    """The edges of one relation, and how they came to be."""

    edges: RelationEdges
    notes: RelationNotes = field(default_factory=RelationNotes)
