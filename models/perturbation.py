"""Changed copies of a graph: single edges added and removed, and firms that are there a second time.

Nothing here knows a model. A change says whose edge it is, so that a firm's copy can have it instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import Columns, CorporateGraph, RelationEdges
from models.edges import FloatVector, IntVector
from models.partners import PartnerEdges


class Edit(NamedTuple):
    """One edge of a firm, added or removed.

    Attributes
    ----------
    relation
        Of firms, or of firms with other nodes (`CorporateGraph.partners`).
    firm, partner
        Positions; the partner's is among the nodes of its type.
    outgoing
        Whether the firm is the source. An undirected relation and a link to another node have no other side.
    weight
        Of an added edge; a removed one has whatever weight it had.
    """

    relation: str
    firm: int
    partner: int
    outgoing: bool
    weight: float
    added: bool


def edited(graph: CorporateGraph, edits: Sequence[Edit]) -> CorporateGraph:
    """Return the graph with edges added and removed; what was computed of it is left as it was.

    An edge that is to be added where there is one stays as it is, as does one that is to be removed and is not there.
    """
    by_relation: dict[str, list[Edit]] = {}
    for edit in edits:
        by_relation.setdefault(edit.relation, []).append(edit)
    relations, partners = dict(graph.relations), dict(graph.partners)
    for name, own in by_relation.items():
        if name in relations:
            relations[name] = _edited_relation(relations[name], own)
        else:
            partners[name] = _edited_links(partners[name], own)
    return replace(graph, relations=relations, partners=partners)


def with_copies(graph: CorporateGraph, firms: NDArray[np.int64]) -> CorporateGraph:
    """Return the graph with further firms, each a copy of one of its firms with the same partners.

    The copies stand behind the n firms in the order of `firms`; a firm may be copied often. They are partners of the
    same original firms, which thereby have more of them: only what is computed of the copies, and that from their own
    edges alone, is as in the graph.

    Parameters
    ----------
    firms : (m,)
        Positions.
    """
    return replace(
        graph,
        firms=np.concatenate([graph.firms, np.char.add(graph.firms[firms], " again")]),
        relations={name: _with_copied_rows(relation, firms) for name, relation in graph.relations.items()},
        features=np.concatenate([graph.features, graph.features[firms]]),
        computed=_copied_columns(graph.computed, firms),
        partners={name: _with_copied_links(links, firms) for name, links in graph.partners.items()},
        noted={},
    )


def _edited_relation(relation: RelationEdges, edits: Sequence[Edit]) -> RelationEdges:
    pairs = [(e.firm, e.partner) if e.outgoing else (e.partner, e.firm) for e in edits]
    entries = [(*pair, edit.weight, edit.added) for pair, edit in zip(pairs, edits, strict=True)]
    if not relation.directed:
        entries += [(target, source, weight, added) for source, target, weight, added in entries]
    size = len(relation.indptr) - 1
    indptr, indices, weights = _edited_rows(relation.indptr, relation.indices, relation.weights, entries, size)
    return replace(relation, indptr=indptr, indices=indices, weights=weights)


def _edited_links(links: PartnerEdges, edits: Sequence[Edit]) -> PartnerEdges:
    entries = [(edit.firm, edit.partner, edit.weight, edit.added) for edit in edits]
    indptr, indices, weights = _edited_rows(links.indptr, links.indices, links.weights, entries, links.width)
    return replace(links, indptr=indptr, indices=indices, weights=weights)


def _edited_rows(
    indptr: IntVector,
    indices: IntVector,
    weights: FloatVector,
    entries: Sequence[tuple[int, int, float, bool]],
    width: int,
) -> tuple[IntVector, IntVector, FloatVector]:
    """Return the three arrays of a CSR, of so many columns, after (row, column, weight, added) were applied."""
    rows = len(indptr) - 1
    keys = np.repeat(np.arange(rows, dtype=np.int64), np.diff(indptr)) * width + indices
    gone = np.array([row * width + column for row, column, _, added in entries if not added], dtype=np.int64)
    kept = ~np.isin(keys, gone)
    new = {row * width + column: weight for row, column, weight, added in entries if added}
    fresh = np.array(sorted(new), dtype=np.int64)
    fresh = fresh[~np.isin(fresh, keys[kept])]
    every = np.concatenate([keys[kept], fresh])
    order = np.argsort(every, kind="stable")
    every = every[order]
    counts = np.bincount(every // width, minlength=rows)
    values = np.concatenate([weights[kept], np.array([new[key] for key in fresh.tolist()], dtype=np.float64)])
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), every % width, values[order]


def _with_copied_rows(relation: RelationEdges, firms: NDArray[np.int64]) -> RelationEdges:
    matrix = relation.matrix()
    both = sp.csr_array(sp.block_array([[matrix, matrix[:, firms]], [matrix[firms], None]]))
    both.sort_indices()
    return replace(
        relation,
        indptr=both.indptr.astype(np.int64),
        indices=both.indices.astype(np.int64),
        weights=both.data.astype(np.float64),
    )


def _with_copied_links(links: PartnerEdges, firms: NDArray[np.int64]) -> PartnerEdges:
    matrix = links.matrix()
    both = sp.csr_array(sp.vstack([matrix, matrix[firms]]))
    both.sort_indices()
    return replace(
        links,
        indptr=both.indptr.astype(np.int64),
        indices=both.indices.astype(np.int64),
        weights=both.data.astype(np.float64),
    )


def _copied_columns(computed: Mapping[str, Columns], firms: NDArray[np.int64]) -> dict[str, Columns]:
    return {
        group: Columns(np.concatenate([columns.values, columns.values[firms]]), columns.names)
        for group, columns in computed.items()
    }
