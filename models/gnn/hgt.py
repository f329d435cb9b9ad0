"""Heterogeneous graph transformer (HGT; Hu and others 2020, arXiv:2003.01332, equations 3 to 5).

With t a node's type, r the relation (and direction) of an edge, and for each of several heads i of d columns:

    k_u = K_t(u)^i h_u      q_v = Q_t(v)^i h_v      m_u = M_t(u)^i h_u
    a_vu = softmax_u( k_u W_r^att . q_v  mu_r / sqrt(d) )        over the neighbours u of v by all relations
    h_v <- A_t(v) gelu( sum_u a_vu m_u W_r^msg, heads side by side ) + h_v

Inputs are projected by type, with gelu, and a linear map to the classes follows the last layer. A relation connects
two types and no others, so that the paper's prior mu of type, relation and type is one number a relation and head.
The encoding of time is not used: a graph is as of one day.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.layered import Joined, Projected, TypedLinear
from models.gnn.network import Layer, Shape
from schemas.candidates import HgtSpec


class HgtLayer(Layer):
    """One layer, (senders, width) to (receivers, width); `heads` share the columns."""

    def __init__(self, width: int, heads: int, sides: int, types: int) -> None:
        super().__init__()
        self.heads = heads
        self.keys, self.queries, self.messages, self.adopt = (TypedLinear(width, width, types) for _ in range(4))
        self.attending = nn.Parameter(_by_relation(sides, heads, width // heads))
        self.sending = nn.Parameter(_by_relation(sides, heads, width // heads))
        self.priors = nn.Parameter(torch.ones(sides, 1, heads, 1))

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return what is heard of all relations, and what was there before."""
        own, types = block.own(values), block.receiver_types()
        keys = self._each(self.keys(block.types, values), self.attending) * self.priors
        messages = self._each(self.messages(block.types, values), self.sending)
        queries = self.queries(types, own).unflatten(1, (self.heads, -1))
        joint = block.joint
        products = joint.at_senders(keys.flatten(0, 1)) * joint.at_receivers(queries)
        scores = products.sum(dim=2) / math.sqrt(queries.shape[2])
        heard = joint.attended(scores, messages.flatten(0, 1)).flatten(1)
        found: torch.Tensor = self.adopt(types, functional.gelu(heard))
        return found + own

    def _each(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return, (senders, width) to (sides, senders, heads, d), each head's values under each relation."""
        return torch.einsum("nhd,rhde->rnhe", values.view(len(values), self.heads, -1), weights)


class TypedProjection(Layer):
    """Inputs to hidden columns by type, with gelu: (senders, inputs) to (senders, outputs)."""

    def __init__(self, inputs: int, outputs: int, types: int) -> None:
        super().__init__()
        self.linear = TypedLinear(inputs, outputs, types)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return gelu(W_t x + b_t)."""
        return functional.gelu(self.linear(block.types, values))


class Hgt(Projected):
    """A projection, `spec.layers` layers and a classifier."""

    def __init__(self, shape: Shape, spec: HgtSpec) -> None:
        sides, types = len(shape.sides), len(shape.types)
        layers = [
            Joined(
                HgtLayer(spec.hidden, spec.heads, sides, types),
                spec.hidden,
                spec.hidden,
                beta=spec.dimension_attention,
                sides=sides,
            )
            for _ in range(spec.layers)
        ]
        super().__init__(shape, spec, TypedProjection(shape.inputs, spec.hidden, types), layers)


def _by_relation(sides: int, heads: int, width: int) -> torch.Tensor:
    weights = torch.empty(sides, heads, width, width)
    for matrix in weights.flatten(0, 1):
        nn.init.xavier_uniform_(matrix)
    return weights
