"""The loops of message passing over a CSR, compiled by numba when first called.

Each computes the rows `first` to `last` of its results. `indptr` and `indices` are those of the rows it
writes: by receiver on the way forward, by sender on the way back, where `edge` tells the place an edge
has by receiver. Matrices are C-contiguous, float32 or float64; heads lie side by side in their columns. A
head's columns are sliced out before they are counted from 0: an index that could be negative, for all numba
knows, keeps a loop from filling vector registers (twice as slow).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from models.prefetch import prefetch
from models.rowwise import rowwise

Floats = NDArray[Any]
Ints = NDArray[np.int64]

#: how many edges ahead a row is asked for, and the numbers of a cache line
_AHEAD = 8
_LINE_BYTES = 64

#: Fewer columns than this are added up one after the other: a vector register would be mostly empty.
_NARROW = 6


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _ask(x: Floats, row: int) -> None:
    for column in range(0, x.shape[1], _LINE_BYTES // x.itemsize):
        prefetch(x, row, column)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _ask_columns(x: Floats, row: int, begin: int, width: int) -> None:
    for column in range(begin, begin + width, _LINE_BYTES // x.itemsize):
        prefetch(x, row, column)


@rowwise
def summed(first: int, last: int, indptr: Ints, indices: Ints, x: Floats, out: Floats) -> None:
    """out_v = sum_u x_u."""
    final = len(indices) - 1
    for v in range(first, last):
        row = out[v]
        row[:] = 0
        for e in range(indptr[v], indptr[v + 1]):
            _ask(x, indices[min(e + _AHEAD, final)])
            u = indices[e]
            for k in range(x.shape[1]):
                row[k] += x[u, k]


@rowwise
def averaged(first: int, last: int, indptr: Ints, indices: Ints, x: Floats, out: Floats) -> None:
    """out_v = sum_u x_u / |u|."""
    final = len(indices) - 1
    for v in range(first, last):
        row = out[v]
        row[:] = 0
        for e in range(indptr[v], indptr[v + 1]):
            _ask(x, indices[min(e + _AHEAD, final)])
            u = indices[e]
            for k in range(x.shape[1]):
                row[k] += x[u, k]
        share = x.dtype.type(1) / x.dtype.type(max(indptr[v + 1] - indptr[v], 1))
        for k in range(x.shape[1]):
            row[k] *= share


@rowwise
def averaged_back(first: int, last: int, indptr: Ints, indices: Ints, shares: Floats, g: Floats, out: Floats) -> None:
    """out_u = sum_v s_v g_v, with s_v = 1 / |heard by v|."""
    final = len(indices) - 1
    for u in range(first, last):
        row = out[u]
        row[:] = 0
        for e in range(indptr[u], indptr[u + 1]):
            _ask(g, indices[min(e + _AHEAD, final)])
            v = indices[e]
            share = shares[v]
            for k in range(g.shape[1]):
                row[k] += share * g[v, k]


@rowwise
def averaged_columns(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    x: Floats,
    begin: int,
    out: Floats,
    at: int,
    width: int,
    fresh: bool,
) -> None:
    """out_v = sum_u x_u / |u|, from `width` columns of x that start at `begin` to as many of out that start at `at`.

    Added to what out holds unless it is `fresh`.
    """
    final = len(indices) - 1
    for v in range(first, last):
        row = out[v, at : at + width]
        if fresh:
            row[:] = 0
        share = x.dtype.type(1) / x.dtype.type(max(indptr[v + 1] - indptr[v], 1))
        if width < _NARROW:
            for k in range(width):
                total = x.dtype.type(0)
                for e in range(indptr[v], indptr[v + 1]):
                    total += x[np.uint64(indices[e]), np.uint64(begin + k)]
                row[k] += share * total
            continue
        for e in range(indptr[v], indptr[v + 1]):
            _ask_columns(x, indices[min(e + _AHEAD, final)], begin, width)
            heard = x[indices[e], begin : begin + width]
            for k in range(width):
                row[k] += share * heard[k]


@rowwise
def averaged_columns_back(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    shares: Floats,
    g: Floats,
    begin: int,
    out: Floats,
    at: int,
    width: int,
    fresh: bool,
) -> None:
    """out_u = sum_v s_v g_v, with s_v = 1 / |heard by v| and the rest as above."""
    final = len(indices) - 1
    for u in range(first, last):
        row = out[u, at : at + width]
        if fresh:
            row[:] = 0
        if width < _NARROW:
            for k in range(width):
                total = g.dtype.type(0)
                for e in range(indptr[u], indptr[u + 1]):
                    v = np.uint64(indices[e])
                    total += shares[v] * g[v, np.uint64(begin + k)]
                row[k] += total
            continue
        for e in range(indptr[u], indptr[u + 1]):
            _ask_columns(g, indices[min(e + _AHEAD, final)], begin, width)
            share, heard = shares[indices[e]], g[indices[e], begin : begin + width]
            for k in range(width):
                row[k] += share * heard[k]


@rowwise
def edges_summed(first: int, last: int, indptr: Ints, x: Floats, out: Floats) -> None:
    """out_v = sum_e x_e over the edges of v."""
    for v in range(first, last):
        row = out[v]
        row[:] = 0
        for e in range(indptr[v], indptr[v + 1]):
            for k in range(x.shape[1]):
                row[k] += x[e, k]


@rowwise
def weighted(first: int, last: int, indptr: Ints, indices: Ints, w: Floats, x: Floats, out: Floats) -> None:
    """out_vh = sum_u w_eh x_uh for each head h."""
    final, heads = len(indices) - 1, w.shape[1]
    width = x.shape[1] // heads
    for v in range(first, last):
        row = out[v]
        if heads == 1 and width < _NARROW:
            for k in range(width):
                total = x.dtype.type(0)
                for e in range(indptr[v], indptr[v + 1]):
                    total += w[e, 0] * x[np.uint64(indices[e]), np.uint64(k)]
                row[k] = total
            continue
        row[:] = 0
        for e in range(indptr[v], indptr[v + 1]):
            _ask(x, indices[min(e + _AHEAD, final)])
            heard = x[indices[e]]
            for h in range(heads):
                weight = w[e, h]
                part, own = heard[h * width : (h + 1) * width], row[h * width : (h + 1) * width]
                for k in range(width):
                    own[k] += weight * part[k]


@rowwise
def weighted_back_both(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    edge: Ints,
    w: Floats,
    x: Floats,
    g: Floats,
    out: Floats,
    out_w: Floats,
) -> None:
    """out_uh = sum_v w_eh g_vh and out_w_eh = g_vh . x_uh, in one reading of g."""
    final, heads = len(indices) - 1, w.shape[1]
    width = g.shape[1] // heads
    for u in range(first, last):
        row, own = out[u], x[u]
        row[:] = 0
        for t in range(indptr[u], indptr[u + 1]):
            ahead = min(t + _AHEAD, final)
            _ask(g, indices[ahead])
            _ask(w, edge[ahead])
            _ask(out_w, edge[ahead])
            heard, e = g[indices[t]], edge[t]
            for h in range(heads):
                weight, product = w[e, h], x.dtype.type(0)
                part = heard[h * width : (h + 1) * width]
                mine, sent = own[h * width : (h + 1) * width], row[h * width : (h + 1) * width]
                for k in range(width):
                    product += part[k] * mine[k]
                    sent[k] += weight * part[k]
                out_w[e, h] = product


@rowwise
def largest(first: int, last: int, indptr: Ints, indices: Ints, x: Floats, out: Floats, at: NDArray[Any]) -> None:
    """out_v = max_u x_u in each column, 0 where there is none; `at` is the edge, the first of equals."""
    final = len(indices) - 1
    for v in range(first, last):
        row, where = out[v], at[v]
        begin, end = indptr[v], indptr[v + 1]
        if begin == end:
            row[:] = 0
            where[:] = -1
            continue
        row[:] = x[indices[begin]]
        where[:] = begin
        for e in range(begin + 1, end):
            _ask(x, indices[min(e + _AHEAD, final)])
            u, place = indices[e], at.dtype.type(e)
            for k in range(x.shape[1]):
                greater = x[u, k] > row[k]
                row[k] = x[u, k] if greater else row[k]
                where[k] = place if greater else where[k]


@rowwise
def largest_back(
    first: int, last: int, indptr: Ints, indices: Ints, edge: Ints, at: NDArray[Any], g: Floats, out: Floats
) -> None:
    """out_u = sum_v g_v in the columns where u's edge was the largest."""
    final = len(indices) - 1
    for u in range(first, last):
        row = out[u]
        row[:] = 0
        for t in range(indptr[u], indptr[u + 1]):
            ahead = indices[min(t + _AHEAD, final)]
            _ask(g, ahead)
            _ask(at, ahead)
            v, place = indices[t], at.dtype.type(edge[t])
            for k in range(g.shape[1]):
                row[k] += g[v, k] if at[v, k] == place else 0


@rowwise
def softmax(first: int, last: int, indptr: Ints, scores: Floats, out: Floats) -> None:
    """out_e = exp(s_e) / sum exp(s) over the edges of a receiver, for each head."""
    heads = scores.shape[1]
    for v in range(first, last):
        begin, end = indptr[v], indptr[v + 1]
        for h in range(heads):
            most = scores.dtype.type(-np.inf)
            for e in range(begin, end):
                most = max(most, scores[e, h])
            total = scores.dtype.type(0)
            for e in range(begin, end):
                power = np.exp(scores[e, h] - most)
                out[e, h] = power
                total += power
            for e in range(begin, end):
                out[e, h] /= total


@rowwise
def softmax_back(first: int, last: int, indptr: Ints, shares: Floats, g: Floats, out: Floats) -> None:
    """out_e = a_e (g_e - sum a g)."""
    for v in range(first, last):
        begin, end = indptr[v], indptr[v + 1]
        for h in range(shares.shape[1]):
            mean = shares.dtype.type(0)
            for e in range(begin, end):
                mean += shares[e, h] * g[e, h]
            for e in range(begin, end):
                out[e, h] = shares[e, h] * (g[e, h] - mean)


@rowwise
def additive_softmax(
    first: int, last: int, indptr: Ints, indices: Ints, left: Floats, right: Floats, slope: Any, out: Floats
) -> None:
    """out_e = softmax of leaky_relu(l_v + r_u) over u, for each head."""
    heads = left.shape[1]
    for v in range(first, last):
        begin, end = indptr[v], indptr[v + 1]
        for h in range(heads):
            most = left.dtype.type(-np.inf)
            for e in range(begin, end):
                score = left[v, h] + right[indices[e], h]
                score = score if score > 0 else slope * score
                out[e, h] = score
                most = max(most, score)
            total = left.dtype.type(0)
            for e in range(begin, end):
                power = np.exp(out[e, h] - most)
                out[e, h] = power
                total += power
            for e in range(begin, end):
                out[e, h] /= total


@rowwise
def additive_softmax_back(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    left: Floats,
    right: Floats,
    slope: Any,
    shares: Floats,
    g: Floats,
    out_edges: Floats,
    out_left: Floats,
) -> None:
    """out_edges_e = a_e (g_e - sum a g) leaky_relu'(l_v + r_u), and its sum over the edges of v."""
    for v in range(first, last):
        begin, end = indptr[v], indptr[v + 1]
        for h in range(shares.shape[1]):
            mean = left.dtype.type(0)
            for e in range(begin, end):
                mean += shares[e, h] * g[e, h]
            total = left.dtype.type(0)
            for e in range(begin, end):
                steep = shares[e, h] * (g[e, h] - mean)
                if not left[v, h] + right[indices[e], h] > 0:
                    steep *= slope
                out_edges[e, h] = steep
                total += steep
            out_left[v, h] = total


@rowwise
def dimension_softmax(
    first: int, last: int, indptr: Ints, indices: Ints, powers: Floats, x: Floats, out: Floats, totals: Floats
) -> None:
    """out_v = sum_u p_u x_u / sum_u p_u in each column; `totals` are the denominators, 1 where there is none."""
    final = len(indices) - 1
    for v in range(first, last):
        row, total = out[v], totals[v]
        row[:] = 0
        total[:] = 0
        for e in range(indptr[v], indptr[v + 1]):
            ahead = indices[min(e + _AHEAD, final)]
            _ask(x, ahead)
            _ask(powers, ahead)
            u = indices[e]
            for k in range(x.shape[1]):
                total[k] += powers[u, k]
                row[k] += powers[u, k] * x[u, k]
        if indptr[v] == indptr[v + 1]:
            total[:] = 1
        for k in range(x.shape[1]):
            row[k] /= total[k]


@rowwise
def dimension_softmax_back(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    powers: Floats,
    x: Floats,
    scaled: Floats,
    results: Floats,
    out_scores: Floats,
    out_x: Floats,
) -> None:
    """With q_v = g_v / totals_v: out_x_u = p_u sum_v q_v, out_scores_u = p_u sum_v q_v (x_u - results_v)."""
    final = len(indices) - 1
    for u in range(first, last):
        row, score = out_x[u], out_scores[u]
        row[:] = 0
        score[:] = 0
        for t in range(indptr[u], indptr[u + 1]):
            ahead = indices[min(t + _AHEAD, final)]
            _ask(scaled, ahead)
            _ask(results, ahead)
            v = indices[t]
            for k in range(x.shape[1]):
                row[k] += scaled[v, k]
                score[k] += scaled[v, k] * (x[u, k] - results[v, k])
        for k in range(x.shape[1]):
            row[k] *= powers[u, k]
            score[k] *= powers[u, k]


@rowwise
def steep_dimension_softmax(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    scores: Floats,
    x: Floats,
    out: Floats,
    totals: Floats,
    peaks: Floats,
) -> None:
    """p_vu = exp(s_u - peak_v), peak_v = max_u s_u: the same for scores too far apart to share one scale."""
    for v in range(first, last):
        begin, end = indptr[v], indptr[v + 1]
        row, total, peak = out[v], totals[v], peaks[v]
        row[:] = 0
        peak[:] = 0
        total[:] = 1
        if begin == end:
            continue
        peak[:] = scores[indices[begin]]
        total[:] = 0
        for e in range(begin + 1, end):
            u = indices[e]
            for k in range(x.shape[1]):
                peak[k] = max(peak[k], scores[u, k])
        for e in range(begin, end):
            u = indices[e]
            for k in range(x.shape[1]):
                power = np.exp(scores[u, k] - peak[k])
                total[k] += power
                row[k] += power * x[u, k]
        for k in range(x.shape[1]):
            row[k] /= total[k]


@rowwise
def steep_dimension_softmax_back(
    first: int,
    last: int,
    indptr: Ints,
    indices: Ints,
    scores: Floats,
    x: Floats,
    scaled: Floats,
    results: Floats,
    peaks: Floats,
    out_scores: Floats,
    out_x: Floats,
) -> None:
    """With p and q as above: out_x_u = sum_v p_vu q_v, out_scores_u = sum_v p_vu q_v (x_u - results_v)."""
    for u in range(first, last):
        row, score = out_x[u], out_scores[u]
        row[:] = 0
        score[:] = 0
        for t in range(indptr[u], indptr[u + 1]):
            v = indices[t]
            for k in range(x.shape[1]):
                part = np.exp(scores[u, k] - peaks[v, k]) * scaled[v, k]
                row[k] += part
                score[k] += part * (x[u, k] - results[v, k])
