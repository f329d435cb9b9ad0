"""The exact fingerprint of a corporate graph: which graph this is, and which part differs.

Each part (firms, features, each relation) has a SHA-256 digest over its canonical bytes; the root
is the digest of the sorted list of parts, so that two graphs with equal roots are equal and two
with different roots say where. Row order, dtype and chunking of the delivery do not matter:
firms and edges are sorted, numbers are 64-bit, negative zero is zero and every NaN is the same NaN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, PartnerEdges, RelationEdges

#: numbers made canonical at a time: half a megabyte, which stays in the processor's cache
_BLOCK = 1 << 16
_LAST_OF_ASCII = 127


class Digest(Protocol):
    """A running hash, such as `hashlib.sha256()`."""

    def update(self, data: memoryview, /) -> None:
        """Take in more bytes."""


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


def digest_numbers(digest: Digest, values: NDArray[np.float64]) -> None:
    """Feed the canonical bytes of numbers in C order to a digest, block by block.

    The same bytes as those of `canonical_bytes`, of which only one block exists at a time: making them
    costs a fraction of the hashing and no memory to speak of.
    """
    flat = np.reshape(values, -1)
    buffer = np.empty(min(_BLOCK, len(flat)), dtype="<f8")
    for start in range(0, len(flat), _BLOCK):
        block = buffer[: min(_BLOCK, len(flat) - start)]
        np.add(flat[start : start + _BLOCK], 0.0, out=block)
        missing = np.isnan(block)
        if missing.any():
            block[missing] = np.nan
        digest.update(block.data)


def tensor_digest(tensors: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the digest of named arrays by value: names, shapes and canonical numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.asarray(tensors[name], dtype=np.float64)
        digest.update(f"{name} {array.shape}\n".encode())
        digest_numbers(digest, array)
    return digest.hexdigest()


def _texts(texts: NDArray[np.str_]) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(texts), _BLOCK):
        digest.update(_length_and_text(texts[start : start + _BLOCK]))
    return digest.hexdigest()


def _length_and_text(texts: NDArray[np.str_]) -> bytes:
    """Return each text as UTF-8 behind its length, which keeps ["ab", "c"] apart from ["a", "bc"]."""
    width = texts.dtype.itemsize // 4
    letters = np.ascontiguousarray(texts, dtype=f"<U{max(width, 1)}").view("<u4").reshape(len(texts), -1)
    if letters.max(initial=0) > _LAST_OF_ASCII:
        encoded = [text.encode() for text in texts.tolist()]
        return b"".join(len(text).to_bytes(8, "little") + text for text in encoded)
    # One letter is one byte: all texts at once, and what is behind the end of a shorter one is dropped.
    lengths = np.strings.str_len(texts)
    framed = np.empty((len(texts), 8 + letters.shape[1]), dtype=np.uint8)
    framed[:, :8] = lengths.astype("<i8")[:, None].view(np.uint8)
    framed[:, 8:] = letters
    if lengths.min(initial=width) == width > 0:
        return framed.tobytes()
    return framed[np.arange(framed.shape[1]) < 8 + lengths[:, None]].tobytes()


def _features(graph: CorporateGraph) -> str:
    order = sorted(range(len(graph.feature_names)), key=lambda column: graph.feature_names[column])
    digest = hashlib.sha256()
    for column in order:
        digest.update(f"{graph.feature_names[column]}\n".encode())
        digest_numbers(digest, graph.features[:, column])
    return digest.hexdigest()


def _relation(relation: RelationEdges) -> str:
    return _edges(b"directed" if relation.directed else b"undirected", relation)


def _partners(edges: PartnerEdges) -> str:
    return _edges(f"to {edges.node_type}\n".encode(), edges)


def _edges(kind: bytes, edges: RelationEdges | PartnerEdges) -> str:
    digest = hashlib.sha256(kind)
    digest.update(np.ascontiguousarray(edges.indptr, dtype="<i8").data)
    digest.update(np.ascontiguousarray(edges.indices, dtype="<i8").data)
    digest_numbers(digest, edges.weights)
    return digest.hexdigest()
