"""Sums over neighbours with weights that follow from degrees, and in which a sample stands for all.

Where a block shows only some of a receiver's neighbours, each of those shown counts for degree / shown, or for its
`importance` where the sampler knows better, so that the expectation is the sum over all; in a whole graph the
factor is 1.
"""

from __future__ import annotations

from enum import StrEnum

import scipy.sparse as sp
import torch

from models.message_passing import Neighbourhood


class Degrees(StrEnum):
    """How the weight of neighbour u of v follows from their degrees d.

    WITH_SELF
        1 / sqrt((d_u + 1) (d_v + 1)), and v itself with 1 / (d_v + 1): D^-1/2 (A + I) D^-1/2 with D the degrees of
        A + I (Kipf and Welling 2017, arXiv:1609.02907, equations 2 and 8).
    ROOT
        1 / sqrt(d_u d_v).
    PRODUCT
        1 / (d_u d_v).
    """

    WITH_SELF = "with_self"
    ROOT = "root"
    PRODUCT = "product"


class Convolution:
    """Graph convolution without weights that are learnt: (senders, d) to (receivers, d).

    One product with weights that are laid out by edge once, rather than scaling all values before and after.

    Attributes
    ----------
    neighbourhood
        What the product runs over; with `Degrees.WITH_SELF` each receiver hears itself too.
    """

    def __init__(self, neighbourhood: Neighbourhood, degrees: Degrees) -> None:
        shown = neighbourhood.indptr.diff()
        ours, theirs = neighbourhood.receiver_degrees.double(), neighbourhood.sender_degrees.double()
        if neighbourhood.importance is None:
            counts = torch.repeat_interleave(ours / shown.clamp(min=1), shown)
        else:
            counts = neighbourhood.importance.double()
        extra = 1 if degrees is Degrees.WITH_SELF else 0
        product = torch.repeat_interleave(ours + extra, shown) * (theirs + extra)[neighbourhood.indices]
        weights = counts / (product if degrees is Degrees.PRODUCT else product.sqrt())
        shape = (neighbourhood.receivers, neighbourhood.senders)
        matrix = sp.csr_array(
            (weights.numpy(), neighbourhood.indices.numpy(), neighbourhood.indptr.numpy()), shape=shape
        )
        if extra:
            matrix = sp.csr_array(matrix + sp.diags_array((1 / (ours + 1)).numpy(), shape=shape, format="csr"))
        self.neighbourhood = Neighbourhood(matrix)
        self._weights = {torch.float64: torch.from_numpy(matrix.data)}

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Return the weighted sums; 0 for a receiver that hears nobody."""
        if values.dtype not in self._weights:
            self._weights[values.dtype] = self._weights[torch.float64].to(values.dtype)
        return self.neighbourhood.weighted_sum(values, self._weights[values.dtype])


def estimated_sum(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), sum_u h_u over all of a receiver's neighbours."""
    if neighbourhood.importance is not None:
        return neighbourhood.weighted_sum(values, neighbourhood.importance.to(values.dtype))
    shown, degrees = neighbourhood.indptr.diff(), neighbourhood.receiver_degrees
    found = neighbourhood.sum(values)
    if torch.equal(shown, degrees):
        return found
    return found * (degrees / shown.clamp(min=1)).to(values.dtype)[:, None]


def mean_with_self(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), the mean over a receiver and all its neighbours."""
    degrees = neighbourhood.receiver_degrees.to(values.dtype)[:, None]
    return (estimated_sum(neighbourhood, values) + neighbourhood.own(values)) / (degrees + 1)


def weighted_mean(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), sum_u |w_vu| h_u / sum_u |w_vu|; 0 without partners or weight.

    Of a sample of the partners it is the ratio of both sums over those shown.
    """
    weights = neighbourhood.weights.abs().to(values.dtype)
    if neighbourhood.importance is not None:
        weights = weights * neighbourhood.importance.to(values.dtype)
    total = neighbourhood.edge_sum(weights[:, None])
    return neighbourhood.weighted_sum(values, weights) / torch.where(total > 0, total, 1.0)
