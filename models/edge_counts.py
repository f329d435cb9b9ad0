"""What became of the rows that a relation was made from, as counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EdgeCounts:
    """Counts of one relation's construction; what is counted is left out or merged, never lost silently.

    Attributes
    ----------
    rows
        Rows known at the knowledge date.
    unknown_firms
        Rows left out because they touch a firm that has left, is not yet known or is not of the portfolio.
    self_loops
        Rows left out because they relate a firm to itself.
    repeated_rows
        Rows that joined an edge which another row of the same pair had made: rows left minus edges made.
    reciprocal_pairs
        Pairs of firms related in both directions of a directed relation, before the declared policy acts.
    cut_by_cap
        Edges (an undirected one counts once) or partners that a declared cap left out.
    """

    rows: int = 0
    unknown_firms: int = 0
    self_loops: int = 0
    repeated_rows: int = 0
    reciprocal_pairs: int = 0
    cut_by_cap: int = 0
