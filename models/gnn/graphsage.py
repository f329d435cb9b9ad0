"""GraphSAGE with mean aggregation (Hamilton, Ying and Leskovec 2017, arXiv:1706.02216, algorithm 1).

    h_v <- relu( W_self h_v + W_neigh mean{ h_u : u related to v } + b )

The last layer has no relu and gives one output a class. Inductive: a firm never seen in training is
scored from its own features and those of its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.network import Network, Shape
from models.message_passing import Neighbourhood
from schemas.candidates import GraphSageSpec


class SageLayer(nn.Module):
    """One layer, (senders, inputs) to (receivers, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.related = nn.Linear(inputs, outputs, bias=False)

    def forward(self, neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
        """Return W_self h + W_neigh mean(h) + b."""
        own: torch.Tensor = self.own(values[: neighbourhood.receivers])
        # The product is cheaper on whichever side of the mean has fewer columns; both are equal.
        if self.related.out_features < self.related.in_features:
            return own + neighbourhood.mean(self.related(values))
        related: torch.Tensor = self.related(neighbourhood.mean(values))
        return own + related


class GraphSage(Network):
    """`spec.layers` layers with dropout before each."""

    def __init__(self, shape: Shape, spec: GraphSageSpec) -> None:
        super().__init__()
        widths = [shape.inputs, *[spec.hidden] * (spec.layers - 1), shape.outputs]
        self.layers = nn.ModuleList(SageLayer(a, b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (receivers, outputs)."""
        for number, (layer, block) in enumerate(zip(self.layers, blocks, strict=True)):
            values = layer(block.union, self.dropout(values))
            if number < len(self.layers) - 1:
                values = torch.relu(values)
        return values
