"""What attention looked at: the shares that a network itself gives a firm's partners.

GAT, GATv2, HAN and HGT give each partner a share a head, GDAN and the dimension attention plug-in one in each
dimension. A map shows those shares as they are; an attribution follows them from the firm back through the layers, a
share of a share at each step (attention rollout; Abnar and Zuidema 2020, arXiv:2005.00928, section 3). Shares say where
a network listens, not what it makes of what it hears: how far they explain a score is for `models.explain.fidelity` to
say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.explain.attribution import Attribution, Edge, FloatVector, Method, attribution
from models.explain.muted import MutedNeighbourhood, Volume
from models.explain.networks import ExplainedNetwork
from schemas.errors import SettingsError


@dataclass(frozen=True)
class AttentionMap:
    """The shares of a firm's partners in one layer.

    Attributes
    ----------
    layer
        1 is the first; the last is the one whose shares belong to the firm's own relations alone.
    edges
        None for the firm itself, where it hears itself too.
    shares : (len(edges), columns)
        One column a head or dimension; each sums to 1 over the edges.
    columns
        What the columns are.
    """

    layer: int
    edges: tuple[Edge | None, ...]
    shares: NDArray[np.float64]
    columns: Literal["heads", "dimensions"]


class _Witness(Volume):
    """A volume that leaves all messages as they are and keeps the shares of attention."""

    def __init__(self, units: int) -> None:
        super().__init__(units)
        self.seen: list[tuple[MutedNeighbourhood, torch.Tensor, bool]] = []

    def shared(self, neighbourhood: MutedNeighbourhood, shares: torch.Tensor, *, dimensions: bool) -> None:
        """Keep them."""
        self.seen.append((neighbourhood, shares.detach().double(), dimensions))


def attention_maps(explained: ExplainedNetwork) -> list[AttentionMap]:
    """Return the firm's own shares in the last layer: a map for each attention the layer has, of the first network.

    Raises
    ------
    SettingsError
        If the network has no attention.
    """
    witness = _witnessed(explained)[-1]
    edges, found = explained.edges, []
    for neighbourhood, shares, dimensions in witness.seen:
        own = slice(*neighbourhood.indptr[:2].tolist())
        units = neighbourhood.unit[own].tolist()
        found.append(
            AttentionMap(
                explained.opened.fitted.spec.layers,
                tuple(None if unit < 0 else edges[unit] for unit in units),
                shares[own].numpy(),
                "dimensions" if dimensions else "heads",
            )
        )
    return found


def attention_attribution(explained: ExplainedNetwork) -> Attribution:
    """Return how much of the firm's attention goes along each relation, over all layers: shares, 0 or more.

    Raises
    ------
    SettingsError
        If the network has no attention.
    """
    witnesses = _witnessed(explained)
    weights = np.zeros(len(explained.edges))
    flow = np.zeros(explained.around.size)
    flow[0] = 1.0
    within = explained.around.copies.within
    for step, witness in enumerate(reversed(witnesses), start=1):
        flow = _followed(witness, flow, weights, senders=int(within[step]))
    score = float(explained.log_odds()[0])
    return attribution(explained, Method.ATTENTION, log_odds=score, signed=False, edges=weights)


def _followed(witness: _Witness, flow: FloatVector, weights: FloatVector, *, senders: int) -> FloatVector:
    """Add what flows along each unit in one layer to its weight; return what arrives at the senders."""
    arrives = np.zeros(len(flow))
    for neighbourhood, shares, _ in witness.seen:
        # Where relations lie side by side, sender k * senders + u is firm u.
        receiver, sender = neighbourhood.csr.row.numpy(), neighbourhood.indices.numpy() % senders
        part = flow[receiver] * shares.mean(dim=1).numpy() / len(witness.seen)
        unit = neighbourhood.unit.numpy()
        np.add.at(weights, unit[unit >= 0], part[unit >= 0])
        np.add.at(arrives, sender, part)
    return arrives


def _witnessed(explained: ExplainedNetwork) -> list[_Witness]:
    opened, around = explained.opened, explained.around
    witnesses = [_Witness(len(around.units.owner)) for _ in range(around.layers)]
    with torch.no_grad():
        opened.fitted.networks[0].eval()(around.muted_by_layer(witnesses), opened.values(around))
    if not all(witness.seen for witness in witnesses):
        raise SettingsError(
            f"Candidate {opened.fitted.spec.name} has no attention to show.",
            expected="gat, gatv2, han, hgt or gdan, or `dimension_attention` above 0",
            found=opened.fitted.spec.kind,
            way_out="ask for another method: gnn_explainer, integrated_gradients or leave_one_out",
        )
    return witnesses
