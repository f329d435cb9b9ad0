"""Message passing in which every edge's message is multiplied by a number, to be learnt or followed by gradients.

A message keeps its place in every normalisation: degrees, and the softmax of attention, stay those of the graph as it
is, so that the result is linear in the numbers of one layer (Ying and others 2019, GNNExplainer, equation 5, as DGL
and PyTorch Geometric read it). Deleting an edge is another thing: it changes the degrees too, and is done to the
arrays (`models.explain.surroundings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import leaky_relu

from models.csr import Csr
from models.gnn.blocks import Block, Convolutions
from models.gnn.normalised import Convolution, Degrees
from models.message_passing import Neighbourhood

_T = TypeVar("_T")

IntVector = NDArray[np.int64]


class Volume:
    """How loud each unit is: one number a unit, and 1 for what belongs to none.

    Attributes
    ----------
    of_units : (units + 1,)
        The last is 1; set anew at each step of an optimisation.
    """

    def __init__(self, units: int) -> None:
        self.of_units = torch.ones(units + 1)

    def set(self, volume: torch.Tensor) -> None:
        """Set the numbers, (units,)."""
        self.of_units = torch.cat([volume, volume.new_ones(1)])

    def shared(self, neighbourhood: MutedNeighbourhood, shares: torch.Tensor, *, dimensions: bool) -> None:
        """Be told of shares of attention, (m, heads) or (m, dimensions); nothing is done with them here."""


class MutedNeighbourhood(Neighbourhood):
    """A neighbourhood whose messages are as loud as their edges' units.

    Parameters
    ----------
    unit : (m,) int64
        The unit of each edge; -1 for an edge that is always as loud as it was.
    """

    volume: Volume
    unit: torch.Tensor

    @classmethod
    def muting(cls, plain: Neighbourhood, volume: Volume, unit: torch.Tensor) -> MutedNeighbourhood:
        """Return the same neighbourhood with muted messages."""
        one = cls.__new__(cls)
        one._fill(plain.csr, plain.weights, plain.receiver_degrees, plain.sender_degrees, plain.importance)
        one.volume, one.unit = volume, unit
        return one

    @property
    def whole_messages(self) -> bool:
        """Never."""
        return False

    @property
    def factors(self) -> torch.Tensor:
        """How loud each edge is, (m,)."""
        return self.volume.of_units[self.unit]

    def _factors(self, values: torch.Tensor) -> torch.Tensor:
        return self.factors.to(values.dtype)

    def messages(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one row an edge: its sender's value, muted."""
        heard = self.at_senders(values)
        factors = self._factors(values).reshape(-1, *[1] * (heard.dim() - 1))
        return heard * factors, torch.arange(self.edges)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u f_vu h_u."""
        return super().weighted_sum(values, self._factors(values))

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u f_vu h_u / d_v, d the number of edges however loud they are."""
        shares = 1 / self.csr.heard.clamp(min=1).to(values.dtype)
        return super().weighted_sum(values, self._factors(values) * shares[self.csr.row])

    def maximum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the largest f_vu h_u in each column."""
        heard, edges = self.messages(values)
        return self._by("maximum").maximum(Csr(self.csr.indptr, edges.numpy(), self.edges), heard)

    def weighted_sum(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return sum_u f_vu w_vu h_u."""
        factors = self._factors(values)
        return super().weighted_sum(values, weights * (factors if weights.dim() == 1 else factors[:, None]))

    def attended(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u f_vu softmax_u(e_vu) h_u."""
        return self._attended(scores, values, dimensions=False)

    def _attended(self, scores: torch.Tensor, values: torch.Tensor, *, dimensions: bool) -> torch.Tensor:
        shares = self.edge_softmax(scores)
        self.volume.shared(self, shares, dimensions=dimensions)
        return self.weighted_sum(values, shares)

    def additive_attention(
        self, receiver_scores: torch.Tensor, sender_scores: torch.Tensor, values: torch.Tensor, slope: float
    ) -> torch.Tensor:
        """Return sum_u f_vu softmax_u(leaky_relu(l_v + r_u)) h_u."""
        scores = self.at_receivers(receiver_scores) + self.at_senders(sender_scores)
        return self.attended(leaky_relu(scores, slope), values)

    def dimension_attention(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u f_vu softmax_u(e_u)_k h_uk in each dimension k."""
        return self._attended(self.at_senders(scores), values.unsqueeze(-1), dimensions=True).squeeze(-1)


class _MutedConvolutions(Convolutions):
    """Graph convolutions of a muted union; what a receiver hears of itself is never muted."""

    def __init__(self, block: MutedBlock) -> None:
        super().__init__(block.union)
        self._block = block

    def __missing__(self, degrees: Degrees) -> Convolution:
        """Make one, mute it and keep it."""
        made = super().__missing__(degrees)
        made.neighbourhood = self._block.muted_like(made.neighbourhood, self._block.union)
        return made


@dataclass(frozen=True)
class MutedBlock(Block):
    """A block whose neighbourhoods, and all that is derived from them, are muted by one volume.

    Nothing is remembered: what follows from the inputs changes with the volume.
    """

    volume: Volume = field(default_factory=lambda: Volume(0))

    def remembered(self, name: str, values: torch.Tensor, compute: Callable[[], _T]) -> _T:
        """Compute it."""
        return compute()

    def muted_like(self, derived: Neighbourhood, base: Neighbourhood) -> MutedNeighbourhood:
        """Mute a neighbourhood of the same firms, in which edges lie in another order or join those of the base."""
        assert isinstance(base, MutedNeighbourhood)
        unit = looked_up(_keys(base.csr), base.unit.numpy(), _keys(derived.csr))
        return MutedNeighbourhood.muting(derived, self.volume, torch.from_numpy(unit))

    @cached_property
    def union_and_self(self) -> Neighbourhood:
        """The union, in which each receiver hears itself too."""
        return self.muted_like(Block.union_and_self.func(self), self.union)  # type: ignore[attr-defined]

    @cached_property
    def relations_and_self(self) -> Mapping[str, Neighbourhood]:
        """The relations, in which each receiver hears itself too."""
        plain = Block.relations_and_self.func(self)  # type: ignore[attr-defined]
        return {name: self.muted_like(plain[name], side) for name, side in self.relations.items()}

    @cached_property
    def joint(self) -> Neighbourhood:
        """All relations side by side."""
        plain = Block.joint.func(self)  # type: ignore[attr-defined]
        keys, units = [], []
        for number, side in enumerate(self.relations.values()):
            assert isinstance(side, MutedNeighbourhood)
            rows, columns = side.csr.row.numpy(), side.indices.numpy()
            keys.append(rows * plain.senders + number * side.senders + columns)
            units.append(side.unit.numpy())
        unit = looked_up(np.concatenate(keys), np.concatenate(units), _keys(plain.csr))
        return MutedNeighbourhood.muting(plain, self.volume, torch.from_numpy(unit))

    @cached_property
    def convolutions(self) -> Convolutions:
        """Graph convolutions of the muted union."""
        return _MutedConvolutions(self)


def looked_up(keys: IntVector, values: IntVector, asked: IntVector) -> IntVector:
    """Return the value of each asked key, -1 for one that is not among the keys; no key occurs twice."""
    if not len(keys):
        return np.full(len(asked), -1, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    places = np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)
    found = order[places]
    return np.where(keys[found] == asked, values[found], -1).astype(np.int64)


def _keys(csr: Csr) -> IntVector:
    return np.asarray(csr.row.numpy() * csr.columns + csr.indices)
