"""From a candidate's settings to its network: the one list of architectures."""

from __future__ import annotations

from typing import assert_never

from models.gnn.gat import Gat
from models.gnn.gatv2 import GatV2
from models.gnn.gcn import Gcn
from models.gnn.gdan import Gdan
from models.gnn.gin import Gin
from models.gnn.graphsage import GraphSage
from models.gnn.han import Han
from models.gnn.hgt import Hgt
from models.gnn.network import Network, Shape
from models.gnn.propagated import Propagated
from models.gnn.rgcn import Rgcn
from models.gnn.sehgnn import Sehgnn
from schemas.candidates import (
    AnyNetworkSpec,
    GatSpec,
    GatV2Spec,
    GcnSpec,
    GdanSpec,
    GinSpec,
    GraphSageSpec,
    HanSpec,
    HgtSpec,
    PropagatedSpec,
    RgcnSpec,
    SehgnnSpec,
)


def network(spec: AnyNetworkSpec, shape: Shape) -> Network:  # noqa: PLR0911 - one case an architecture
    """Return a freshly drawn network; torch's seed decides its weights."""
    match spec:
        case GcnSpec():
            return Gcn(shape, spec)
        case GraphSageSpec():
            return GraphSage(shape, spec)
        case GatSpec():
            return Gat(shape, spec)
        case GatV2Spec():
            return GatV2(shape, spec)
        case GinSpec():
            return Gin(shape, spec)
        case RgcnSpec():
            return Rgcn(shape, spec)
        case HanSpec():
            return Han(shape, spec)
        case HgtSpec():
            return Hgt(shape, spec)
        case GdanSpec():
            return Gdan(shape, spec)
        case SehgnnSpec():
            return Sehgnn(shape, spec)
        case PropagatedSpec():
            return Propagated(shape, spec)
        case _:
            assert_never(spec)
