"""What a network sees of a corporate graph: for each layer, who hears whom, in all and by relation."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from models.corporate_graph import FIRM, CorporateGraph
from models.edges import pattern
from models.gnn.normalised import Convolution, Degrees
from models.message_passing import Neighbourhood
from models.neighbours import sides

_T = TypeVar("_T")

#: the two sides of a link between a firm and a node of another type
_ENDS = ("to firms", "of firms")


class _Remembered(NamedTuple):
    """A result, and the values it is of as they were then."""

    values: weakref.ref[torch.Tensor]
    version: int
    result: object

    def is_of(self, values: torch.Tensor) -> bool:
        return self.values() is values and self.version == values._version


class Convolutions(dict[Degrees, Convolution]):
    """Graph convolutions of one neighbourhood, made when they are asked for."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        super().__init__()
        self._neighbourhood = neighbourhood

    def __missing__(self, degrees: Degrees) -> Convolution:
        """Make one and keep it."""
        made = self[degrees] = Convolution(self._neighbourhood, degrees)
        return made


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
    types : (senders,) int64, optional
        Type of each node that is heard, counted along `Shape.types`; all are firms if none is given.
    """

    receivers: int
    senders: int
    build_union: Callable[[], Neighbourhood]
    build_relations: Callable[[], Mapping[str, Neighbourhood]]
    types: torch.Tensor | None = None
    _memory: dict[str, _Remembered] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def union(self) -> Neighbourhood:
        """All relations together, without direction and without weights."""
        return self.build_union()

    @cached_property
    def relations(self) -> Mapping[str, Neighbourhood]:
        """By relation and direction (`models.neighbours.sides`), on the same firms as `union`."""
        return self.build_relations()

    @cached_property
    def union_and_self(self) -> Neighbourhood:
        """The union, in which each receiver hears itself too."""
        return _with_self(self.union)

    @cached_property
    def relations_and_self(self) -> Mapping[str, Neighbourhood]:
        """The relations, in which each receiver hears itself too; without their weights."""
        return {name: _with_self(neighbourhood) for name, neighbourhood in self.relations.items()}

    @cached_property
    def joint(self) -> Neighbourhood:
        """All relations side by side, so that a softmax runs over the neighbours of all of them.

        Its senders are the pairs of relation and firm, relations first: firm u under relation k is sender
        k * senders + u. A firm that is heard by two relations is heard twice.
        """
        sides = [_adjacency(side, side.weights.numpy()) for side in self.relations.values()]
        return Neighbourhood(sp.csr_array(sp.hstack(sides, format="csr")))

    @cached_property
    def convolutions(self) -> Convolutions:
        """Graph convolution of the union, by how its weights follow from degrees."""
        return Convolutions(self.union)

    def remembered(self, name: str, values: torch.Tensor, compute: Callable[[], _T]) -> _T:
        """Return what was computed under this name of these very values, or compute it.

        What follows from the graph and from inputs that no weight has touched is the same in every epoch, for all
        layers and networks that hear the same inputs. It is kept for as long as the inputs are, and not before
        somebody lets go of them is anything else kept under the name: hidden values, which nobody asks for again,
        do not push inputs out.

        Parameters
        ----------
        name
            What is computed, by everything but block and values that it depends on.
        """
        if values.requires_grad:
            return compute()
        known = self._memory.get(name)
        if known is not None and known.is_of(values):
            return cast("_T", known.result)
        result = compute()
        if known is None or (heard := known.values()) is None or heard is values:

            def forget(reference: weakref.ref[torch.Tensor]) -> None:
                if (kept := self._memory.get(name)) is not None and kept.values is reference:
                    del self._memory[name]

            self._memory[name] = _Remembered(weakref.ref(values, forget), values._version, result)
        return result

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return the receivers' own values, (senders, ...) to (receivers, ...)."""
        # A slice of all would come back as a copy into zeros.
        return values if len(values) == self.receivers else values[: self.receivers]

    def receiver_types(self) -> torch.Tensor | None:
        """Return the types of the receivers, (receivers,); None if all are firms."""
        return None if self.types is None else self.own(self.types)


def whole_graph(graph: CorporateGraph, *, typed: bool = False) -> Block:
    """Return the block in which every firm hears all its partners.

    With `typed`, nodes of other types that the graph has follow the firms, type by type, and both ends of a link
    hear each other; a network's outputs for them are of no use but to the next layer.
    """
    if not (typed and graph.partners):
        return Block(
            graph.size,
            graph.size,
            lambda: Neighbourhood(graph.union()),
            lambda: {name: Neighbourhood(adjacency) for name, adjacency in sides(graph)},
        )
    counts = list(graph.node_counts().values())
    size = sum(counts)
    return Block(
        size,
        size,
        lambda: Neighbourhood(_typed_union(graph, size)),
        lambda: {name: Neighbourhood(adjacency) for name, adjacency in _typed_sides(graph, size)},
        torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
    )


def node_values(values: torch.Tensor, block: Block) -> torch.Tensor:
    """Return the values of all nodes of a whole graph, (senders, k), from those of its firms; others have zeros."""
    others = block.senders - len(values)
    return torch.cat([values, values.new_zeros((others, values.shape[1]))]) if others else values


def side_names(graph: CorporateGraph, *, typed: bool = False) -> tuple[str, ...]:
    """Return the names of the relations' sides, in the order of `Block.relations`."""
    between_firms = tuple(
        side
        for name, relation in graph.relations.items()
        for side in ((f"{name} out", f"{name} in") if relation.directed else (name,))
    )
    links = (f"{name} {end}" for name in graph.partners for end in _ENDS) if typed else ()
    return (*between_firms, *links)


def node_types(graph: CorporateGraph, *, typed: bool = False) -> tuple[str, ...]:
    """Return the names of the types of node, firms first (`Shape.types`)."""
    return tuple(graph.node_counts()) if typed and graph.partners else (FIRM,)


def _typed_sides(graph: CorporateGraph, size: int) -> Iterator[tuple[str, sp.csr_array]]:
    for name, adjacency in sides(graph):
        yield name, _padded(adjacency, 0, size)
    counts = graph.node_counts()
    starts = dict(zip(counts, np.cumsum([0, *counts.values()]).tolist(), strict=False))
    for (_, name, node_type), links in graph.incidences().items():
        heard_by_firms = _padded(links, starts[node_type], size)
        yield f"{name} {_ENDS[0]}", heard_by_firms
        yield f"{name} {_ENDS[1]}", sp.csr_array(heard_by_firms.T)


def _typed_union(graph: CorporateGraph, size: int) -> sp.csr_array:
    total = sp.csr_array((size, size))
    for _, adjacency in _typed_sides(graph, size):
        total = total + pattern(adjacency)  # weights could cancel each other
    return pattern(sp.csr_array(total + total.T))


def _padded(matrix: sp.csr_array, column: int, size: int) -> sp.csr_array:
    """Return a square matrix with the given one at the first rows, beginning at a column."""
    indptr = np.concatenate([matrix.indptr, np.full(size - matrix.shape[0], matrix.indptr[-1])])
    return sp.csr_array((matrix.data, matrix.indices + column, indptr), shape=(size, size))


def _adjacency(neighbourhood: Neighbourhood, weights: NDArray[np.float32]) -> sp.csr_array:
    shape = (neighbourhood.receivers, neighbourhood.senders)
    return sp.csr_array((weights, neighbourhood.indices.numpy(), neighbourhood.indptr.numpy()), shape=shape)


def _with_self(neighbourhood: Neighbourhood) -> Neighbourhood:
    others = _adjacency(neighbourhood, np.ones(neighbourhood.edges, dtype=np.float32))
    itself = sp.eye_array(neighbourhood.receivers, neighbourhood.senders, dtype=np.float32, format="csr")
    return Neighbourhood(sp.csr_array(others + itself))
