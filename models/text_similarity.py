"""Relations between firms whose texts are alike, as in CorpNet, without any model from outside.

A text becomes TF-IDF weights of its words, reduced by truncated singular value decomposition
(latent semantic analysis; Deerwester et al. 1990).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.edges import RelationEdges, edges_from_matrix
from models.similarity import above_cut_off, nearest_rows, unit_rows
from schemas.portfolio import SimilarTextSpec
from schemas.results import CutOffRow


def newest_texts(rows: pl.DataFrame, firms: pl.Series) -> list[str]:
    """Return each firm's newest text among known rows, in the order of `firms`; empty where there is none."""
    newest = rows.sort("firm_id", "published_on").unique("firm_id", keep="last", maintain_order=True)
    aligned = pl.DataFrame({"firm_id": firms}).join(newest, on="firm_id", how="left", maintain_order="left")
    return aligned["text"].fill_null("").to_list()


def document_vectors(texts: Sequence[str], spec: SimilarTextSpec) -> NDArray[np.float32]:
    """Return unit vectors, (n, components or fewer); a text without a known word is all zeros."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = sum(1 for text in texts if text.strip())
    if written < 2:
        return np.zeros((len(texts), 1), dtype=np.float32)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=min(spec.least_documents, written))
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's word for: no word is in enough documents
        return np.zeros((len(texts), 1), dtype=np.float32)
    components = min(spec.components, min(weights.shape) - 1)
    if components < 2:
        return unit_rows(weights.toarray())
    reduced = TruncatedSVD(components, random_state=spec.seed).fit_transform(weights)
    return unit_rows(reduced)


def similar_text_edges(rows: pl.DataFrame, firms: pl.Series, spec: SimilarTextSpec) -> RelationEdges:
    """Relate firms by cut-off or by number of neighbours; the weight is the cosine."""
    units = document_vectors(newest_texts(rows, firms), spec)
    found = nearest_rows(units, spec.neighbours or 0) if spec.cut_off is None else above_cut_off(units, spec.cut_off)
    return edges_from_matrix(found, directed=False)


def cut_off_sensitivity(rows: pl.DataFrame, firms: pl.Series, spec: SimilarTextSpec) -> tuple[CutOffRow, ...]:
    """Return what each cut-off of `spec.sensitivity` would make of the relation."""
    units = document_vectors(newest_texts(rows, firms), spec)
    cosines = above_cut_off(units, min(spec.sensitivity)) if spec.sensitivity else None
    table = []
    for cut_off in sorted(spec.sensitivity):
        kept = sp.csr_array(cosines)
        kept.data = np.where(kept.data >= cut_off, kept.data, 0.0)
        edges = edges_from_matrix(kept, directed=False)
        components, _ = sp.csgraph.connected_components(edges.matrix(), directed=False)
        table.append(
            CutOffRow(
                relation=spec.name,
                cut_off=cut_off,
                edges=edges.edges,
                components=int(components),
                mean_degree=2 * edges.edges / max(len(firms), 1),
            )
        )
    return tuple(table)
