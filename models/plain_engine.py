"""The primitives of message passing in torch's own operations: on every device, in every precision.

Plain but not lean: most of them lay values out by edge, which `models/csr_engine.py` avoids.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import leaky_relu

from models.csr import Csr


class PlainEngine:
    """Every primitive, by its formula; `Neighbourhood` says what each is."""

    def at_senders(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.at_senders`."""
        return values[csr.column.to(values.device)]

    def at_receivers(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.at_receivers`."""
        return values[csr.row.to(values.device)]

    def edge_sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.edge_sum`."""
        start = values.new_zeros((csr.rows, *values.shape[1:]))
        return start.index_add(0, csr.row.to(values.device), values)

    def sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.sum`."""
        return self.edge_sum(csr, self.at_senders(csr, values))

    def mean(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.mean`."""
        return self.sum(csr, values) / csr.heard.clamp(min=1).to(values)[:, None]

    def own_and_means(self, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        """See `own_and_means` in `models/message_passing.py`."""
        return torch.cat([values[: csrs[0].rows], *(self.mean(csr, values) for csr in csrs)], dim=1)

    def own_plus_means(self, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        """See `own_plus_means` in `models/message_passing.py`."""
        found, *parts = values.chunk(1 + len(csrs), dim=1)
        found = found[: csrs[0].rows]
        for csr, part in zip(csrs, parts, strict=True):
            found = found + self.mean(csr, part)
        return found

    def maximum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.maximum`."""
        at = csr.row.to(values.device)[:, None].expand(-1, values.shape[1])
        start = values.new_zeros((csr.rows, values.shape[1]))
        return start.scatter_reduce(0, at, self.at_senders(csr, values), "amax", include_self=False)

    def weighted_sum(self, csr: Csr, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.weighted_sum`."""
        return self.edge_sum(csr, self.at_senders(csr, values) * weights.unsqueeze(-1))

    def edge_softmax(self, csr: Csr, scores: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.edge_softmax`."""
        at = csr.row.to(scores.device)[:, None].expand_as(scores)
        start = scores.new_zeros((csr.rows, scores.shape[1]))
        largest = start.scatter_reduce(0, at, scores.detach(), "amax", include_self=False)
        powers = torch.exp(scores - self.at_receivers(csr, largest))
        return powers / self.at_receivers(csr, self.edge_sum(csr, powers))

    def attended(self, csr: Csr, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.attended`."""
        return self.weighted_sum(csr, values, self.edge_softmax(csr, scores))

    def additive_attention(
        self, csr: Csr, receiver_scores: torch.Tensor, sender_scores: torch.Tensor, values: torch.Tensor, slope: float
    ) -> torch.Tensor:
        """See `Neighbourhood.additive_attention`."""
        scores = self.at_receivers(csr, receiver_scores) + self.at_senders(csr, sender_scores)
        return self.attended(csr, leaky_relu(scores, slope), values)

    def dimension_attention(self, csr: Csr, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """See `Neighbourhood.dimension_attention`."""
        return self.attended(csr, self.at_senders(csr, scores), values.unsqueeze(-1)).squeeze(-1)
