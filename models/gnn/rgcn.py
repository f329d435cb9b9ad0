"""Relational graph convolution (R-GCN; Schlichtkrull and others 2018, arXiv:1703.06103, equations 2 to 4).

    h_v <- relu( W_0 h_v + sum_r mean{ W_r h_u : u related to v by r } + b )

r runs over relations and directions. Their weights are free, or tied:

    basis   W_r = sum_b a_rb V_b                  with matrices V_b that all relations share (equation 3)
    block   W_r = diag(Q_r1, ..., Q_rB)           so that only columns of one block mix (equation 4)

The last layer has no relu and gives one output a class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.layered import Layered
from models.gnn.network import Layer, Shape
from models.gnn.products import product
from models.message_passing import own_and_means, own_plus_means
from schemas.candidates import RgcnSpec


class FreeWeights(nn.Module):
    """One matrix a relation; without arguments to (sides, inputs, outputs)."""

    def __init__(self, sides: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrices = nn.Parameter(torch.empty(sides, inputs, outputs))
        for matrix in self.matrices:
            nn.init.xavier_uniform_(matrix)

    def forward(self) -> torch.Tensor:
        """Return W_r, (sides, inputs, outputs)."""
        return self.matrices


class BasisWeights(nn.Module):
    """Combinations of `parts` shared matrices."""

    def __init__(self, sides: int, inputs: int, outputs: int, parts: int) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.empty(sides, parts))
        self.basis = FreeWeights(parts, inputs, outputs)
        nn.init.xavier_uniform_(self.shares)

    def forward(self) -> torch.Tensor:
        """Return sum_b a_rb V_b, (sides, inputs, outputs)."""
        return torch.einsum("rb,bio->rio", self.shares, self.basis())


class BlockWeights(nn.Module):
    """`parts` blocks along a diagonal, as alike in size as they can be where `parts` divides neither width."""

    def __init__(self, sides: int, inputs: int, outputs: int, parts: int) -> None:
        super().__init__()
        parts = min(parts, inputs, outputs)
        self.sides = sides
        self.blocks = nn.ModuleList(
            FreeWeights(sides, rows, columns)
            for rows, columns in zip(_shares(inputs, parts), _shares(outputs, parts), strict=True)
        )

    def forward(self) -> torch.Tensor:
        """Return diag(Q_r1, ..., Q_rB), (sides, inputs, outputs)."""
        blocks = [block() for block in self.blocks]
        return torch.stack([_diagonal([block[side] for block in blocks]) for side in range(self.sides)])


class RgcnLayer(Layer):
    """One layer, (senders, inputs) to (receivers, outputs); `weights` gives (sides, inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int, weights: nn.Module) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.weights = weights

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return W_0 h + sum_r mean(W_r h) + b."""
        sides = list(block.relations.values())
        if not sides:
            alone: torch.Tensor = self.own(block.own(values))
            return alone
        weights = self.weights().transpose(1, 2)
        # The product is cheaper on whichever side of the mean has fewer columns; both are equal.
        if self.own.out_features < self.own.in_features:
            weight = torch.cat([self.own.weight, *weights])
            return own_plus_means(sides, product(values, weight)) + self.own.bias
        weight = torch.cat([self.own.weight, *weights], dim=1)
        heard = block.remembered("own and means of relations", values, lambda: own_and_means(sides, values))
        return product(heard, weight, self.own.bias)


class Rgcn(Layered):
    """`spec.layers` layers with relu between them."""

    def __init__(self, shape: Shape, spec: RgcnSpec) -> None:
        def layer(inputs: int, outputs: int, last: bool) -> Layer:
            return RgcnLayer(inputs, outputs, _weights(spec, len(shape.sides), inputs, outputs))

        super().__init__(shape, spec, layer, beta=spec.dimension_attention)


def _weights(spec: RgcnSpec, sides: int, inputs: int, outputs: int) -> nn.Module:
    match spec.decomposition:
        case "none":
            return FreeWeights(sides, inputs, outputs)
        case "basis":
            return BasisWeights(sides, inputs, outputs, spec.parts)
        case "block":
            return BlockWeights(sides, inputs, outputs, spec.parts)


def _diagonal(blocks: Sequence[torch.Tensor]) -> torch.Tensor:
    matrix: torch.Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return matrix


def _shares(width: int, parts: int) -> list[int]:
    return [len(columns) for columns in torch.arange(width).tensor_split(parts)]
