"""What layers have in common: dropout before, activation after, residuals, dimension attention beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.dimension_attention import DimensionRisk
from models.gnn.network import Layer, Network, Shape
from models.gnn.rectified import rectified
from schemas.candidates import LayeredSpec, NetworkSpec


class Joined(Layer):
    """A layer's result, joined by what goes past it and by dimension attention.

    Parameters
    ----------
    residual
        Add what went in, by a linear map where `inputs` and `outputs` differ (He and others 2016, equation 2).
    beta
        Weight of dimension attention; 0: none.
    sides
        Number of relations' sides.
    """

    def __init__(
        self, layer: Layer, inputs: int, outputs: int, *, residual: bool = False, beta: float = 0.0, sides: int = 0
    ) -> None:
        super().__init__()
        self.layer = layer
        self.past: nn.Module | None = None
        if residual:
            self.past = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)
        self.risk = DimensionRisk(inputs, outputs, sides, beta) if beta else None

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return the sum, (receivers, outputs)."""
        found: torch.Tensor = self.layer(block, values)
        if self.past is not None:
            found = found + self.past(block.own(values))
        if self.risk is not None:
            found = found + self.risk(block, values)
        return found


class Layered(Network):
    """`spec.layers` layers with dropout before each and an activation after all but the last.

    Parameters
    ----------
    layer
        Of inputs, outputs and whether it is the last: one layer.
    """

    def __init__(
        self,
        shape: Shape,
        spec: LayeredSpec,
        layer: Callable[[int, int, bool], Layer],
        *,
        beta: float = 0.0,
        activation: Callable[[torch.Tensor], torch.Tensor] = rectified,
    ) -> None:
        super().__init__()
        widths = [shape.inputs, *[spec.hidden] * (spec.layers - 1), shape.outputs]
        self.layers = nn.ModuleList(
            Joined(
                layer(inputs, outputs, number == spec.layers),
                inputs,
                outputs,
                residual=spec.residual,
                beta=beta,
                sides=len(shape.sides),
            )
            for number, (inputs, outputs) in enumerate(pairwise(widths), start=1)
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.activation = activation

    @property
    def head(self) -> nn.Module:
        """The last layer, which passes messages once more."""
        return self.layers[-1]

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (receivers, outputs)."""
        for number, (layer, block) in enumerate(zip(self.layers, blocks, strict=True), start=1):
            values = layer(block, self.dropout(values))
            if number < len(self.layers):
                values = self.activation(values)
        return values


class Projected(Network):
    """A projection of the inputs, layers of one width with dropout after each, and a linear classifier.

    Parameters
    ----------
    project
        Inputs to what the first layer takes, node by node: (senders, inputs) to (senders, k).
    """

    def __init__(self, shape: Shape, spec: NetworkSpec, project: Layer, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.project = project
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Linear(spec.hidden, shape.outputs)
        self.dropout = nn.Dropout(spec.dropout)

    @property
    def head(self) -> nn.Module:
        """The classifier."""
        return self.classifier

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (receivers, outputs)."""
        values = self.project(blocks[0], values)
        for layer, block in zip(self.layers, blocks, strict=True):
            values = self.dropout(layer(block, values))
        outputs: torch.Tensor = self.classifier(values)
        return outputs


class TypedLinear(nn.Module):
    """A linear map a type of node, (n, inputs) to (n, outputs)."""

    def __init__(self, inputs: int, outputs: int, types: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(inputs, outputs) for _ in range(types))

    def forward(self, types: torch.Tensor | None, values: torch.Tensor) -> torch.Tensor:
        """Return W_t h + b_t with t the node's type; without `types`, (n,), all are of the first."""
        if types is None:
            first: torch.Tensor = self.maps[0](values)
            return first
        rows = [torch.nonzero(types == number).squeeze(1) for number in range(len(self.maps))]
        parts = torch.cat([one(values[some]) for one, some in zip(self.maps, rows, strict=True)])
        return parts[torch.argsort(torch.cat(rows))]


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation (Ioffe and Szegedy 2015) that lets a batch of one firm pass by the averages so far."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the normalised values, (n, d)."""
        if self.training and len(values) > 1:
            normalised: torch.Tensor = super().forward(values)
            return normalised
        return functional.batch_norm(values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
