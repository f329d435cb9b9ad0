"""The only door to a graph engine: what architectures may ask of a neighbourhood.

Every primitive is defined here by its formula; the engines (`CREDITNET_ENGINE`) compute it. Values lie by
firm: row u of `values` belongs to sender u, row v of a result to receiver v. Edges lie by receiver, as in
`indptr` and `indices`.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch


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

    Attributes
    ----------
    indptr : (r + 1,) int64
    indices : (m,) int64
        The senders each receiver hears.
    weights : (m,) float32
        The relation's own weights.
    """

    def __init__(
        self,
        receivers: sp.csr_array,
        receiver_degrees: torch.Tensor | None = None,
        sender_degrees: torch.Tensor | None = None,
    ) -> None:
        self.receivers, self.senders = receivers.shape
        self.indptr = torch.from_numpy(receivers.indptr.astype(np.int64))
        self.indices = torch.from_numpy(receivers.indices.astype(np.int64))
        self.weights = torch.from_numpy(receivers.data.astype(np.float32))
        heard = self.indptr.diff()
        self.receiver_degrees = heard if receiver_degrees is None else receiver_degrees
        self.sender_degrees = self.receiver_degrees if sender_degrees is None else sender_degrees
        self._receiver = torch.repeat_interleave(torch.arange(self.receivers), heard)

    @property
    def edges(self) -> int:
        """Number of edges, m."""
        return len(self.indices)

    def at_senders(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, ...) to (m, ...), each edge's sender's value."""
        return values[self.indices]

    def at_receivers(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (r, ...) to (m, ...), each edge's receiver's value."""
        return values[self._receiver]

    def edge_sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (m, ...) to (r, ...), the sum over each receiver's edges; 0 for one without any."""
        return values.new_zeros((self.receivers, *values.shape[1:])).index_add(0, self._receiver, values)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), sum_u h_u."""
        return self.edge_sum(self.at_senders(values))

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), the mean of h_u over u; 0 for a receiver without any."""
        return self.sum(values) / self.indptr.diff().clamp(min=1).to(values.dtype)[:, None]

    def maximum(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (s, d) to (r, d), the largest h_u in each column; 0 for a receiver without any."""
        start = values.new_zeros((self.receivers, values.shape[1]))
        at = self._receiver[:, None].expand(-1, values.shape[1])
        return start.scatter_reduce(0, at, self.at_senders(values), "amax", include_self=False)

    def weighted_sum(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return sum_u w_vu h_u: (s, d) with (m,) to (r, d), or (s, h, d) with (m, h) to (r, h, d)."""
        return self.edge_sum(self.at_senders(values) * weights.unsqueeze(-1))

    def edge_softmax(self, scores: torch.Tensor) -> torch.Tensor:
        """Return, (m, h) to (m, h), exp(e_vu) / sum_w exp(e_vw) over each receiver's edges."""
        at = self._receiver[:, None].expand_as(scores)
        start = scores.new_zeros((self.receivers, scores.shape[1]))
        largest = start.scatter_reduce(0, at, scores.detach(), "amax", include_self=False)
        powers = torch.exp(scores - largest[self._receiver])
        return powers / self.edge_sum(powers)[self._receiver]

    def attended(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u softmax_u(e_vu) h_u: scores (m, h), values (s, h, d), to (r, h, d)."""
        return self.weighted_sum(values, self.edge_softmax(scores))

    def additive_attention(
        self, receiver_scores: torch.Tensor, sender_scores: torch.Tensor, values: torch.Tensor, slope: float
    ) -> torch.Tensor:
        """Return sum_u softmax_u(leaky_relu(l_v + r_u)) h_u: (r, h), (s, h) and (s, h, d) to (r, h, d).

        The attention of GAT (Velickovic and others 2018, equation 3), with scores never laid out by edge
        where the engine can avoid it.
        """
        scores = self.at_receivers(receiver_scores) + self.at_senders(sender_scores)
        return self.attended(torch.nn.functional.leaky_relu(scores, slope), values)

    def dimension_attention(self, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return sum_u softmax_u(e_u)_k h_uk in each dimension k: scores and values (s, d) to (r, d).

        The scores belong to the senders, so that the softmax of a dimension runs over the firms a
        receiver hears (Wei and others 2024, GDAN, equations 5 and 6); 0 for a receiver without any.
        """
        return self.attended(self.at_senders(scores), values.unsqueeze(-1)).squeeze(-1)
