"""The batches of one epoch: the whole graph, or samples of it.

What a batch leaves out is left out at random and made up for by weights, so that its loss is that of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.gnn.blocks import Block
from schemas.candidates import Batches, FullBatch


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


def batches(
    spec: Batches,
    graph: CorporateGraph,
    whole: Block,
    layers: int,
    learnt: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield the batches of one epoch; together they learn from every firm of `learnt` (n, bool)."""
    match spec:
        case FullBatch():
            rows = torch.from_numpy(np.flatnonzero(learnt))
            yield Batch([whole] * layers, None, rows, rows)
        case _:
            raise NotImplementedError(spec.kind)
