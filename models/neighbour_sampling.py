"""Some firms a step, and a sample of whom they hear (GraphSAGE; Hamilton, Ying and Leskovec 2017, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from models.compiled import compiled
from models.csr import Csr, IntVector
from models.gnn.blocks import Block
from models.message_passing import Neighbourhood
from models.sampled import Batch, Parts, Whole, block_of, in_pieces
from schemas.candidates import NeighbourBatches


class NeighbourSampler:
    """Each learnt firm once an epoch, `spec.size` a step.

    Each layer draws, of each firm and each neighbourhood the network asks for, at most `spec.fanout` firms
    without replacement. A mean over them estimates that over all; degrees are those of the whole graph.
    """

    def __init__(self, spec: NeighbourBatches, whole: Block, layers: int, parts: Parts) -> None:
        self.spec = spec
        self.whole = Whole(whole, parts)
        self.layers = layers

    def epoch(self, learnt: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the learnt firms in random order."""
        order = rng.permutation(np.flatnonzero(learnt))
        for firms in in_pieces(order, self.spec.size):
            yield self.batch(firms, rng)

    def batch(self, firms: IntVector, rng: np.random.Generator) -> Batch:
        """Return the batch that learns from these firms."""
        heard, blocks = firms, []
        for _ in range(self.layers):
            block, heard = self._layer(heard, rng)
            blocks.append(block)
        rows = torch.arange(len(firms))
        return Batch(blocks[::-1], torch.from_numpy(heard), rows, torch.from_numpy(firms))

    def _layer(self, receivers: IntVector, rng: np.random.Generator) -> tuple[Block, IntVector]:
        drawn, senders = {}, receivers
        for name, whole in self.whole.neighbourhoods.items():
            seed = rng.integers(2**63, dtype=np.int64)
            csr = whole.csr
            *drawn[name], senders = _drawn(
                csr.indptr, csr.indices, receivers, senders, self.spec.fanout, np.uint64(seed), self.whole.places
            )
        rows, heard = torch.from_numpy(receivers), torch.from_numpy(senders)
        found = {}
        for name, (indptr, indices, edges) in drawn.items():
            whole = self.whole.neighbourhoods[name]
            found[name] = Neighbourhood.of(
                Csr(indptr, indices, len(senders)),
                whole.weights[torch.from_numpy(edges)],
                whole.receiver_degrees[rows],
                whole.receiver_degrees[heard],
            )
        types = self.whole.types_of(senders)
        return block_of(len(receivers), len(senders), found, self.whole.parts, types), senders


@compiled
def _drawn(
    indptr: IntVector,
    indices: IntVector,
    receivers: IntVector,
    senders: IntVector,
    fanout: int,
    seed: np.uint64,
    places: IntVector,
) -> tuple[IntVector, IntVector, IntVector, IntVector]:
    # Returns the block's indptr and indices, the edges' places in the whole graph, and the senders, the given
    # ones first. `places` numbers firms and is left as it was found.
    starts = np.zeros(len(receivers) + 1, np.int64)
    for row in range(len(receivers)):
        firm = receivers[row]
        starts[row + 1] = starts[row] + min(indptr[firm + 1] - indptr[firm], fanout)
    edges = np.empty(starts[-1], np.int64)
    state = seed
    for row in range(len(receivers)):
        begin, end = indptr[receivers[row]], indptr[receivers[row] + 1]
        at, kept = starts[row], starts[row + 1] - starts[row]
        if end - begin <= fanout:
            for number in range(kept):
                edges[at + number] = begin + number
            continue
        # Floyd's draw of `kept` different numbers below the degree (Bentley and Floyd 1987), with SplitMix64.
        for number in range(kept):
            last = end - begin - kept + number
            state += np.uint64(0x9E3779B97F4A7C15)
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
            pick = begin + np.int64(mixed % np.uint64(last + 1))
            for before in range(number):
                if edges[at + before] == pick:
                    pick = begin + last
                    break
            edges[at + number] = pick
        edges[at : at + kept].sort()
    known = np.empty(len(senders) + len(edges), np.int64)
    known[: len(senders)] = senders
    count = len(senders)
    for place in range(count):
        places[known[place]] = place
    local = np.empty(len(edges), np.int64)
    for number in range(len(edges)):
        firm = indices[edges[number]]
        if places[firm] < 0:
            places[firm] = count
            known[count] = firm
            count += 1
        local[number] = places[firm]
    for place in range(count):
        places[known[place]] = -1
    return starts, local, edges, known[:count].copy()
