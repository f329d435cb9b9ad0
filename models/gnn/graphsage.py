"""GraphSAGE (Hamilton, Ying and Leskovec 2017, arXiv:1706.02216, algorithm 1 and section 3.3).

    h_v <- relu( W_self h_v + W_neigh agg{ h_u : u related to v } + b )

with one of three aggregators; 0 for a firm that is related to nobody:

    mean   the mean of h_u
    pool   max relu(W_pool h_u + b_pool), column by column (equation 3)
    lstm   the last state of an LSTM that reads the h_u one after the other

The last layer has no relu and gives one output a class. Inductive: a firm never seen in training is
scored from its own features and those of its neighbours.
"""

from __future__ import annotations

import torch
from torch import nn

from models.gnn.blocks import Block
from models.gnn.layered import Layered
from models.gnn.network import Layer, Shape
from models.gnn.products import mapped, product
from models.gnn.rectified import rectified
from models.message_passing import Neighbourhood, own_and_means, own_plus_means
from schemas.candidates import GraphSageSpec


class MeanLayer(Layer):
    """One layer with the mean, (senders, inputs) to (receivers, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.related = nn.Linear(inputs, outputs, bias=False)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return W_self h + W_neigh mean(h) + b."""
        # The product is cheaper on whichever side of the mean has fewer columns; both are equal.
        if self.related.out_features < self.related.in_features:
            weight = torch.cat([self.own.weight, self.related.weight])
            return own_plus_means([block.union], product(values, weight)) + self.own.bias
        weight = torch.cat([self.own.weight, self.related.weight], dim=1)
        heard = block.remembered("own and mean", values, lambda: own_and_means([block.union], values))
        return product(heard, weight, self.own.bias)


class PoolLayer(Layer):
    """One layer with the maximum, (senders, inputs) to (receivers, outputs); `inputs` columns are pooled."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.pool = nn.Linear(inputs, inputs)
        self.related = nn.Linear(inputs, outputs, bias=False)

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return W_self h + W_neigh max(relu(W_pool h + b_pool)) + b."""
        pooled = block.union.maximum(rectified(mapped(self.pool, values)))
        return mapped(self.own, block.own(values)) + mapped(self.related, pooled)


class LstmLayer(Layer):
    """One layer with an LSTM, (senders, inputs) to (receivers, outputs); its state has `inputs` columns.

    The authors let the LSTM read the neighbours in random order. Here they come in the order of their values along a
    direction that is drawn once, with the weights: as arbitrary, but the same firm gets the same score every time,
    and the order in which firms are delivered changes nothing.
    """

    direction: torch.Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.lstm = nn.LSTM(inputs, inputs, batch_first=True)
        self.related = nn.Linear(inputs, outputs, bias=False)
        self.register_buffer("direction", torch.randn(inputs))

    def forward(self, block: Block, values: torch.Tensor) -> torch.Tensor:
        """Return W_self h + W_neigh lstm(h) + b."""
        related: torch.Tensor = self.related(self.read(block.union, values))
        own: torch.Tensor = self.own(block.own(values))
        return own + related

    def read(self, neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
        """Return the last states, (senders, inputs) to (receivers, inputs); firms of one degree are read together."""
        degrees = neighbourhood.indptr.diff()
        ranks = (values.detach() @ self.direction)[neighbourhood.indices]
        messages, carried = neighbourhood.messages(values)
        found = values.new_zeros((neighbourhood.receivers, values.shape[1]))
        for degree in torch.unique(degrees[degrees > 0]).tolist():
            rows = torch.nonzero(degrees == degree).squeeze(1)
            edges = neighbourhood.indptr[rows][:, None] + torch.arange(degree)
            ordered = carried[edges.gather(1, ranks[edges].argsort(dim=1, stable=True))]
            states, _ = self.lstm(messages[ordered])
            found = found.index_copy(0, rows, states[:, -1])
        return found


_LAYERS = {"mean": MeanLayer, "pool": PoolLayer, "lstm": LstmLayer}


class GraphSage(Layered):
    """`spec.layers` layers with relu between them."""

    def __init__(self, shape: Shape, spec: GraphSageSpec) -> None:
        layer = _LAYERS[spec.aggregator]
        super().__init__(shape, spec, lambda inputs, outputs, _: layer(inputs, outputs))
