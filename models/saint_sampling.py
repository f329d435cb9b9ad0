"""The firms on random walks and the edges among them a step (GraphSAINT; Zeng and others 2020, algorithms 1 and 2).

Firms and edges in the middle of the graph are met more often than others. With C_v the samples that contain
firm v, C_vu those that contain the edge too, and N samples in all, as in section 3.2 of the paper:

    loss         sum_v l_v / (C_v / N), over the learnt firms of a sample
    aggregation  sum_u h_u / (C_vu / C_v), over the sampled edges of v

so that the expectations of both are those of the whole graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.csr import IntVector
from models.gnn.blocks import Block
from models.sampled import Batch, Parts, Whole, learnt_rows
from schemas.candidates import SaintBatches

#: of the samples that are only counted: they belong to the graph, not to an epoch
_COUNTING_SEED = 0


class Meetings(NamedTuple):
    """How often samples meet firms and edges.

    Attributes
    ----------
    firms : (n,) float64
        Share of samples that contain a firm, above 0.
    edges
        By neighbourhood, (m,) float32: how many edges each stands for, C_v / C_vu.
    """

    firms: NDArray[np.float64]
    edges: dict[str, NDArray[np.float32]]


class SaintSampler:
    """As many samples an epoch as would, without overlap, cover the graph."""

    def __init__(self, spec: SaintBatches, whole: Block, layers: int, parts: Parts) -> None:
        self.spec = spec
        self.whole = Whole(whole, parts)
        self.layers = layers

    @property
    def steps(self) -> int:
        """Samples an epoch."""
        return -(-self.whole.size // (self.spec.roots * (self.spec.length + 1)))

    def epoch(self, learnt: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Batch]:
        """Yield samples; one without a learnt firm is left out."""
        total = max(int(learnt.sum()), 1)
        for _ in range(self.steps):
            firms = self.firms(rng)
            rows, which = learnt_rows(firms, learnt)
            if not len(rows):
                continue
            # The loss of a batch is a mean over its own learnt firms; the estimate is of that over all.
            weights = torch.from_numpy(len(rows) / total / self.meetings.firms[which.numpy()]).float()
            block = self.whole.subgraph(firms, self.meetings.edges)
            yield Batch([block] * self.layers, torch.from_numpy(firms), rows, which, weights)

    def firms(self, rng: np.random.Generator) -> IntVector:
        """Draw a sample: all firms on `roots` walks, ascending. A firm without partners stays where it is."""
        union = self.whole.block.union.csr
        here = rng.integers(self.whole.size, size=self.spec.roots)
        visited = [here]
        for _ in range(self.spec.length):
            degrees = union.indptr[here + 1] - union.indptr[here]
            chosen = union.indptr[here] + (rng.random(len(here)) * degrees).astype(np.int64)
            here = here.copy()
            here[degrees > 0] = union.indices[chosen[degrees > 0]]
            visited.append(here)
        return np.unique(np.concatenate(visited))

    @cached_property
    def meetings(self) -> Meetings:
        """Estimate from `trials` samples how often each firm and edge is met.

        Both counts start at 1: a firm that no trial met is still met by the step that asks.
        """
        rng = np.random.default_rng(_COUNTING_SEED)
        firms = np.ones(self.whole.size)
        edges = {name: np.ones(part.edges) for name, part in self.whole.neighbourhoods.items()}
        for _ in range(self.spec.trials):
            met = self.firms(rng)
            firms[met] += 1
            for name, counts in edges.items():
                counts[self.whole.induced(name, met)[1]] += 1
        importance = {
            name: (firms[self.whole.neighbourhoods[name].csr.row.numpy()] / counts).astype(np.float32)
            for name, counts in edges.items()
        }
        return Meetings(firms / (self.spec.trials + 1), importance)
