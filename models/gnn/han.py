"""Heterogeneous graph attention network (HAN; Wang and others 2019, arXiv:1903.07293, equations 1 to 9).

    h'_v = M h_v + m                                                                        (1)
    a_vu = softmax_u leaky_relu( l_r . h'_v + s_r . h'_u )    u related to v by r, or v     (2, 3)
    z_v^r = elu( sum_u a_vu h'_u )            by each of several heads, put side by side    (4, 5)
    w_r = mean over firms of q . tanh( W z_v^r + b )                                        (7)
    h_v <- sum_r softmax_r(w)_r z_v^r                                                       (8, 9)

The metapaths r are the relations and their directions. A linear map to the classes follows the last layer.

The weight w_r of a relation is one number for all firms. In training it is the mean over the firms of the batch; in
use it is the running average of those means, as batch normalisation does it, so that a firm's score does not depend
on which other firms are scored with it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.gat import SLOPE, head_scores
from models.gnn.layered import Joined, Projected
from models.gnn.network import Layer, Shape
from schemas.candidates import HanSpec

#: share of a batch's mean in the running average; the default of torch's batch normalisation
_MOMENTUM = 0.1


class SemanticAttention(nn.Module):
    """One weight a part: (n, parts, d) to (n, d) (equations 7 to 9)."""

    weight: torch.Tensor
    batches: torch.Tensor

    def __init__(self, parts: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)
        self.register_buffer("weight", torch.zeros(parts))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, parts: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum over the parts."""
        weight = self.weight
        if self.training:
            weight = self.query(torch.tanh(self.linear(parts))).squeeze(2).mean(dim=0)
            share = _MOMENTUM if self.batches else 1.0
            self.weight.lerp_(weight.detach(), share)
            self.batches += 1
        return torch.einsum("p,npd->nd", weight.softmax(dim=0), parts)


class HanLayer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs); `heads` share the outputs."""

    def __init__(self, inputs: int, outputs: int, heads: int, sides: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(inputs, outputs)
        self.receiving = nn.Parameter(torch.empty(sides, heads, outputs // heads))
        self.sending = nn.Parameter(torch.empty(sides, heads, outputs // heads))
        nn.init.xavier_uniform_(self.receiving)
        nn.init.xavier_uniform_(self.sending)
        self.semantic = SemanticAttention(sides, outputs)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return what the relations come to."""
        heard = self.linear(values).unflatten(1, (self.heads, -1))
        own = block.own(values)
        sides = zip(block.relations_and_self.values(), self.receiving, self.sending, strict=True)
        parts = [
            side.additive_attention(
                head_scores(self.linear, receiving, own), head_scores(self.linear, sending, values), heard, SLOPE
            ).flatten(1)
            for side, receiving, sending in sides
        ]
        found: torch.Tensor = self.semantic(functional.elu(torch.stack(parts, dim=1)))
        return found


class AsTheyCome(Layer):
    """No projection: a layer's own comes first."""

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return the values."""
        return values


class Han(Projected):
    """`spec.layers` layers and a classifier."""

    def __init__(self, shape: Shape, spec: HanSpec) -> None:
        sides = len(shape.sides)
        widths = [shape.inputs, *[spec.hidden] * (spec.layers - 1)]
        layers = [
            Joined(
                HanLayer(width, spec.hidden, spec.heads, sides),
                width,
                spec.hidden,
                beta=spec.dimension_attention,
                sides=sides,
            )
            for width in widths
        ]
        super().__init__(shape, spec, AsTheyCome(), layers)
