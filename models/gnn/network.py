"""What every architecture is built from and looks like from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

from models.gnn.blocks import Block


@dataclass(frozen=True)
class Shape:
    """The sizes of a network, all known from its inputs and its portfolio.

    Attributes
    ----------
    inputs
        Columns of the values.
    outputs
        Columns of the result (`models.classes.output_width`).
    sides
        Names of relations and directions (`models.gnn.blocks.side_names`).
    types
        Names of the types of node, firms first; `Block.types` counts along them.
    """

    inputs: int
    outputs: int
    sides: tuple[str, ...]
    types: tuple[str, ...] = ("firm",)

    def text(self) -> str:
        """Return the sizes as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Shape:
        """Read back what `text` returned."""
        kept = json.loads(text)
        return cls(kept["inputs"], kept["outputs"], tuple(kept["sides"]), tuple(kept["types"]))


class Layer(nn.Module):
    """One step of message passing."""

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return, (senders, inputs) to (receivers, outputs)."""
        raise NotImplementedError


class Network(nn.Module):
    """A graph neural network: blocks and values to one row of outputs a firm."""

    @property
    def head(self) -> nn.Module:
        """What makes outputs of the last hidden layer, which is its last argument: one row a firm."""
        raise NotImplementedError

    def last_hidden(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the last hidden layer, (senders of the last block, width); a network of one layer has its inputs."""
        parts: list[torch.Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, inputs: parts.append(inputs[-1].detach()))
        try:
            self(blocks, values)
        finally:
            hook.remove()
        return torch.cat(parts)  # some networks score firms a part at a time

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return, (senders of the first block, inputs) to (receivers of the last, outputs).

        Layer k passes messages along ``blocks[k]``, whose receivers are the senders of the next; on
        the whole graph all are the same block.
        """
        raise NotImplementedError
