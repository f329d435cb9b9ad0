"""The primitives of message passing as compiled loops over a CSR, with their way back.

Nothing is laid out by edge and column, the way back runs over the edges turned around, and every number
is the work of one thread: results do not depend on how many there are. What the loops do not take (other
devices, other precisions) goes the plain way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from models import buffers, kernels
from models.csr import Csr
from models.plain_engine import PlainEngine

Gradients = tuple[torch.Tensor | None, ...]

#: Scores of one column that lie closer than this share one scale: exp(-40) and its gradients stay normal numbers.
_SPREAD = {torch.float32: 40.0, torch.float64: 300.0}
_INT32_EDGES = 2**31 - 1

#: Readings of each row from which it pays to copy rows to where reading them at random is cheap.
_READINGS_WORTH_A_COPY = 3


class CsrEngine(PlainEngine):
    """Compiled loops where values are on the CPU in single or double precision."""

    def at_senders(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """Copy along the edges; the way back adds up by sender."""
        return _apply(_AtSenders, csr, values) if _taken(values) else super().at_senders(csr, values)

    def at_receivers(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """Copy along the edges; the way back adds up by receiver."""
        return _apply(_AtReceivers, csr, values) if _taken(values) else super().at_receivers(csr, values)

    def edge_sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """Add up by receiver; the way back copies along the edges."""
        return _apply(_EdgeSum, csr, values) if _taken(values) else super().edge_sum(csr, values)

    def sum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """One reading of the senders' rows each way."""
        return _apply(_Sum, csr, values) if _taken(values) else super().sum(csr, values)

    def mean(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """One reading of the senders' rows each way."""
        return _apply(_Mean, csr, values) if _taken(values) else super().mean(csr, values)

    def own_and_means(self, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        """Each side's loop writes to columns of its own."""
        return _apply(_OwnAndMeans, csrs, values) if _taken(values) else super().own_and_means(csrs, values)

    def own_plus_means(self, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        """Each side's loop adds its columns."""
        return _apply(_OwnPlusMeans, csrs, values) if _taken(values) else super().own_plus_means(csrs, values)

    def maximum(self, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        """Keep which edge was the largest; the gradient goes to the first of equals."""
        return _apply(_Maximum, csr, values) if _taken(values) else super().maximum(csr, values)

    def weighted_sum(self, csr: Csr, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """One reading of the senders' rows forward, one of the receivers' on the way back."""
        if not _taken(values, weights):
            return super().weighted_sum(csr, values, weights)
        return _apply(_WeightedSum, csr, values, weights)

    def edge_softmax(self, csr: Csr, scores: torch.Tensor) -> torch.Tensor:
        """Three readings of a receiver's scores, which are then at hand."""
        return _apply(_EdgeSoftmax, csr, scores) if _taken(scores) else super().edge_softmax(csr, scores)

    def additive_attention(
        self, csr: Csr, receiver_scores: torch.Tensor, sender_scores: torch.Tensor, values: torch.Tensor, slope: float
    ) -> torch.Tensor:
        """Shares in one loop, without the scores ever laid out by edge."""
        if not _taken(receiver_scores, sender_scores, values):
            return super().additive_attention(csr, receiver_scores, sender_scores, values, slope)
        shares = _apply(_AdditiveSoftmax, csr, receiver_scores, sender_scores, slope)
        return self.weighted_sum(csr, values, shares)

    def dimension_attention(self, csr: Csr, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """One exponential a sender and column rather than an edge, wherever floating point allows."""
        if not _taken(scores, values):
            return super().dimension_attention(csr, scores, values)
        return _apply(_DimensionAttention if _close(scores) else _SteepDimensionAttention, csr, scores, values)


def _taken(*tensors: torch.Tensor) -> bool:
    first = tensors[0].dtype
    return first in _SPREAD and all(one.device.type == "cpu" and one.dtype == first for one in tensors)


def _close(scores: torch.Tensor) -> bool:
    if not len(scores):
        return True
    low, high = torch.aminmax(scores.detach(), dim=0)
    # Written so that NaN and infinity answer no.
    return bool(((high - low) < _SPREAD[scores.dtype]).all())


def _apply(function: type[torch.autograd.Function], *args: object) -> torch.Tensor:
    return cast("torch.Tensor", function.apply(*args))  # type: ignore[no-untyped-call]


def _plain(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a C-contiguous array of two dimensions; the heads of three lie side by side."""
    return np.ascontiguousarray(tensor.detach().numpy()).reshape(len(tensor), _width(tensor.shape))


def _width(shape: torch.Size) -> int:
    return int(np.prod(shape[1:], dtype=np.int64))


def _empty(rows: int, like: NDArray[Any], width: int | None = None) -> NDArray[Any]:
    return buffers.empty(rows, like.shape[1] if width is None else width, like.dtype)


def _gathered(edges: int, values: torch.Tensor) -> NDArray[Any]:
    """Return values whose rows are read once an edge, as `_plain` does, copied to huge pages where that pays."""
    if edges < _READINGS_WORTH_A_COPY * len(values) or buffers.on_huge_pages(values):
        return _plain(values)
    found = buffers.empty(len(values), _width(values.shape), values.detach().numpy().dtype)
    torch.from_numpy(found).copy_(values.detach().reshape(found.shape))
    return found


def _shaped(array: NDArray[Any], rest: torch.Size) -> torch.Tensor:
    return torch.from_numpy(array).reshape(len(array), *rest)


class _AtSenders(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        return values.index_select(0, csr.column)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        turned, g = ctx.csr.turned, _plain(gradient)
        out = _empty(turned.csr.rows, g)
        kernels.summed(turned.csr, g.shape[1], turned.csr.indptr, turned.edge, g, out)
        return None, _shaped(out, gradient.shape[1:])


class _AtReceivers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        return values.index_select(0, csr.row)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        return None, _by_receiver(ctx.csr, gradient)


class _EdgeSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        return _by_receiver(csr, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        return None, gradient.contiguous().index_select(0, ctx.csr.row)


def _by_receiver(csr: Csr, values: torch.Tensor) -> torch.Tensor:
    x = _plain(values)
    out = _empty(csr.rows, x)
    kernels.edges_summed(csr, x.shape[1], csr.indptr, x, out)
    return _shaped(out, values.shape[1:])


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        return _summed(csr, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        return None, _summed(ctx.csr.turned.csr, gradient)


def _summed(csr: Csr, values: torch.Tensor) -> torch.Tensor:
    x = _gathered(csr.edges, values)
    out = _empty(csr.rows, x)
    kernels.summed(csr, x.shape[1], csr.indptr, csr.indices, x, out)
    return _shaped(out, values.shape[1:])


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        x = _gathered(csr.edges, values)
        out = _empty(csr.rows, x)
        kernels.averaged(csr, x.shape[1], csr.indptr, csr.indices, x, out)
        return _shaped(out, values.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        turned = ctx.csr.turned.csr
        g = _gathered(turned.edges, gradient)
        out = _empty(turned.rows, g)
        kernels.averaged_back(turned, g.shape[1], turned.indptr, turned.indices, _shares(ctx.csr, g), g, out)
        return None, _shaped(out, gradient.shape[1:])


def _shares(csr: Csr, like: NDArray[Any]) -> NDArray[Any]:
    return 1 / np.maximum(np.diff(csr.indptr), 1).astype(like.dtype)


class _OwnAndMeans(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        ctx.csrs = csrs
        rows, width = csrs[0].rows, values.shape[1]
        x = _gathered(sum(csr.edges for csr in csrs), values)
        out = _empty(rows, x, (1 + len(csrs)) * width)
        found = torch.from_numpy(out)
        found[:, :width] = torch.from_numpy(x)[:rows]
        for side, csr in enumerate(csrs, start=1):
            kernels.averaged_columns(csr, width, csr.indptr, csr.indices, x, 0, out, side * width, width, True)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        rows, width = ctx.csrs[0].rows, gradient.shape[1] // (1 + len(ctx.csrs))
        g = _gathered(sum(csr.edges for csr in ctx.csrs), gradient)
        out = _empty(ctx.csrs[0].columns, g, width)
        found = torch.from_numpy(out)
        found[:rows] = gradient[:, :width]
        found[rows:] = 0
        for side, csr in enumerate(ctx.csrs, start=1):
            by, shares = csr.turned.csr, _shares(csr, g)
            kernels.averaged_columns_back(
                by, width, by.indptr, by.indices, shares, g, side * width, out, 0, width, False
            )
        return None, found


class _OwnPlusMeans(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csrs: Sequence[Csr], values: torch.Tensor) -> torch.Tensor:
        ctx.csrs = csrs
        rows, width = csrs[0].rows, values.shape[1] // (1 + len(csrs))
        x = _gathered(sum(csr.edges for csr in csrs), values)
        out = _empty(rows, x, width)
        out[:] = x[:rows, :width]
        for side, csr in enumerate(csrs, start=1):
            kernels.averaged_columns(csr, width, csr.indptr, csr.indices, x, side * width, out, 0, width, False)
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        rows, width = gradient.shape
        g = _gathered(sum(csr.edges for csr in ctx.csrs), gradient)
        out = _empty(ctx.csrs[0].columns, g, (1 + len(ctx.csrs)) * width)
        found = torch.from_numpy(out)
        found[:rows, :width] = gradient
        found[rows:, :width] = 0
        for side, csr in enumerate(ctx.csrs, start=1):
            by, shares = csr.turned.csr, _shares(csr, g)
            kernels.averaged_columns_back(
                by, width, by.indptr, by.indices, shares, g, 0, out, side * width, width, True
            )
        return None, found


class _Maximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor) -> torch.Tensor:
        x = _gathered(csr.edges, values)
        out = _empty(csr.rows, x)
        ctx.csr, ctx.at = csr, np.empty(out.shape, np.int32 if csr.edges <= _INT32_EDGES else np.int64)
        kernels.largest(csr, x.shape[1], csr.indptr, csr.indices, x, out, ctx.at)
        return _shaped(out, values.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        turned = ctx.csr.turned
        g = _gathered(turned.csr.edges, gradient)
        out = _empty(turned.csr.rows, g)
        kernels.largest_back(
            turned.csr, 2 * g.shape[1], turned.csr.indptr, turned.csr.indices, turned.edge, ctx.at, g, out
        )
        return None, _shaped(out, gradient.shape[1:])


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.csr = csr
        ctx.save_for_backward(values, weights)
        x, w = _gathered(csr.edges, values), _plain(weights)
        out = _empty(csr.rows, x)
        kernels.weighted(csr, x.shape[1], csr.indptr, csr.indices, w, x, out)
        return _shaped(out, values.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        values, weights = ctx.saved_tensors
        turned = ctx.csr.turned
        by, g = turned.csr, _gathered(turned.csr.edges, gradient)
        out = _empty(by.rows, g)
        if not ctx.needs_input_grad[2]:
            # Weights that are not learnt are mostly those of the step before.
            w = _plain(turned.reordered(weights))
            kernels.weighted(by, g.shape[1], by.indptr, by.indices, w, g, out)
            return None, _shaped(out, values.shape[1:]), None
        x, w = _plain(values), _plain(weights)
        out_w = _empty(len(w), w)
        kernels.weighted_back_both(by, g.shape[1], by.indptr, by.indices, turned.edge, w, x, g, out, out_w)
        return None, _shaped(out, values.shape[1:]), _shaped(out_w, weights.shape[1:])


class _EdgeSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, scores: torch.Tensor) -> torch.Tensor:
        found = _plain(scores)
        out = _empty(len(found), found)
        kernels.softmax(csr, found.shape[1], csr.indptr, found, out)
        shares = _shaped(out, scores.shape[1:])
        ctx.csr = csr
        ctx.save_for_backward(shares)
        return shares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        (shares,) = ctx.saved_tensors
        csr, a, g = ctx.csr, _plain(shares), _plain(gradient)
        out = _empty(len(g), g)
        kernels.softmax_back(csr, g.shape[1], csr.indptr, a, g, out)
        return None, _shaped(out, gradient.shape[1:])


class _AdditiveSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, csr: Csr, left: torch.Tensor, right: torch.Tensor, slope: float) -> torch.Tensor:
        at_v, at_u = _plain(left), _plain(right)
        out = _empty(csr.edges, at_v)
        kernels.additive_softmax(csr, at_v.shape[1], csr.indptr, csr.indices, at_v, at_u, at_v.dtype.type(slope), out)
        shares = torch.from_numpy(out)
        ctx.csr, ctx.slope = csr, slope
        ctx.save_for_backward(left, right, shares)
        return shares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        at_v, at_u, a = (_plain(one) for one in ctx.saved_tensors)
        csr, g, slope = ctx.csr, _plain(gradient), at_v.dtype.type(ctx.slope)
        by_edge, out_l = _empty(csr.edges, at_v), _empty(csr.rows, at_v)
        kernels.additive_softmax_back(csr, g.shape[1], csr.indptr, csr.indices, at_v, at_u, slope, a, g, by_edge, out_l)
        turned = csr.turned
        out_r = _empty(turned.csr.rows, at_u)
        kernels.summed(turned.csr, g.shape[1], turned.csr.indptr, turned.edge, by_edge, out_r)
        return None, torch.from_numpy(out_l), torch.from_numpy(out_r), None


class _DimensionAttention(torch.autograd.Function):
    """All senders share one scale a column, which cancels in the quotient."""

    @staticmethod
    def forward(ctx: Any, csr: Csr, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        s, x = _plain(scores), _gathered(csr.edges, values)
        powers = np.exp(s - s.max(axis=0)) if len(s) else s
        out, totals = _empty(csr.rows, x), _empty(csr.rows, x)
        kernels.dimension_softmax(csr, 2 * x.shape[1], csr.indptr, csr.indices, powers, x, out, totals)
        results = torch.from_numpy(out)
        ctx.csr, ctx.powers, ctx.totals = csr, powers, totals
        ctx.save_for_backward(values, results)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        x, results = (_plain(one) for one in ctx.saved_tensors)
        scaled, turned = _plain(gradient) / ctx.totals, ctx.csr.turned.csr
        out_scores, out_x = _empty(turned.rows, x), _empty(turned.rows, x)
        kernels.dimension_softmax_back(
            turned, 2 * x.shape[1], turned.indptr, turned.indices, ctx.powers, x, scaled, results, out_scores, out_x
        )
        return None, torch.from_numpy(out_scores), torch.from_numpy(out_x)


class _SteepDimensionAttention(torch.autograd.Function):
    """Each receiver has its own scale: slower, and right however far apart the scores are."""

    @staticmethod
    def forward(ctx: Any, csr: Csr, scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        s, x = _plain(scores), _plain(values)
        out, totals, peaks = (_empty(csr.rows, x) for _ in range(3))
        kernels.steep_dimension_softmax(csr, 8 * x.shape[1], csr.indptr, csr.indices, s, x, out, totals, peaks)
        results = torch.from_numpy(out)
        ctx.csr, ctx.totals, ctx.peaks = csr, totals, peaks
        ctx.save_for_backward(scores, values, results)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        s, x, results = (_plain(one) for one in ctx.saved_tensors)
        scaled, turned = _plain(gradient) / ctx.totals, ctx.csr.turned.csr
        out_scores, out_x = _empty(turned.rows, x), _empty(turned.rows, x)
        kernels.steep_dimension_softmax_back(
            turned, 8 * x.shape[1], turned.indptr, turned.indices, s, x, scaled, results, ctx.peaks, out_scores, out_x
        )
        return None, torch.from_numpy(out_scores), torch.from_numpy(out_x)
