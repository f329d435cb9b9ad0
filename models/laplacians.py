"""Matrices of a weighted undirected graph: three Laplacians and the renormalised adjacency.

All take a symmetric adjacency W with weights >= 0 and degrees d_i = sum_j W_ij. The pseudo-inverse
stands for 1 / d_i where a firm has no partner, so that its row is 0 and not a division by zero.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def combinatorial_laplacian(adjacency: sp.csr_array) -> sp.csr_array:
    """Return L = D - W: positive semidefinite, rows sum to 0, as many zero eigenvalues as components."""
    return sp.csr_array(sp.diags_array(_degrees(adjacency)) - adjacency)


def normalised_laplacian(adjacency: sp.csr_array) -> sp.csr_array:
    """Return D^-1/2 (D - W) D^-1/2, eigenvalues in [0, 2]; rows of firms without partners are 0 (Chung 1997)."""
    root = sp.diags_array(_power(_degrees(adjacency), -0.5))
    return sp.csr_array(root @ combinatorial_laplacian(adjacency) @ root)


def random_walk_laplacian(adjacency: sp.csr_array) -> sp.csr_array:
    """Return D^-1 (D - W) = I - P, with P the transitions of a random walk; rows sum to 0.

    It has the eigenvalues of the normalised Laplacian (von Luxburg 2007); a firm without partners
    stays where it is: its row is 0.
    """
    inverse = sp.diags_array(_power(_degrees(adjacency), -1.0))
    return sp.csr_array(inverse @ combinatorial_laplacian(adjacency))


def transition_matrix(adjacency: sp.csr_array) -> sp.csr_array:
    """Return P = D^-1 W for any adjacency, directed too; a row without weight stays 0."""
    return sp.csr_array(sp.diags_array(_power(_degrees(adjacency), -1.0)) @ adjacency)


def normalised_adjacency(adjacency: sp.csr_array) -> sp.csr_array:
    """Return D^-1/2 W D^-1/2, eigenvalues in [-1, 1] (Zhou and others 2004); rows of firms without partners are 0."""
    root = sp.diags_array(_power(_degrees(adjacency), -0.5))
    return sp.csr_array(root @ adjacency @ root)


def renormalised_adjacency(adjacency: sp.csr_array, regularisation: float = 0.0) -> sp.csr_array:
    """Return E^-1/2 (W + I) E^-1/2 with E = D + I, eigenvalues in (-1, 1] (Kipf and Welling 2017).

    The vector sqrt(d_i + 1) of a component has the eigenvalue 1; a firm without partners is its own
    component, with a single 1 on the diagonal. `regularisation` adds so many times the mean degree to each degree in
    E, so that groups of few, little related firms do not lead the spectrum (Qin and Rohe 2013).
    """
    looped = sp.csr_array(adjacency + sp.eye_array(adjacency.shape[0]))
    degrees = _degrees(looped)
    if regularisation:
        degrees = degrees + regularisation * (degrees - 1).mean()
    root = sp.diags_array(_power(degrees, -0.5))
    return sp.csr_array(root @ looped @ root)


def _degrees(adjacency: sp.csr_array) -> NDArray[np.float64]:
    return np.asarray(adjacency.sum(axis=1), dtype=np.float64).ravel()


def _power(degrees: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    return np.power(degrees, exponent, out=np.zeros_like(degrees), where=degrees > 0)
