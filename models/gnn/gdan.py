"""Graph dimension attention network (GDAN; Wei and others 2024, equations 1 to 8).

The paper is "Graph Dimension Attention Networks for Enterprise Credit Assessment".

    h_i = relu( norm( W x_i ) )                                                     projection (1, by type 2)
    c_i = W_cont h_i + b_cont                                                       contagion (3)
    g_i = sum_j c_j / (d_i d_j)                    j related to i                   graph convolution (4)
    a_i^k = sum_j softmax_j(c_j W_r)^k c_j^k       j related to i by r              dimension attention (5, 6)
    h_i <- dropout( relu( W_f (g_i + beta a_i) + b_f ) )                            risk merging (7)

and a linear map from the last h to the classes (8). d is the number of firms a firm is related to, norm batch
normalisation, which has a shift of its own instead of equation 1's b. The attention is described in
`models.gnn.dimension_attention`.

Two settings follow the authors' published program (github.com/shaopengw/GDAN, read in November 2026) where it differs
from the equations: `own_term` adds o_i = layer_norm( relu( W_own c_i + b_own ) ) to g_i, and `normalisation: root`
divides by sqrt(d_i d_j).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.dimension_attention import DimensionAttention
from models.gnn.layered import BatchNorm, Projected, TypedLinear
from models.gnn.network import Layer, Shape
from models.gnn.normalised import Degrees
from schemas.candidates import GdanSpec


class GdanProjection(Layer):
    """Equation 1, after equation 2 where nodes have types: (senders, inputs) to (senders, outputs)."""

    def __init__(self, inputs: int, outputs: int, types: int) -> None:
        super().__init__()
        self.by_type = TypedLinear(inputs, outputs, types) if types > 1 else None
        self.linear = nn.Linear(inputs if types == 1 else outputs, outputs, bias=False)
        self.norm = BatchNorm(outputs)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return relu(norm(W x))."""
        if self.by_type is not None:
            values = functional.relu(self.by_type(block.types, values))
        return functional.relu(self.norm(self.linear(values)))


class GdanLayer(Layer):
    """Equations 3 to 7 without the dropout: (senders, width) to (receivers, width)."""

    def __init__(self, width: int, sides: int, spec: GdanSpec) -> None:
        super().__init__()
        self.beta, self.degrees = spec.beta, Degrees(spec.normalisation)
        self.contagion = nn.Linear(width, width)
        self.attention = DimensionAttention(width, sides) if spec.beta else None
        self.own = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.LayerNorm(width)) if spec.own_term else None
        self.merge = nn.Linear(width, width)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return relu(W_f (g + beta a) + b_f)."""
        contagion = self.contagion(values)
        found = block.convolutions[self.degrees](contagion)
        if self.own is not None:
            found = found + self.own(block.own(contagion))
        if self.attention is not None:
            found = found + self.beta * self.attention(block, contagion)
        return functional.relu(self.merge(found))


class Gdan(Projected):
    """A projection, `spec.layers` layers and a classifier."""

    def __init__(self, shape: Shape, spec: GdanSpec) -> None:
        sides = len(shape.sides)
        project = GdanProjection(shape.inputs, spec.hidden, len(shape.types))
        super().__init__(shape, spec, project, [GdanLayer(spec.hidden, sides, spec) for _ in range(spec.layers)])
