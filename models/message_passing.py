"""The only door to a graph engine: what architectures may ask of a neighbourhood.

Every primitive is defined here by its formula. Two engines compute all of them: DGL, and compiled loops
over plain torch tensors (`models/csr_engine.py`). Values lie by firm: row u of `values` belongs to sender
u, row v of a result to receiver v. Edges lie by receiver, as in `indptr` and `indices`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache, cached_property
from types import ModuleType
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch

from models.csr import Csr
from models.csr_engine import CsrEngine
from models.engine import engine_name
from models.plain_engine import PlainEngine

#: What DGL computes where it is the engine, because its kernels are the fastest; the compiled loops do the
#: rest. Two threads, 100,000 firms and 1,000,000 edges, 64 columns (`make bench-speed`, step `primitives`).
DGL_IS_FASTEST = frozenset({"sum"})

#: Fewer edges than this are summed by the loops in either case: DGL takes longer to be told of a graph.
_WORTH_TELLING_DGL = 100_000


@cache
def _dgl() -> ModuleType:
    os.environ["DGLBACKEND"] = "pytorch"  # read once, at its import
    import dgl

    return cast("ModuleType", dgl)


class DglEngine(PlainEngine):
    """Every primitive by DGL's own kernels; int64 throughout (its samplers and kernels trip over int32)."""

    def edge_sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """DGL's sum of edge values."""
        return self._called("copy_e_sum", csr, values)

    def at_senders(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """DGL's copy from sender to edge."""
        return self._called("copy_u", csr, values)

    def at_receivers(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """DGL's copy from receiver to edge."""
        return self._called("copy_v", csr, values)

    def sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """DGL's sum over neighbours."""
        return self._called("copy_u_sum", csr, values)

    def maximum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """DGL's maximum over neighbours; a receiver that hears nobody passes it no gradient.

        By itself DGL 1.1.3 would hand that receiver's gradient to sender 0.
        """
        return torch.where(csr.heard[:, None] > 0, self._called("copy_u_max", csr, values), 0)

    def weighted_sum(self, csr: Csr, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """DGL's sum of sender times edge."""
        return self._called("u_mul_e_sum", csr, values, weights.unsqueeze(-1))

    def edge_softmax(self, csr: Csr, scores: torch.Tensor) -> torch.Tensor:
        """DGL's softmax over a receiver's edges."""
        return self._called("edge_softmax", csr, scores)

    def _called(self, operation: str, csr: Csr, *tensors: torch.Tensor) -> torch.Tensor:
        threads = torch.get_num_threads()
        dgl = _dgl()
        if dgl.utils.get_num_threads() != threads:
            dgl.utils.set_num_threads(threads)
        found = getattr(dgl.ops, operation)(_told(csr), *tensors)
        return cast("torch.Tensor", found)


def _told(csr: Csr) -> Any:
    """Return DGL's graph of the same arrays, made once and kept with them."""
    known = csr.__dict__.get("dgl_graph")
    if known is None:
        edges = ("csc", (torch.from_numpy(csr.indptr), csr.column, torch.arange(csr.edges)))
        sizes = {"sender": csr.columns, "receiver": csr.rows}
        known = _dgl().heterograph({("sender", "heard by", "receiver"): edges}, sizes, idtype=torch.int64)
        csr.__dict__["dgl_graph"] = known
    return known


PLAIN, LOOPS, DGL = PlainEngine(), CsrEngine(), DglEngine()


class Neighbourhood:
    """Who hears whom.

    Receivers are the first of the senders: in a sampled block row v of a result and row v of the values
    belong to the same firm; in a whole graph they are the same firms.

    Parameters
    ----------
    receivers : (r, s) CSR
        Row = receiving firm, columns = the firms it hears.
    receiver_degrees : (r,), optional
        Number of firms each receiver hears in the whole graph, where this is only a part of it.
    sender_degrees : (s,), optional
        The same for the senders.
    importance : (m,), optional
        How many edges of the whole graph each edge stands for, where edges are met unequally often.

    Attributes
    ----------
    weights : (m,) float32
        The relation's own weights.
    """

    def __init__(
        self,
        receivers: sp.csr_array,
        receiver_degrees: torch.Tensor | None = None,
        sender_degrees: torch.Tensor | None = None,
        importance: torch.Tensor | None = None,
    ) -> None:
        # Copied only where they are of another kind or cannot be written to, which torch warns of.
        indptr, indices = (np.require(part, np.int64, ["C", "W"]) for part in (receivers.indptr, receivers.indices))
        weights = torch.from_numpy(np.require(receivers.data, np.float32, ["C", "W"]))
        csr = Csr(indptr, indices, receivers.shape[1])
        self._fill(csr, weights, receiver_degrees, sender_degrees, importance)

    @classmethod
    def of(
        cls,
        csr: Csr,
        weights: torch.Tensor | None = None,
        receiver_degrees: torch.Tensor | None = None,
        sender_degrees: torch.Tensor | None = None,
        importance: torch.Tensor | None = None,
    ) -> Neighbourhood:
        """Return the neighbourhood of arrays as they are, nothing copied; weights are 1 if none are given."""
        one = cls.__new__(cls)
        weights = torch.ones(csr.edges) if weights is None else weights
        one._fill(csr, weights, receiver_degrees, sender_degrees, importance)
        return one

    def _fill(
        self,
        csr: Csr,
        weights: torch.Tensor,
        receiver_degrees: torch.Tensor | None,
        sender_degrees: torch.Tensor | None,
        importance: torch.Tensor | None,
    ) -> None:
        self.csr, self.weights, self.importance = csr, weights, importance
        self.receiver_degrees = csr.heard if receiver_degrees is None else receiver_degrees
        self.sender_degrees = self.receiver_degrees if sender_degrees is None else sender_degrees
        self._engine = engine_name()

    @property
    def receivers(self) -> int:
        """Number of receivers, r."""
        return self.csr.rows

    @property
    def senders(self) -> int:
        """Number of senders, s."""
        return self.csr.columns

    @cached_property
    def indptr(self) -> torch.Tensor:
        """Where each receiver's edges begin, (r + 1,) int64; shares its memory with the engine's."""
        return torch.from_numpy(self.csr.indptr)

    @property
    def indices(self) -> torch.Tensor:
        """The senders each receiver hears, (m,) int64; shares its memory with the engine's."""
        return self.csr.column

    @property
    def edges(self) -> int:
        """Number of edges, m."""
        return self.csr.edges

    @property
    def whole_messages(self) -> bool:
        """Whether every edge carries its sender's value once: neither sampled unequally nor muted."""
        return self.importance is None

    def messages(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows, and for each edge which of them it carries, (m,): the senders' values, none laid out twice."""
        return values, self.indices

    def own(self, values: torch.Tensor) -> torch.Tensor:
        """Return the receivers' own values, (s, ...) to (r, ...)."""
        # A slice of all would come back as a copy into zeros.
        return values if len(values) == self.receivers else values[: self.receivers]

    def _by(self, primitive: str) -> PlainEngine:
        if self._engine == "dgl" and primitive in DGL_IS_FASTEST and self.edges >= _WORTH_TELLING_DGL:
            return DGL
        return LOOPS

    def at_senders(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, ...) to (m, ...), each edge's sender's value."""
        return self._by("at_senders").at_senders(self.csr, values)

    def at_receivers(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (r, ...) to (m, ...), each edge's receiver's value."""
        return self._by("at_receivers").at_receivers(self.csr, values)

    def edge_sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (m, ...) to (r, ...), the sum over each receiver's edges; 0 for one without any."""
        return self._by("edge_sum").edge_sum(self.csr, values)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), sum_u h_u."""
        return self._by("sum").sum(self.csr, values)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), the mean of h_u over u; 0 for a receiver without any.

        With `importance` i the estimate sum_u i_vu h_u / d_v of that over the whole graph, d the receiver's degree.
        """
        if self.importance is None:
            return self._by("mean").mean(self.csr, values)
        degrees = self.receiver_degrees.clamp(min=1).to(values.dtype)[:, None]
        return self.weighted_sum(values, self.importance.to(values.dtype)) / degrees

    def maximum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), the largest h_u in each column; 0 for a receiver without any."""
        return self._by("maximum").maximum(self.csr, values)

    def weighted_sum(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return sum_u w_vu h_u: (s, d) with (m,) to (r, d), or (s, h, d) with (m, h) to (r, h, d)."""
        return self._by("weighted_sum").weighted_sum(self.csr, values, weights)

    def edge_softmax(self, scores: torch.Tensor) -> torch.Tensor:
        """Return, (m, h) to (m, h), exp(e_vu) / sum_w exp(e_vw) over each receiver's edges."""
        return self._by("edge_softmax").edge_softmax(self.csr, scores)

    def attended(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u softmax_u(e_vu) h_u: scores (m, h), values (s, h, d), to (r, h, d)."""
        return self._by("attended").attended(self.csr, scores, values)

    def additive_attention(
        self, receiver_scores: torch.Tensor, sender_scores: torch.Tensor, values: torch.Tensor, slope: float
    ) -> torch.Tensor:
        """Return sum_u softmax_u(leaky_relu(l_v + r_u)) h_u: (r, h), (s, h) and (s, h, d) to (r, h, d).

        The attention of GAT (Velickovic and others 2018, equation 3), with scores never laid out by edge
        where the engine can avoid it.
        """
        by = self._by("additive_attention")
        return by.additive_attention(self.csr, receiver_scores, sender_scores, values, slope)

    def dimension_attention(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u softmax_u(e_u)_k h_uk in each dimension k: scores and values (s, d) to (r, d).

        The scores belong to the senders, so that the softmax of a dimension runs over the firms a
        receiver hears (Wei and others 2024, GDAN, equations 5 and 6); 0 for a receiver without any.
        """
        return self._by("dimension_attention").dimension_attention(self.csr, scores, values)


def own_and_means(sides: Sequence[Neighbourhood], values: torch.Tensor) -> torch.Tensor:
    """Return h_v and, side by side with it, the mean of h_u over each side's u: (s, d) to (r, (1 + sides) * d).

    One product with stacked weights is then the sum of one product a side.

    Parameters
    ----------
    sides
        At least one neighbourhood; all of the same receivers and senders.
    """
    if not all(side.whole_messages for side in sides):
        return torch.cat([sides[0].own(values), *(side.mean(values) for side in sides)], dim=1)
    return sides[0]._by("own_and_means").own_and_means([side.csr for side in sides], values)


def own_plus_means(sides: Sequence[Neighbourhood], values: torch.Tensor) -> torch.Tensor:
    """Return h_v^0 + sum_k mean of h_u^k over the u of side k: (s, (1 + sides) * d) to (r, d).

    `values` hold h^0 and for each side k its h^k, side by side; `sides` are as for `own_and_means`.
    """
    if not all(side.whole_messages for side in sides):
        own, *parts = values.chunk(1 + len(sides), dim=1)
        found = sides[0].own(own)
        for side, part in zip(sides, parts, strict=True):
            found = found + side.mean(part)
        return found
    return sides[0]._by("own_plus_means").own_plus_means([side.csr for side in sides], values)
