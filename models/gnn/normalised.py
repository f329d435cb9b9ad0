"""Sums and means over neighbours in which a sample stands for all.

Where a block shows only some of a receiver's neighbours, each of those shown counts for degree / shown, so that
the expectation is the sum over all; in a whole graph the factor is 1.
"""

from __future__ import annotations

import torch

from models.message_passing import Neighbourhood


def estimated_sum(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), sum_u h_u over all of a receiver's neighbours."""
    return neighbourhood.mean(values) * receiver_degrees(neighbourhood, values)


def mean_with_self(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), the mean over a receiver and all its neighbours."""
    own = values[: neighbourhood.receivers]
    return (estimated_sum(neighbourhood, values) + own) / (receiver_degrees(neighbourhood, values) + 1)


def convolved(neighbourhood: Neighbourhood, values: torch.Tensor) -> torch.Tensor:
    """Return, (senders, d) to (receivers, d), the graph convolution of values.

        sum_u h_u / sqrt((d_u + 1) (d_v + 1)) + h_v / (d_v + 1)

    over the neighbours u of v with degrees d: D^-1/2 (A + I) D^-1/2 H with D the degrees of A + I (Kipf and Welling
    2017, arXiv:1609.02907, equations 2 and 8).
    """
    degrees = receiver_degrees(neighbourhood, values) + 1
    heard = estimated_sum(neighbourhood, values * (sender_degrees(neighbourhood, values) + 1).rsqrt())
    return heard * degrees.rsqrt() + values[: neighbourhood.receivers] / degrees


def receiver_degrees(neighbourhood: Neighbourhood, like: torch.Tensor) -> torch.Tensor:
    """Return the receivers' degrees in the whole graph as a column, (receivers, 1), of the values' kind."""
    return neighbourhood.receiver_degrees.to(like.dtype)[:, None]


def sender_degrees(neighbourhood: Neighbourhood, like: torch.Tensor) -> torch.Tensor:
    """Return the senders' degrees in the whole graph as a column, (senders, 1), of the values' kind."""
    return neighbourhood.sender_degrees.to(like.dtype)[:, None]
