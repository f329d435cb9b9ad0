"""A model without message passing on features that were passed on before it (`models.gnn.propagation`).

    y = W S^K X + b                              SGC (Wu and others 2019, arXiv:1902.07153, equation 8)
    y = f( [X | S X | ... | S^K X] )             SIGN (Frasca and others 2020, arXiv:2004.11198, section 3)

S passes features on along all relations together, or one S a relation and direction does, with their results side by
side. f is linear, or has hidden layers with relu.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.network import Network, Shape
from models.gnn.propagation import powers
from schemas.candidates import PropagatedSpec


class Propagated(Network):
    """A linear model or a small network on passed-on features."""

    def __init__(self, shape: Shape, spec: PropagatedSpec) -> None:
        super().__init__()
        self.per_relation, self.weighted = spec.per_relation, spec.weighted
        operators = len(shape.sides) if spec.per_relation else 1
        every = 1 + operators * spec.layers
        self.first = every - operators if spec.powers == "last" else 0
        parts = every - self.first
        widths = [parts * shape.inputs, *[spec.hidden] * spec.hidden_layers, shape.outputs]
        steps: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            steps += [nn.Dropout(spec.dropout), nn.Linear(inputs, outputs), nn.ReLU()]
        self.model = nn.Sequential(*steps[:-1])

    @property
    def head(self) -> nn.Module:
        """The last linear map; without hidden layers its argument are the passed-on features."""
        return self.model[-1]

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (receivers, outputs)."""
        parts = powers(blocks, values, per_relation=self.per_relation, weighted=self.weighted)[self.first :]
        outputs: torch.Tensor = self.model(torch.cat(parts, dim=1))
        return outputs
