"""Leading eigenvectors of symmetric matrices, the same for the same matrix and start."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.corporate_graph import FloatMatrix

#: Up to this size the whole spectrum is computed densely: quick, and exact where Lanczos needs k < n.
DENSE = 300
#: Restarts of the Lanczos process; a matrix without gaps (a path of thousands of firms) needs more.
RESTARTS = 500
#: Residual at which a vector counts as found, relative to its eigenvalue.
TOLERANCE = 1e-10


def leading_eigenpairs(
    matrix: sp.csr_array, count: int, start: NDArray[np.float64], tolerance: float = TOLERANCE
) -> tuple[NDArray[np.float64], FloatMatrix]:
    """Return the algebraically largest eigenvalues, falling, and their vectors of length 1 as columns.

    Implicitly restarted Lanczos (Lehoucq, Sorensen and Yang 1998), dense for up to `DENSE` rows.

    Parameters
    ----------
    matrix : (n, n)
        Symmetric.
    start : (n,)
        Where Lanczos starts; it must not be orthogonal to a vector sought.
    tolerance
        Residual at which a vector counts as found, relative to its eigenvalue. The error of a value is of the order
        of the residual's square over the gap to the next one (Parlett 1980), so that values alone need less.

    Returns
    -------
    (count,), (n, count)
        Fewer than `count` where n is smaller or Lanczos did not separate them in `RESTARTS` restarts.
    """
    # One BLAS thread: bits do not depend on the machine's cores, and short vectors are not handed around.
    with threadpool_limits(1, user_api="blas"):
        if matrix.shape[0] <= max(DENSE, count + 1):
            values, vectors = np.linalg.eigh(matrix.toarray())
        else:
            values, vectors = _lanczos(matrix, count, start, tolerance)
    falling = np.argsort(-values, kind="stable")[:count]
    return values[falling], vectors[:, falling]


def with_fixed_signs(vectors: FloatMatrix) -> FloatMatrix:
    """Return the vectors with the sign that makes their sum of cubes positive.

    The sum does not depend on the order of the firms. Where it vanishes, as for the vectors of a mirror-symmetric
    graph, the first firm whose entry is not small is positive.
    """
    cubes = (vectors**3).sum(axis=0)
    sizes = np.abs(vectors)
    first = np.argmax(sizes > 1e-3 * sizes.max(axis=0, initial=0.0), axis=0) if len(vectors) else np.zeros(0, np.int64)
    entries = np.take_along_axis(vectors, first[None, :], axis=0)[0] if len(vectors) else cubes
    skewed = np.abs(cubes) > 1e-6 * (sizes**3).sum(axis=0)
    return vectors * np.where(np.where(skewed, cubes, entries) < 0, -1.0, 1.0)


def _lanczos(
    matrix: sp.csr_array, count: int, start: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], FloatMatrix]:
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    basis = min(max(2 * count + 1, 20), matrix.shape[0])
    try:
        values, vectors = eigsh(
            matrix, k=count, which="LA", v0=start, ncv=basis, maxiter=RESTARTS, tol=tolerance, rng=0
        )
    except ArpackNoConvergence as unfinished:
        values, vectors = unfinished.eigenvalues, unfinished.eigenvectors
    return np.asarray(values), np.asarray(vectors)
