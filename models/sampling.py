"""The batches of an epoch: the whole graph, or samples of it.

A sampler is made once for a training and deals one epoch after another, each from its own random
numbers, so that a training that goes on after a kill meets the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import numpy as np
import torch
from numpy.typing import NDArray

from models.cluster_sampling import ClusterSampler
from models.gnn.blocks import Block
from models.neighbour_sampling import NeighbourSampler
from models.saint_sampling import SaintSampler
from models.sampled import Batch, Parts
from schemas.candidates import Batches, ClusterBatches, FullBatch, NeighbourBatches, SaintBatches

__all__ = ["Batch", "FullSampler", "Parts", "Sampler", "sampler"]


class Sampler(Protocol):
    """Deals batches."""

    def epoch(self, learnt: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the batches of one epoch, which learn from firms of `learnt`, (n,) bool."""
        ...


@dataclass(frozen=True)
class FullSampler:
    """One batch: the whole graph in every layer."""

    blocks: Sequence[Block]

    def epoch(self, learnt: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the whole graph once; nothing is drawn."""
        rows = torch.from_numpy(np.flatnonzero(learnt))
        yield Batch(self.blocks, None, rows, rows)


def sampler(spec: Batches, whole: Block, layers: int, parts: Parts) -> Sampler:
    """Return the sampler of a training.

    Parameters
    ----------
    whole
        The whole graph.
    layers
        Number of blocks of a batch.
    parts
        What the network asks of a block (`models.sampled.asked_parts`); nothing else is sampled.
    """
    match spec:
        case FullBatch():
            return FullSampler([whole] * layers)
        case NeighbourBatches():
            return NeighbourSampler(spec, whole, layers, parts)
        case ClusterBatches():
            return ClusterSampler(spec, whole, layers, parts)
        case SaintBatches():
            return SaintSampler(spec, whole, layers, parts)
        case _:
            assert_never(spec)
