"""What all ways to sample a graph share: batches, the parts of a block, subgraphs of some firms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from models.compiled import compiled
from models.csr import Csr, IntVector
from models.gnn.blocks import Block
from models.gnn.network import Network
from models.message_passing import Neighbourhood

#: The key of the union beside the names of relations' sides.
UNION = "(all relations)"


@dataclass(frozen=True)
class Batch:
    """One step of training.

    Attributes
    ----------
    blocks
        One a layer.
    senders : (s,) int64 or None
        Which firms the first block's senders are; None: all.
    learnt : (d,) int64
        Rows of the outputs to learn from.
    firms : (d,) int64
        Which firms these are.
    weights : (d,) float32 or None
        How much each counts; None: alike.
    """

    blocks: Sequence[Block]
    senders: torch.Tensor | None
    learnt: torch.Tensor
    firms: torch.Tensor
    weights: torch.Tensor | None = None


@dataclass(frozen=True)
class Parts:
    """What a network asks of a block."""

    union: bool = True
    relations: bool = True

    @classmethod
    def asked_by(cls, network: Network, inputs: int, sides: Sequence[str], layers: int) -> Parts:
        """Find out by a trial on two firms without relations; the network stays as it was."""

        def nobody() -> Neighbourhood:
            return Neighbourhood.of(Csr(np.zeros(3, np.int64), np.zeros(0, np.int64), 2))

        blocks = [Block(2, 2, nobody, lambda: {side: nobody() for side in sides}) for _ in range(layers)]
        training = network.training
        network.eval()
        with torch.no_grad():
            network(blocks, torch.zeros(2, inputs))
        network.train(training)
        asked = {part for block in blocks for part in ("union", "relations") if part in block.__dict__}
        return cls("union" in asked, "relations" in asked)


@dataclass(frozen=True)
class Whole:
    """The neighbourhoods of the whole graph that a network asks for."""

    block: Block
    parts: Parts

    @cached_property
    def neighbourhoods(self) -> dict[str, Neighbourhood]:
        """The union and the relations' sides, as far as asked for."""
        found = {UNION: self.block.union} if self.parts.union else {}
        return found | (dict(self.block.relations) if self.parts.relations else {})

    @property
    def size(self) -> int:
        """Number of firms."""
        return self.block.senders

    @cached_property
    def places(self) -> IntVector:
        """Room to number firms in, (n,); -1 wherever it is left."""
        return np.full(self.size, -1, dtype=np.int64)

    def subgraph(self, firms: IntVector, importance: Mapping[str, NDArray[np.float32]] | None = None) -> Block:
        """Return the block of some firms (ascending) and all edges between them.

        Parameters
        ----------
        importance
            By neighbourhood, for each edge of the whole graph how many edges it stands for. Given, degrees
            are those of the whole graph (a sample estimates it), otherwise those of the subgraph.
        """
        rows = torch.from_numpy(firms)
        found = {}
        for name, whole in self.neighbourhoods.items():
            csr, edges = self.induced(name, firms)
            degrees = whole.receiver_degrees[rows] if importance is not None else None
            counting = torch.from_numpy(importance[name][edges]) if importance is not None else None
            found[name] = Neighbourhood.of(
                csr, whole.weights[torch.from_numpy(edges)], degrees, degrees, importance=counting
            )
        return block_of(len(firms), len(firms), found, self.parts, self.types_of(firms))

    def types_of(self, firms: IntVector) -> torch.Tensor | None:
        """Return the types of some nodes; None if all are firms."""
        return None if self.block.types is None else self.block.types[torch.from_numpy(firms)]

    def induced(self, name: str, firms: IntVector) -> tuple[Csr, IntVector]:
        """Return the edges among some firms, numbered by their order, and their places in the whole graph."""
        csr = self.neighbourhoods[name].csr
        indptr, indices, edges = _induced(csr.indptr, csr.indices, firms, self.places)
        return Csr(indptr, indices, len(firms)), edges


def block_of(
    receivers: int,
    senders: int,
    neighbourhoods: Mapping[str, Neighbourhood],
    parts: Parts,
    types: torch.Tensor | None,
) -> Block:
    """Return the block of sampled neighbourhoods; asking for what was not sampled is a mistake.

    Parameters
    ----------
    types : (senders,), optional
    """

    def union() -> Neighbourhood:
        assert parts.union, "the network did not ask for the union when it was tried"
        return neighbourhoods[UNION]

    def relations() -> Mapping[str, Neighbourhood]:
        assert parts.relations, "the network did not ask for relations when it was tried"
        return {name: found for name, found in neighbourhoods.items() if name != UNION}

    return Block(receivers, senders, union, relations, types)


def learnt_rows(firms: IntVector, learnt: NDArray[np.bool_]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which rows of some firms to learn from, and which firms these are."""
    rows = np.flatnonzero(learnt[firms])
    return torch.from_numpy(rows), torch.from_numpy(firms[rows])


def in_pieces(values: IntVector, size: int) -> Iterable[IntVector]:
    """Cut into pieces of `size`; the last may be smaller."""
    return (values[start : start + size] for start in range(0, len(values), size))


@compiled
def _induced(
    indptr: IntVector, indices: IntVector, firms: IntVector, places: IntVector
) -> tuple[IntVector, IntVector, IntVector]:
    for row in range(len(firms)):
        places[firms[row]] = row
    starts = np.zeros(len(firms) + 1, np.int64)
    for row in range(len(firms)):
        inside = 0
        for edge in range(indptr[firms[row]], indptr[firms[row] + 1]):
            inside += places[indices[edge]] >= 0
        starts[row + 1] = starts[row] + inside
    edges = np.empty(starts[-1], np.int64)
    local = np.empty(starts[-1], np.int64)
    at = 0
    for row in range(len(firms)):
        for edge in range(indptr[firms[row]], indptr[firms[row] + 1]):
            place = places[indices[edge]]
            if place >= 0:
                edges[at] = edge
                local[at] = place
                at += 1
    for row in range(len(firms)):
        places[firms[row]] = -1
    return starts, local, edges
