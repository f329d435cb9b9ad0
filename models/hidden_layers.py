"""What a network makes of firms: its last hidden layer in the plane, and how far its clusters are the classes.

t-SNE (van der Maaten and Hinton 2008) shows which firms a network thinks alike. K-means clusters held against the
classes by the adjusted Rand index and normalised mutual information are the measures of Wei and others 2024 (GDAN),
Table III.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.corporate_graph import FloatMatrix
from schemas.hidden_layers import ClusterAgreement

#: Firm-quarters in a picture at most, and in all pictures of a refresh together: t-SNE is the price of the page.
MOST_ROWS, ROWS_IN_ALL = 1000, 3000
#: Starts of K-means that are averaged, as in the publication.
SEEDS = 10
_ITERATIONS, _PERPLEXITY = 300, 30.0


def shown_rows(rows: NDArray[np.bool_], networks: int, *, seed: int) -> NDArray[np.int64]:
    """Return which of the rows are shown, ascending positions; the same number for each of so many networks."""
    found = np.flatnonzero(rows)
    most = min(MOST_ROWS, ROWS_IN_ALL // max(networks, 1))
    if len(found) <= most:
        return found
    return np.sort(np.random.default_rng(seed).choice(found, size=most, replace=False))


def cluster_agreement(
    layer: FloatMatrix, classes: NDArray[np.int64], *, clusters: int, seeds: int = SEEDS
) -> tuple[ClusterAgreement, ClusterAgreement]:
    """Return the adjusted Rand index and the normalised mutual information of K-means clusters and classes.

    Parameters
    ----------
    layer : (n, width)
    classes : (n,)
    clusters
        Number of classes of the target. At most n clusters are sought.
    seeds
        K-means is started from so many seeds; the measures are averaged.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found = []
    # On one thread the sums are taken in one order, so that ties fall the same way each time.
    sought = min(clusters, len(np.unique(layer, axis=0)))
    with threadpool_limits(1):
        for seed in range(seeds):
            labels = KMeans(sought, n_init=1, random_state=seed).fit_predict(layer)
            found.append((adjusted_rand_score(classes, labels), normalized_mutual_info_score(classes, labels)))
    means, spreads = np.mean(found, axis=0), np.std(found, axis=0)
    ari, nmi = (ClusterAgreement(mean=float(m), sd=float(s)) for m, s in zip(means, spreads, strict=True))
    return ari, nmi


def plane(layer: FloatMatrix) -> FloatMatrix:
    """Return where each row lies in the plane, (n, 2), by t-SNE from the first two principal components."""
    from sklearn.manifold import TSNE

    if len(layer) < 3 or not np.ptp(layer, axis=0).any():
        return np.zeros((len(layer), 2))
    start = layer - layer.mean(axis=0)
    left, sizes, _ = np.linalg.svd(start, full_matrices=False)
    start = (left * sizes)[:, :2]
    if start.shape[1] < 2:
        start = np.pad(start, ((0, 0), (0, 1)))
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    with threadpool_limits(1):
        found: FloatMatrix = TSNE(
            init=start.astype(np.float32),
            perplexity=min(_PERPLEXITY, (len(layer) - 1) / 3),
            max_iter=_ITERATIONS,
            random_state=0,
            n_jobs=1,
        ).fit_transform(layer.astype(np.float32))
    return found.astype(np.float64)
