"""Graph attention whose ranking depends on who looks (GATv2; Brody, Alon and Yahav 2022, arXiv:2105.14491, equation 7).

    a_vu = softmax_u( a . leaky_relu( W_l h_v + W_r h_u ) )       u related to v, or v itself
    h_v <- elu( sum_u a_vu W_r h_u + b )

by each of several heads, which are put side by side, in the last layer averaged and without elu. GAT applies the
leaky relu after the product with a, so that all firms rank their partners alike.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.gat import SLOPE
from models.gnn.layered import Layered
from models.gnn.network import Layer, Shape
from schemas.candidates import GatV2Spec


class GatV2Layer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs); heads as in `models.gnn.gat.GatLayer`."""

    def __init__(self, inputs: int, outputs: int, heads: int, *, average: bool) -> None:
        super().__init__()
        self.heads, self.average = heads, average
        width = outputs if average else outputs // heads
        self.receiving = nn.Linear(inputs, heads * width, bias=False)
        self.sending = nn.Linear(inputs, heads * width, bias=False)
        self.scores = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.scores)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return what the heads attend to, plus b."""
        neighbourhood = block.union_and_self
        receiving = self.receiving(block.own(values)).unflatten(1, (self.heads, -1))
        sending = self.sending(values).unflatten(1, (self.heads, -1))
        # No score of a pair is a sum of a score of each, so that these are laid out by edge.
        pairs = functional.leaky_relu(neighbourhood.at_receivers(receiving) + neighbourhood.at_senders(sending), SLOPE)
        found = neighbourhood.attended((pairs * self.scores).sum(dim=2), sending)
        return self.bias + (found.mean(dim=1) if self.average else found.flatten(1))


class GatV2(Layered):
    """`spec.layers` layers with elu between them."""

    def __init__(self, shape: Shape, spec: GatV2Spec) -> None:
        super().__init__(
            shape,
            spec,
            lambda inputs, outputs, last: GatV2Layer(inputs, outputs, spec.heads, average=last),
            activation=functional.elu,
        )
