"""Simple and efficient heterogeneous graph network (SeHGNN; Yang and others 2023, arXiv:2207.02547, section 4).

With X_p the features averaged along path p of at most `spec.layers` relations (`models.gnn.propagation`):

    h_p = relu( W_p X_p + b_p )                                                   projection
    h'_p = beta sum_q softmax_q(q_p . k_q) v_q + h_p                              transformer over paths
    y = W_2 relu( W_1 [h'_1 | h'_2 | ...] + b_1 ) + b_2

q, k and v are linear in h; beta is learnt. With semantic fusion (`models.gnn.han.SemanticAttention`) the paths' h are
added with one weight each instead. The outcomes that the authors pass on beside the features are a setting of every
network here: `label_inputs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from models.gnn.blocks import Block
from models.gnn.han import SemanticAttention
from models.gnn.network import Network, Shape
from models.gnn.propagation import metapath_means, number_of_metapaths
from schemas.candidates import SehgnnSpec

#: firms that are fused at a time in use: fusion holds paths * hidden numbers a firm several times over
_AT_A_TIME = 8192


class Transformer(nn.Module):
    """Each path hears all paths: (n, paths, width) to (n, paths * width); queries and keys are an eighth as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.queries, self.keys = (nn.Linear(width, max(1, width // 8), bias=False) for _ in range(2))
        self.values = nn.Linear(width, width, bias=False)
        self.beta = nn.Parameter(torch.ones(()))

    def forward(self, paths: torch.Tensor) -> torch.Tensor:
        """Return h', the paths side by side."""
        weights = torch.softmax(self.queries(paths) @ self.keys(paths).transpose(1, 2), dim=2)
        fused: torch.Tensor = self.beta * (weights @ self.values(paths)) + paths
        return fused.flatten(1)


class Sehgnn(Network):
    """Averaged features, a projection a path, fusion, and a network of one hidden layer."""

    def __init__(self, shape: Shape, spec: SehgnnSpec) -> None:
        super().__init__()
        paths = number_of_metapaths(len(shape.sides), spec.layers)
        self.projections = nn.Parameter(torch.empty(paths, shape.inputs, spec.hidden))
        for matrix in self.projections:
            nn.init.xavier_uniform_(matrix)
        self.biases = nn.Parameter(torch.zeros(paths, spec.hidden))
        transformer = spec.fusion == "transformer"
        self.fusion = Transformer(spec.hidden) if transformer else SemanticAttention(paths, spec.hidden)
        self.classifier = nn.Sequential(
            nn.Dropout(spec.dropout),
            nn.Linear(spec.hidden * (paths if transformer else 1), spec.hidden),
            nn.ReLU(),
            nn.Dropout(spec.dropout),
            nn.Linear(spec.hidden, shape.outputs),
        )
        self.dropout = nn.Dropout(spec.dropout)

    @property
    def head(self) -> nn.Module:
        """The last linear map of the classifier."""
        return self.classifier[-1]

    def forward(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (receivers, outputs)."""
        means = metapath_means(blocks, values)
        if self.training:
            return self.fused(torch.stack(means))
        pieces = zip(*(torch.split(mean, _AT_A_TIME) for mean in means), strict=True)
        return torch.cat([self.fused(torch.stack(piece)) for piece in pieces])

    def fused(self, means: torch.Tensor) -> torch.Tensor:
        """Return the outputs of some firms: (paths, n, inputs) to (n, outputs)."""
        paths = torch.baddbmm(self.biases[:, None], self.dropout(means), self.projections)
        outputs: torch.Tensor = self.classifier(self.fusion(functional.relu(paths).transpose(0, 1)))
        return outputs
