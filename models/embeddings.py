"""Embeddings: a few coordinates a firm, such that firms in similar places of the graph lie near each other.

All are of the union of the relations, without weights, and look at no label. Every draw and every start
is seeded by a firm's id (`firm_streams`), so that permuting firms permutes the embedding and a firm that joins
does not reshuffle the others. The same graph and spec give the same coordinates.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.centrality import largest_component
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.firm_streams import firm_keys, uniforms
from models.laplacians import renormalised_adjacency, transition_matrix
from models.random_walks import meetings, positive_pmi, walks
from models.spectrum import leading_eigenpairs, with_fixed_signs
from schemas.structure import EmbeddingSpec, FastRPSpec, Node2VecSpec, SpectralSpec


def embedding(graph: CorporateGraph, spec: EmbeddingSpec) -> FloatMatrix:
    """Return the coordinates of each firm, (n, d), always finite; 0 for a firm without relations."""
    # Computed in the order of the ids, so that the order of the rows cannot matter, not even in the last digit.
    order = np.argsort(graph.firms, kind="stable")
    union, firms = sp.csr_array(graph.union()[order][:, order]), graph.firms[order]
    union.sort_indices()
    coordinates = np.empty((graph.size, spec.dimensions))
    match spec:
        case SpectralSpec():
            coordinates[order] = spectral_embedding(union, firms, spec)
        case Node2VecSpec():
            coordinates[order] = node2vec_embedding(union, firms, spec)
        case FastRPSpec():
            coordinates[order] = fastrp_embedding(union, firms, spec)
        case _:
            assert_never(spec)
    return coordinates


def spectral_embedding(union: sp.csr_array, firms: NDArray[np.str_], spec: SpectralSpec) -> FloatMatrix:
    """Return the d leading eigenvectors of E^-1/2 (A + I) E^-1/2 on the largest component, 0 elsewhere.

    Across components the leading eigenvalue 1 repeats once a component and its vectors only say which
    component a firm is in, hence the largest only (ties: the one with the first firm). The first
    coordinate is sqrt(degree + 1), normalised; the next ones are the smoothest functions on the graph.
    Columns have length 1 (rows have, with `spec.unit_rows`) and the sign of `with_fixed_signs`; beyond the size
    of the component they are 0. Where eigenvalues coincide any basis of their space would do, and the ids decide
    which one is returned.
    """
    coordinates = np.zeros((len(firms), spec.dimensions))
    members = largest_component(union)
    if len(members) < 2:
        return coordinates
    matrix = renormalised_adjacency(sp.csr_array(union[members][:, members]), spec.regularisation)
    count = spec.dimensions + spec.without_first
    _, vectors = leading_eigenpairs(matrix, count, _start(firms[members], spec.seed))
    found = with_fixed_signs(vectors)
    if spec.unit_rows:
        found = rows_of_length_1(found)
    if spec.without_first:
        found = found[:, 1:]
    coordinates[members, : found.shape[1]] = found
    return coordinates


def node2vec_embedding(union: sp.csr_array, firms: NDArray[np.str_], spec: Node2VecSpec) -> FloatMatrix:
    """Return V sqrt(max(S, 0)) of the d leading eigenpairs of the positive pointwise mutual information.

    Firms that meet on walks more often than chance would have it get coordinates with a large inner product.
    The factorisation replaces the stochastic descent of the original: no learning rate, no order
    of batches, the same result each time. A firm that no walk leads to or from is 0.
    """
    keys = firm_keys(firms, spec.seed)
    met = sp.csr_array(union.shape)
    for number in range(spec.walks if union.nnz else 0):
        visited = walks(
            union, keys, number=number, length=spec.length, return_weight=1 / spec.p, outward_weight=1 / spec.q
        )
        met = met + meetings(visited, spec.window)
    coordinates = np.zeros((len(firms), spec.dimensions))
    information = positive_pmi(met)
    if information.nnz:
        values, vectors = leading_eigenpairs(information, spec.dimensions, _start(firms, spec.seed))
        coordinates[:, : len(values)] = with_fixed_signs(vectors) * np.sqrt(np.maximum(values, 0.0))
    return coordinates


def fastrp_embedding(union: sp.csr_array, firms: NDArray[np.str_], spec: FastRPSpec) -> FloatMatrix:
    """Return sum over k of a_k rows(P^k L R), with P = D^-1 A (Chen and others 2019).

    R, (n, d), is the very sparse projection: sqrt(3) with probability 1/6, -sqrt(3) with 1/6, else 0,
    row i drawn from the stream of firm i; L = diag(d_j^beta) (the paper's 2m only scales it and falls out);
    ``rows`` brings each row to length 1, or leaves it 0, so that no power drowns the others.
    """
    chance = uniforms(firm_keys(firms, spec.seed)[:, None], np.arange(spec.dimensions, dtype=np.uint64)[None, :])
    projection: FloatMatrix = np.sqrt(3.0) * ((chance < 1 / 6).astype(np.float64) - (chance >= 5 / 6))
    degrees = np.diff(union.indptr).astype(np.float64)
    scale = np.power(degrees, spec.degree_exponent, out=np.zeros_like(degrees), where=degrees > 0)
    transitions, reached = transition_matrix(union), projection * scale[:, None]
    coordinates: FloatMatrix = np.zeros_like(projection)
    for weight in spec.power_weights:
        reached = transitions @ reached
        coordinates += weight * rows_of_length_1(reached)
    return coordinates


def rows_of_length_1(values: FloatMatrix) -> FloatMatrix:
    """Return the values, (n, d), with each row scaled to length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: FloatMatrix = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    return scaled


def _start(firms: NDArray[np.str_], seed: int) -> NDArray[np.float64]:
    # In (-1/2, 1/2), so not orthogonal to any vector sought, mirror-symmetric graphs included.
    return uniforms(firm_keys(firms, seed), np.array(0, dtype=np.uint64)) - 0.5
