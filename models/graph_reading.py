"""What a candidate reads of the graph: which inputs, whose edges, which nodes."""

from __future__ import annotations

from typing import NamedTuple

from schemas.candidates import CandidateSpec, CorrectAndSmoothSpec, EnsembleSpec, Group, SingleSpec, Tabular
from schemas.portfolio import PortfolioSpec
from schemas.specs import GraphSpec


class Reading(NamedTuple):
    """What a candidate reads of the graph.

    Attributes
    ----------
    groups
        The groups of inputs it asks for.
    own_edges
        Whether a firm's score depends on no edge but the firm's own.
    other_nodes
        Whether links to nodes that are no firms play a part.
    """

    groups: frozenset[Group]
    own_edges: bool
    other_nodes: bool


def reading(spec: CandidateSpec, portfolio: PortfolioSpec) -> Reading:
    """Say what a candidate reads of the graph; an ensemble reads what any of its members does."""
    if isinstance(spec, EnsembleSpec):
        parts = [reading(one, portfolio) for one in portfolio.single_candidates if one.name in spec.members]
        return Reading(
            frozenset().union(*(part.groups for part in parts)),
            all(part.own_edges for part in parts),
            any(part.other_nodes for part in parts),
        )
    groups = _groups(spec)
    local = isinstance(spec, Tabular) and groups <= {Group.OWN, Group.HISTORY, Group.NEIGHBOUR}
    other = Group.STRUCTURE in groups or bool(getattr(spec, "hears_other_nodes", False))
    return Reading(groups, local, other)


def asked_of_graph(spec: GraphSpec, groups: frozenset[Group]) -> GraphSpec:
    """Return the settings of a graph without what the groups do not ask to be computed."""
    changes: dict[str, object] = {}
    if Group.STRUCTURE not in groups:
        changes["structure"] = ()
    if Group.EMBEDDING not in groups:
        changes["embedding"] = None
    return spec.model_copy(update=changes)


def _groups(spec: SingleSpec) -> frozenset[Group]:
    asked: tuple[Group, ...] = getattr(spec, "features", (Group.OWN,))
    if isinstance(spec, CorrectAndSmoothSpec):
        asked = (*asked, *spec.base.features)
    return frozenset(asked)
