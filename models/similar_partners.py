"""Relations of firms whose partners are alike, seen from the relations that were delivered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from models.edges import RelationEdges, edges_from_matrix, pattern
from models.similarity import nearest_rows
from schemas.relation_kinds import SimilarPartnersSpec


def similar_partner_edges(relations: Mapping[str, RelationEdges], spec: SimilarPartnersSpec) -> RelationEdges:
    """Relate each firm to those with the most similar partners; the weight is cosine^power.

    A pair counts if either firm chose the other.

    Parameters
    ----------
    relations
        The delivered relations between firms, at least one.
    """
    names = spec.relations or tuple(relations)
    matrices = [relations[name].matrix() for name in names]
    size = matrices[0].shape[0]
    total = sp.csr_array(sp.eye_array(size, format="csr"))
    for matrix in matrices:
        total = total + pattern(matrix) + pattern(sp.csr_array(matrix.T))
    alike = nearest_rows(unit_pattern(sp.csr_array(total)).astype(np.float32), spec.neighbours)
    return edges_from_matrix(alike.power(spec.power), directed=False)


def unit_pattern(matrix: sp.csr_array) -> sp.csr_array:
    """Return a matrix with ones where it has entries, each row scaled to length 1."""
    found = pattern(matrix)
    found.data = np.repeat(1 / np.sqrt(np.maximum(np.diff(found.indptr), 1)), np.diff(found.indptr))
    return found
