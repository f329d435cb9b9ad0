"""Relations of each firm to the firms with the most similar features, for portfolios without relations."""

from __future__ import annotations

import numpy as np

from models.edges import FloatMatrix, RelationEdges, edges_from_matrix
from models.similarity import nearest_rows, unit_rows
from schemas.portfolio import NearestSpec


def nearest_edges(features: FloatMatrix, names: tuple[str, ...], spec: NearestSpec) -> RelationEdges:
    """Relate each firm to its nearest ones by the cosine of standardised features.

    Parameters
    ----------
    features : (n, f)
        NaN counts as average. A one-hot column ``industry=trade`` belongs to the feature ``industry``.
    """
    wanted = [i for i, name in enumerate(names) if not spec.features or name.split("=")[0] in spec.features]
    chosen = features[:, wanted]
    known = ~np.isnan(chosen)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, chosen, 0.0).sum(axis=0) / count
    centred = np.where(known, chosen - mean, 0.0)
    deviation = np.sqrt(np.square(centred).sum(axis=0) / count)
    scaled = centred / np.where(deviation > 0, deviation, 1.0)
    return edges_from_matrix(nearest_rows(unit_rows(scaled), spec.neighbours), directed=False)
