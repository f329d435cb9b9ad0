"""Graph attention network (Velickovic and others 2018, arXiv:1710.10903, equations 1 to 6).

    a_vu = softmax_u leaky_relu( l . W h_v + r . W h_u )          u related to v, or v itself
    h_v <- elu( sum_u a_vu W h_u + b )

by each of several heads. Hidden layers put the heads' results side by side (equation 5), the last layer averages them
(equation 6) and has no elu. The authors' dropout on the attention itself is left out: attention is never laid out
by edge.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.layered import Layered
from models.gnn.network import Layer, Shape
from schemas.candidates import GatSpec

#: of the leaky relu, as in the paper
SLOPE = 0.2


class GatLayer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs).

    Parameters
    ----------
    average
        Every head gives all outputs, and they are averaged; otherwise each gives its share.
    """

    def __init__(self, inputs: int, outputs: int, heads: int, *, average: bool) -> None:
        super().__init__()
        self.heads, self.average = heads, average
        width = outputs if average else outputs // heads
        self.linear = nn.Linear(inputs, heads * width, bias=False)
        self.receiving = nn.Parameter(torch.empty(heads, width))
        self.sending = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.receiving)
        nn.init.xavier_uniform_(self.sending)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return what the heads attend to, plus b."""
        heard = self.linear(values).unflatten(1, (self.heads, -1))
        receiving = head_scores(self.linear, self.receiving, block.own(values))
        sending = head_scores(self.linear, self.sending, values)
        found = block.union_and_self.additive_attention(receiving, sending, heard, SLOPE)
        return self.bias + (found.mean(dim=1) if self.average else found.flatten(1))


def head_scores(linear: nn.Linear, vectors: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return a . (W h + b) by head, (n, heads), of vectors a, (heads, d).

    As (W' a) . h it takes one narrow product, where W h by head and then by a reads all of W h once more.
    """
    by_head = torch.einsum("hdi,hd->hi", linear.weight.view(*vectors.shape, -1), vectors)
    shift = None if linear.bias is None else (linear.bias.view_as(vectors) * vectors).sum(dim=1)
    return functional.linear(values, by_head, shift)


class Gat(Layered):
    """`spec.layers` layers with elu between them."""

    def __init__(self, shape: Shape, spec: GatSpec) -> None:
        super().__init__(
            shape,
            spec,
            lambda inputs, outputs, last: GatLayer(inputs, outputs, spec.heads, average=last),
            beta=spec.dimension_attention,
            activation=functional.elu,
        )
