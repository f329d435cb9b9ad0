"""Dimension attention, the part of GDAN that other networks can borrow.

Wei and others 2024, Graph Dimension Attention Networks for Enterprise Credit Assessment, equations 3 and 5 to 7:

    c_j = W_cont h_j + b_cont                                       what firm j passes on
    e_ij = c_j W_r                                                  j related to i by r
    a_ij^k = exp(e_ij^k) / sum_m exp(e_im^k)                        over i's neighbours m of all relations
    DA_i^k = sum_j a_ij^k c_j^k                                     in each dimension k

A firm that is related to nobody gets 0.
"""

from __future__ import annotations

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.network import Layer


class DimensionAttention(Layer):
    """Equations 5 and 6: contagion, (senders, d), to what it comes to at the receivers, (receivers, d)."""

    def __init__(self, width: int, sides: int) -> None:
        super().__init__()
        self.relations = nn.Parameter(torch.empty(sides, width, width))
        for weight in self.relations:
            nn.init.xavier_uniform_(weight)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return DA."""
        sides, width, _ = self.relations.shape
        # A score depends on the sender and the relation alone: it is one row a pair, not one an edge.
        scores = torch.matmul(values, self.relations).reshape(sides * len(values), width)
        return block.joint.dimension_attention(scores, values if sides == 1 else values.repeat(sides, 1))


class DimensionRisk(Layer):
    """The plug-in: beta * DA of equations 3, 5 and 6, to be added to any layer's result (equation 7)."""

    def __init__(self, inputs: int, outputs: int, sides: int, beta: float) -> None:
        super().__init__()
        self.contagion = nn.Linear(inputs, outputs)
        self.attention = DimensionAttention(outputs, sides)
        self.beta = beta

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return beta * DA, (senders, inputs) to (receivers, outputs)."""
        found: torch.Tensor = self.attention(block, self.contagion(values))
        return self.beta * found
