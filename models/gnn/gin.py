"""Graph isomorphism network (Xu and others 2019, arXiv:1810.00826, equation 4.1).

    h_v <- relu( MLP( (1 + eps) h_v + sum_{u related to v} h_u ) )

The MLP is linear, batch normalisation, relu, linear; eps is learnt. A sum tells apart what a mean or a maximum
cannot, how many partners there are among it. The last layer has no relu and gives one output a class.
"""

from __future__ import annotations

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.layered import BatchNorm, Layered
from models.gnn.network import Layer, Shape
from models.gnn.normalised import estimated_sum
from schemas.candidates import GinSpec


class GinLayer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs), with `hidden` columns inside the MLP."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Linear(inputs, hidden, bias=False),  # normalisation has a shift of its own
            BatchNorm(hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return the MLP of (1 + eps) h plus the sum."""
        own = (1 + self.epsilon) * block.own(values)
        heard = block.remembered("sum", values, lambda: estimated_sum(block.union, values))
        found: torch.Tensor = self.mlp(own + heard)
        return found


class Gin(Layered):
    """`spec.layers` layers with relu between them."""

    def __init__(self, shape: Shape, spec: GinSpec) -> None:
        super().__init__(shape, spec, lambda inputs, outputs, _: GinLayer(inputs, spec.hidden, outputs))
