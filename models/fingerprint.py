"""The exact fingerprint of a corporate graph: which graph this is, and which part differs.

Each part (firms, features, each relation) has a SHA-256 digest over its canonical bytes; the root
is the digest of the sorted list of parts, so that two graphs with equal roots are equal and two
with different roots say where. Row order, dtype and chunking of the delivery do not matter:
firms and edges are sorted, numbers are 64-bit, negative zero is zero and every NaN is the same NaN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, PartnerEdges, RelationEdges


def part_digests(graph: CorporateGraph) -> dict[str, str]:
    """Return one digest a part: ``firms``, ``features``, ``relation:<name>``, ``nodes:<type>``, ``partners:<name>``."""
    digests = {"firms": _texts(graph.firms), "features": _features(graph)}
    for name, relation in graph.relations.items():
        digests[f"relation:{name}"] = _relation(relation)
    for node_type, ids in graph.nodes.items():
        digests[f"nodes:{node_type}"] = _texts(ids)
    for name, edges in graph.partners.items():
        digests[f"partners:{name}"] = _partners(edges)
    return digests


def exact_root(digests: Mapping[str, str]) -> str:
    """Return the root of the part digests: the graph's identity."""
    lines = "\n".join(f"{part} {digest}" for part, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def canonical_bytes(values: NDArray[np.float64]) -> bytes:
    """Return little-endian 64-bit floats with one zero and one NaN."""
    canonical = np.ascontiguousarray(values, dtype="<f8") + 0.0  # -0.0 + 0.0 is 0.0
    canonical[np.isnan(canonical)] = np.nan
    return canonical.tobytes()


def tensor_digest(tensors: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the digest of named arrays by value: names, shapes and canonical numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.asarray(tensors[name], dtype=np.float64)
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(canonical_bytes(array))
    return digest.hexdigest()


def _texts(texts: NDArray[np.str_]) -> str:
    digest = hashlib.sha256()
    for text in texts.tolist():
        encoded = text.encode()
        # The length in front keeps ["ab", "c"] apart from ["a", "bc"].
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _features(graph: CorporateGraph) -> str:
    order = sorted(range(len(graph.feature_names)), key=lambda column: graph.feature_names[column])
    digest = hashlib.sha256()
    for column in order:
        digest.update(f"{graph.feature_names[column]}\n".encode())
        digest.update(canonical_bytes(graph.features[:, column]))
    return digest.hexdigest()


def _relation(relation: RelationEdges) -> str:
    return _edges(b"directed" if relation.directed else b"undirected", relation)


def _partners(edges: PartnerEdges) -> str:
    return _edges(f"to {edges.node_type}\n".encode(), edges)


def _edges(kind: bytes, edges: RelationEdges | PartnerEdges) -> str:
    digest = hashlib.sha256(kind)
    digest.update(np.ascontiguousarray(edges.indptr, dtype="<i8").tobytes())
    digest.update(np.ascontiguousarray(edges.indices, dtype="<i8").tobytes())
    digest.update(canonical_bytes(edges.weights))
    return digest.hexdigest()
