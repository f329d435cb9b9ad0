"""From a candidate's settings to its network: the one list of architectures."""

from __future__ import annotations

from typing import assert_never

from models.gnn.graphsage import GraphSage
from models.gnn.network import Network, Shape
from schemas.candidates import AnyNetworkSpec, GraphSageSpec


def network(spec: AnyNetworkSpec, shape: Shape) -> Network:
    """Return a freshly drawn network; torch's seed decides its weights."""
    match spec:
        case GraphSageSpec():
            return GraphSage(shape, spec)
        case _:
            assert_never(spec)
