"""Graph convolutional network (Kipf and Welling 2017, arXiv:1609.02907, equation 2).

    h_v <- relu( sum_{u related to v, or v itself} W h_u / sqrt((d_u + 1) (d_v + 1)) + b )

d is the number of firms a firm is related to. The last layer has no relu and gives one output a class.
"""

from __future__ import annotations

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.layered import Layered
from models.gnn.network import Layer, Shape
from models.gnn.normalised import Degrees
from models.gnn.products import product
from schemas.candidates import GcnSpec


class GcnLayer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return the convolution of W h, plus b."""
        convolved = block.convolutions[Degrees.WITH_SELF]
        # The convolution is cheaper on whichever side of the product has fewer columns; both are equal.
        if self.linear.out_features < self.linear.in_features:
            return convolved(self.linear(values)) + self.bias
        heard = block.remembered("convolution with self", values, lambda: convolved(values))
        return product(heard, self.linear.weight, self.bias)


class Gcn(Layered):
    """`spec.layers` layers with relu between them."""

    def __init__(self, shape: Shape, spec: GcnSpec) -> None:
        super().__init__(
            shape, spec, lambda inputs, outputs, _: GcnLayer(inputs, outputs), beta=spec.dimension_attention
        )
