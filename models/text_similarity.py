"""Relations between firms whose texts are alike, as in CorpNet, without any model from outside."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.approximate_similarity import approximately_above, approximately_nearest
from models.construction_notes import BuiltRelation, RelationNotes
from models.document_vectors import document_vectors
from models.edge_counts import EdgeCounts
from models.edges import edges_from_matrix
from models.similarity import above_cut_off, chosen_rows
from schemas.relation_kinds import SimilarTextSpec
from schemas.results import CutOffRow


def newest_texts(rows: pl.DataFrame, firms: pl.Series) -> list[str]:
    """Return each firm's newest text among known rows, in the order of `firms`; empty where there is none."""
    newest = rows.sort("firm_id", "published_on").unique("firm_id", keep="last", maintain_order=True)
    aligned = pl.DataFrame({"firm_id": firms}).join(newest, on="firm_id", how="left", maintain_order="left")
    return aligned["text"].fill_null("").to_list()


def similar_text_edges(rows: pl.DataFrame, firms: pl.Series, spec: SimilarTextSpec) -> BuiltRelation:
    """Relate firms by cut-off or by number of neighbours; the weight is the cosine.

    The recall is that of the index where the texts are too many to compare each pair.
    """
    units = document_vectors(newest_texts(rows, firms), spec)
    if spec.neighbours is None:
        found, recall = _above(units, float(spec.cut_off or 0), spec)
    else:
        chosen, recall = _chosen(units, spec.neighbours, spec)
        found = _related(chosen, spec)
    own = rows.filter(pl.col("firm_id").is_in(firms.implode()))
    counts = EdgeCounts(
        rows=rows.height,
        unknown_firms=rows.height - own.height,
        repeated_rows=own.height - own["firm_id"].n_unique(),
    )
    edges = edges_from_matrix(found, directed=spec.choice == "directed")
    return BuiltRelation(edges, RelationNotes(counts, recall=recall))


def cut_off_sensitivity(rows: pl.DataFrame, firms: pl.Series, spec: SimilarTextSpec) -> tuple[CutOffRow, ...]:
    """Return what each cut-off of `spec.sensitivity` would make of the relation."""
    if not spec.sensitivity:
        return ()
    units = document_vectors(newest_texts(rows, firms), spec)
    cosines, recall = _above(units, min(spec.sensitivity), spec)
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
                recall=recall,
            )
        )
    return tuple(table)


def _above(units: NDArray[np.float32], cut_off: float, spec: SimilarTextSpec) -> tuple[sp.csr_array, float | None]:
    if len(units) > spec.exact_up_to:
        return approximately_above(units, cut_off, least_recall=spec.least_recall)
    return above_cut_off(units, cut_off), None


def _chosen(units: NDArray[np.float32], neighbours: int, spec: SimilarTextSpec) -> tuple[sp.csr_array, float | None]:
    if len(units) > spec.exact_up_to:
        return approximately_nearest(units, neighbours, least_recall=spec.least_recall)
    return chosen_rows(units, neighbours), None


def _related(chosen: sp.csr_array, spec: SimilarTextSpec) -> sp.csr_array:
    """Turn choices (row i holds whom i chose) into the relation that the portfolio asks for."""
    if spec.choice == "directed":
        return chosen
    either = sp.csr_array(chosen.maximum(chosen.T))
    if spec.choice == "either":
        return either
    picked = sp.csr_array(chosen.astype(bool))
    return sp.csr_array(either.multiply(picked.multiply(picked.T)))
