"""Kernels seen through landmarks: finite inputs that a linear machine can learn from (Williams and Seeger 2001).

With landmarks L and the lower Cholesky factor R of K(L, L), the rows phi(x) = R^-1 K(L, x) have the inner products
K(x, L) K(L, L)^-1 K(L, x'): those of the kernel itself where x or x' is a landmark, and the nearest a kernel of
rank |L| comes to it elsewhere. If every development row is a landmark, nothing is lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from models.corporate_graph import FloatMatrix

#: added to the diagonal, as a share of its mean: twins make the matrix singular
_JITTER = 1e-6


def landmark_rows(rows: int, landmarks: int, seed: int) -> NDArray[np.int64]:
    """Return which rows are landmarks, ascending: all of them, or `landmarks` drawn evenly."""
    if rows <= landmarks:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, landmarks, replace=False))


def landmark_factor(kernel: FloatMatrix) -> FloatMatrix:
    """Return R, lower triangular, with R R' = K(L, L) up to the jitter on its diagonal."""
    jitter = _JITTER * max(float(np.trace(kernel)) / len(kernel), np.finfo(float).tiny)
    return np.asarray(cholesky(kernel + jitter * np.eye(len(kernel)), lower=True))


def landmark_inputs(factor: FloatMatrix, kernel: FloatMatrix) -> FloatMatrix:
    """Return phi, (n, |L|), from K(x, L), (n, |L|)."""
    return np.ascontiguousarray(solve_triangular(factor, kernel.T, lower=True).T)


def landmark_weights(factor: FloatMatrix, weights: FloatMatrix) -> FloatMatrix:
    """Return weights (|L|, q) on K(x, L) that do what `weights` do on phi: R^-T W."""
    return np.ascontiguousarray(solve_triangular(factor, weights, lower=True, trans="T"))


def rbf_kernel(rows: FloatMatrix, landmarks: FloatMatrix, gamma: float) -> FloatMatrix:
    """Return exp(-gamma |x - l|^2), (n, |L|)."""
    squares = (rows**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1) - 2 * rows @ landmarks.T
    return np.asarray(np.exp(-gamma * np.maximum(squares, 0.0)))
