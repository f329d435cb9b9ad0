"""The surroundings of some firms, cut out of a whole graph: all that their scores can hear, and nothing else.

Each firm has a copy of its surroundings to itself, so that many firms (or many versions of one) are scored, and their
masks are learnt, in one pass. Copies lie by distance from their firm, the firms themselves first: the receivers of
every layer are then the first rows of one CSR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.csr import Csr
from models.explain.attribution import Edge, Kept
from models.explain.muted import MutedBlock, MutedNeighbourhood, Volume
from models.gnn.blocks import Block, whole_graph
from models.message_passing import Neighbourhood
from models.sampled import UNION, Parts, Whole, block_of

IntVector = NDArray[np.int64]

#: which ends of an edge (receiver, sender) are source and target of its relation
_FORWARD, _BACKWARD, _EITHER = 0, 1, 2


class _Side(NamedTuple):
    relation: int
    orientation: int


@dataclass(frozen=True)
class HeardGraph:
    """A whole graph as a network hears it.

    Parameters
    ----------
    typed
        Whether nodes of other types than firms take part.
    parts
        What the network asks of a block. Where it asks for all relations together, an edge is a pair of firms.
    """

    graph: CorporateGraph
    typed: bool
    parts: Parts

    @cached_property
    def whole(self) -> Whole:
        """The neighbourhoods of the whole graph."""
        return Whole(whole_graph(self.graph, typed=self.typed), self.parts)

    @cached_property
    def reached(self) -> Csr:
        """Everybody that a node can hear, by whatever relation."""
        return self.whole.block.union.csr

    @cached_property
    def nodes(self) -> NDArray[np.str_]:
        """Ids of all nodes, firms first."""
        if not self.typed:
            return self.graph.firms
        return np.concatenate([self.graph.firms, *self.graph.nodes.values()])

    @cached_property
    def relation_names(self) -> tuple[str, ...]:
        """Names of the relations, then of the links to other nodes."""
        return (*self.graph.relations, *(self.graph.partners if self.typed else ()))

    @cached_property
    def sides(self) -> Mapping[str, _Side]:
        """By name in `Block.relations`: which relation a side is of, and how its edges run."""
        found: dict[str, _Side] = {}
        for number, (name, relation) in enumerate(self.graph.relations.items()):
            if relation.directed:
                found |= {f"{name} out": _Side(number, _FORWARD), f"{name} in": _Side(number, _BACKWARD)}
            else:
                found[name] = _Side(number, _EITHER)
        for number, name in enumerate(self.graph.partners if self.typed else (), start=len(self.graph.relations)):
            found |= {f"{name} to firms": _Side(number, _FORWARD), f"{name} of firms": _Side(number, _BACKWARD)}
        return found

    @cached_property
    def _patterns(self) -> tuple[sp.csr_array, ...]:
        """For each relation 1 where there is an edge, from source to target, all nodes by all nodes."""
        block, found = self.whole.block, []
        size = block.senders
        for number in range(len(self.relation_names)):
            name = next(n for n, side in self.sides.items() if side.relation == number and side.orientation != 1)
            csr = block.relations[name].csr
            found.append(sp.csr_array((np.ones(csr.edges, np.int8), csr.indices, csr.indptr), shape=(size, size)))
        return tuple(found)

    def edges(self, units: Units) -> tuple[Edge, ...]:
        """Return the edges that units stand for."""
        source, target = self.nodes[units.source].tolist(), self.nodes[units.target].tolist()
        if not self.parts.union:
            names = [self.relation_names[number] for number in units.relation.tolist()]
            return tuple(map(Edge._make, zip(source, target, names, units.hop.tolist(), strict=True)))
        related = np.zeros((len(source), len(self._patterns)), dtype=np.bool_)
        for number, matrix in enumerate(self._patterns):
            if len(source):
                there = np.asarray(matrix[units.source, units.target]).ravel()
                back = np.asarray(matrix[units.target, units.source]).ravel()
                related[:, number] = (there + back) > 0
        kinds, which = np.unique(related, axis=0, return_inverse=True)
        joined = [" + ".join(np.array(self.relation_names)[kind]) for kind in kinds]
        names = [joined[number] for number in which.ravel().tolist()]
        return tuple(map(Edge._make, zip(source, target, names, units.hop.tolist(), strict=True)))


class Units(NamedTuple):
    """What is explained, kept or muted as a whole: a relation between two nodes, in all its directions of hearing.

    Attributes
    ----------
    owner, relation, source, target, hop : (units,) int64
        Place of the explained firm among those asked about, number of the relation, nodes; by owner, nearest first.
    ends : (units, 2) int64
        The copies of source and target.
    """

    owner: IntVector
    relation: IntVector
    source: IntVector
    target: IntVector
    hop: IntVector
    ends: IntVector

    def of(self, owner: int) -> slice:
        """Return where one firm's units are."""
        return slice(*np.searchsorted(self.owner, [owner, owner + 1]).tolist())


class _Heard(NamedTuple):
    """One neighbourhood of the surroundings: rows are the copies that receive, in order."""

    indptr: IntVector
    indices: IntVector
    weights: torch.Tensor
    degrees: torch.Tensor
    unit: IntVector


class _Copies(NamedTuple):
    """Nodes, each with the firm it was copied for; `within[h]` of them are at most h relations away."""

    node: IntVector
    owner: IntVector
    within: IntVector


@dataclass(frozen=True)
class Surroundings:
    """Copies of all that some firms hear within `layers` steps.

    Parameters
    ----------
    firms : (t,) int64
        Rows of the graph; a firm may occur more than once.
    copies
        The first t are the firms.
    """

    heard: HeardGraph
    firms: IntVector
    layers: int
    copies: _Copies
    parts: Mapping[str, _Heard]
    units: Units

    @property
    def size(self) -> int:
        """Number of copies."""
        return len(self.copies.node)

    @property
    def number_of_edges(self) -> int:
        """Edges of all neighbourhoods together."""
        return sum(len(part.indices) for part in self.parts.values())

    def unit_shares(self) -> NDArray[np.float64]:
        """Return the share that each unit has of the weights its receiver hears by the same side, (units,).

        The largest, where a unit is heard at both ends.
        """
        found = np.zeros(len(self.units.owner))
        for part in self.parts.values():
            weights, counts = np.abs(part.weights.double().numpy()), np.diff(part.indptr)
            rows = np.repeat(np.arange(len(counts)), counts)
            totals = np.bincount(rows, weights, minlength=len(counts))
            np.maximum.at(found, part.unit, weights / np.maximum(totals, 1e-300)[rows])
        return found

    def blocks(self) -> list[Block]:
        """Return one block a layer."""
        return self._blocks(self.parts, None)

    def muted(self, volume: Volume) -> list[Block]:
        """Return one block a layer, in which each unit's messages are as loud as `volume` says."""
        return self._blocks(self.parts, [volume] * self.layers)

    def muted_by_layer(self, volumes: Sequence[Volume]) -> list[Block]:
        """Return one block a layer, each with a volume of its own."""
        return self._blocks(self.parts, volumes)

    def without(self, kept: Kept) -> list[Block]:
        """Return one block a layer of the graph without the units that are not kept, (units,) bool."""
        gone = ~kept
        lost = np.bincount(self.units.ends[gone].ravel(), minlength=self.size)
        left = {}
        for name, part in self.parts.items():
            stays = kept[part.unit]
            before = np.concatenate([[0], np.cumsum(stays)])
            indptr = before[part.indptr]
            fewer = lost
            if name != UNION:  # one side of a relation: no network asks how often its senders are heard
                fewer = np.zeros(self.size, dtype=np.int64)
                fewer[: len(indptr) - 1] = np.diff(part.indptr) - np.diff(indptr)
            left[name] = _Heard(
                indptr,
                part.indices[stays],
                part.weights[torch.from_numpy(stays)],
                part.degrees - torch.from_numpy(fewer),
                part.unit[stays],
            )
        return self._blocks(left, None)

    def _blocks(self, parts: Mapping[str, _Heard], volumes: Sequence[Volume] | None) -> list[Block]:
        within = self.copies.within
        types = self.heard.whole.block.types
        if types is not None:
            types = types[torch.from_numpy(self.copies.node)]
        found = []
        for layer in range(1, self.layers + 1):
            volume = None if volumes is None else volumes[layer - 1]
            receivers, senders = int(within[self.layers - layer]), int(within[self.layers - layer + 1])
            sides = {name: _part(part, receivers, senders, volume) for name, part in parts.items()}
            block = block_of(receivers, senders, sides, self.heard.parts, None if types is None else types[:senders])
            if volume is not None:
                block = MutedBlock(
                    block.receivers, block.senders, block.build_union, block.build_relations, block.types, volume=volume
                )
            found.append(block)
        return found


def surroundings(heard: HeardGraph, firms: Sequence[int] | IntVector, layers: int, fanout: int = 0) -> Surroundings:
    """Cut the surroundings of some firms out of a graph.

    Parameters
    ----------
    firms : (t,)
        Rows of the graph.
    layers
        How many relations away a score hears.
    fanout
        At most so many partners of a partner are taken, evenly spread over its row; 0 takes all. A firm's own
        partners are always all there. What is left out is estimated by what is there.
    """
    targets = np.asarray(firms, dtype=np.int64)
    copies = _copied(heard, targets, layers, fanout)
    size = heard.whole.size
    keys = copies.owner * size + copies.node
    order = np.argsort(keys)
    receiving = int(copies.within[layers - 1])
    laid, unit_keys = {}, []
    for name, whole in heard.whole.neighbourhoods.items():
        rows, edges = _edges_of(whole.csr, copies.node[:receiving])
        senders = whole.csr.indices[edges]
        asked = copies.owner[rows] * size + senders
        places = order[np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)]
        there = keys[places] == asked  # all are, unless a fanout left some out
        rows, edges, places = rows[there], edges[there], places[there]
        laid[name] = (rows, edges, places)
        unit_keys.append(_unit_keys(heard, name, copies, rows, places))
    every = np.concatenate(unit_keys) if unit_keys else np.zeros((0, 4), dtype=np.int64)
    units, unit = _units(every, copies, size)
    parts, start = {}, 0
    for name, (rows, edges, places) in laid.items():
        whole = heard.whole.neighbourhoods[name]
        parts[name] = _Heard(
            np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=receiving))]).astype(np.int64),
            places,
            whole.weights[torch.from_numpy(edges)],
            whole.receiver_degrees[torch.from_numpy(copies.node)],
            unit[start : start + len(rows)],
        )
        start += len(rows)
    return Surroundings(heard, targets, layers, copies, parts, units)


def _part(part: _Heard, receivers: int, senders: int, volume: Volume | None) -> Neighbourhood:
    edges = int(part.indptr[receivers])
    csr = Csr(part.indptr[: receivers + 1], part.indices[:edges], senders)
    plain = Neighbourhood.of(csr, part.weights[:edges], part.degrees[:receivers], part.degrees[:senders])
    if volume is None:
        return plain
    return MutedNeighbourhood.muting(plain, volume, torch.from_numpy(part.unit[:edges]))


def _copied(heard: HeardGraph, targets: IntVector, layers: int, fanout: int) -> _Copies:
    size, reached = heard.whole.size, heard.reached
    nodes, owners, within = [targets], [np.arange(len(targets))], [len(targets)]
    known = owners[0] * size + targets
    for hop in range(1, layers + 1):
        rows, edges = _edges_of(reached, nodes[-1], fanout if hop > 1 else 0)
        found = np.setdiff1d(owners[-1][rows] * size + reached.indices[edges], known)
        known = np.concatenate([known, found])
        nodes.append(found % size)
        owners.append(found // size)
        within.append(within[-1] + len(found))
    return _Copies(np.concatenate(nodes), np.concatenate(owners), np.array(within, dtype=np.int64))


def _edges_of(csr: Csr, rows: IntVector, fanout: int = 0) -> tuple[IntVector, IntVector]:
    """Return, edge by edge of some rows, which of the rows it is of and its place in the CSR."""
    starts, counts = csr.indptr[rows], csr.indptr[rows + 1] - csr.indptr[rows]
    taken = np.minimum(counts, fanout) if fanout else counts
    row = np.repeat(np.arange(len(rows)), taken)
    within = np.arange(int(taken.sum())) - np.repeat(np.cumsum(taken) - taken, taken)
    if fanout:
        within = within * counts[row] // np.maximum(taken[row], 1)
    return row, starts[row] + within


def _unit_keys(heard: HeardGraph, name: str, copies: _Copies, rows: IntVector, columns: IntVector) -> IntVector:
    """Return owner, relation and the copies of source and target of each edge's unit, (m, 4)."""
    owner = copies.owner[rows]
    if heard.parts.union:
        relation, orientation = 0, _EITHER
    else:
        relation, orientation = heard.sides[name]
    first, second = (columns, rows) if orientation == _BACKWARD else (rows, columns)
    if orientation == _EITHER:
        turned = copies.node[first] > copies.node[second]
        first, second = np.where(turned, second, first), np.where(turned, first, second)
    return np.stack([owner, np.full(len(rows), relation, dtype=np.int64), first, second], axis=1)


def _units(every: IntVector, copies: _Copies, size: int) -> tuple[Units, IntVector]:
    """Return the units, by owner and distance, and the unit of each edge."""
    hops = np.searchsorted(copies.within, np.arange(len(copies.node)), side="right")
    owner, relation, first, second = every.T
    hop = np.minimum(hops[first], hops[second])
    # Copies are fewer than 2^31, so that a pair of them fits one key beside which the rest is small.
    pair = first * len(copies.node) + second
    order = np.lexsort((relation, pair, hop, owner))
    changes = np.ones(len(order), dtype=np.bool_)
    if len(order):
        columns = [one[order] for one in (owner, relation, pair)]
        changes[1:] = np.any([one[1:] != one[:-1] for one in columns], axis=0)
    unit = np.empty(len(order), dtype=np.int64)
    unit[order] = np.cumsum(changes) - 1
    chosen = order[changes]
    ends = np.stack([first[chosen], second[chosen]], axis=1)
    source, target = copies.node[first[chosen]], copies.node[second[chosen]]
    return Units(owner[chosen], relation[chosen], source, target, hop[chosen], ends), unit
