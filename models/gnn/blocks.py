"""What a network sees of a corporate graph: for each layer, who hears whom, in all and by relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from models.corporate_graph import CorporateGraph
from models.message_passing import Neighbourhood
from models.neighbours import sides


@dataclass(frozen=True)
class Block:
    """The message passing of one layer; parts that no architecture asks for are never laid out.

    Parameters
    ----------
    receivers
        Number of firms that get new values: the first of the senders.
    senders
        Number of firms that are heard.
    build_union, build_relations
        Called at most once.
    """

    receivers: int
    senders: int
    build_union: Callable[[], Neighbourhood]
    build_relations: Callable[[], Mapping[str, Neighbourhood]]

    @cached_property
    def union(self) -> Neighbourhood:
        """All relations together, without direction and without weights."""
        return self.build_union()

    @cached_property
    def relations(self) -> Mapping[str, Neighbourhood]:
        """By relation and direction (`models.neighbours.sides`), on the same firms as `union`."""
        return self.build_relations()


def whole_graph(graph: CorporateGraph) -> Block:
    """Return the block in which every firm hears all its partners."""
    return Block(
        graph.size,
        graph.size,
        lambda: Neighbourhood(graph.union()),
        lambda: {name: Neighbourhood(adjacency) for name, adjacency in sides(graph)},
    )


def side_names(graph: CorporateGraph) -> tuple[str, ...]:
    """Return the names of the relations' sides, in the order of `Block.relations`."""
    return tuple(
        side
        for name, relation in graph.relations.items()
        for side in ((f"{name} out", f"{name} in") if relation.directed else (name,))
    )
