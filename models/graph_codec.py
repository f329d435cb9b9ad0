"""A corporate graph as bytes and back: arrays in safetensors, words in its one metadata entry.

The bytes of equal graphs are equal. No code can hide in them; the hash is checked by whoever reads
the file, before these functions see it.
"""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from models.corporate_graph import Columns, CorporateGraph, RelationEdges

_WORDS = "creditnet"


def graph_bytes(graph: CorporateGraph) -> bytes:
    """Serialise a graph."""
    encoded = [text.encode() for text in graph.firms.tolist()]
    arrays: dict[str, NDArray[np.generic]] = {
        "firms.bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        "firms.ends": np.cumsum([len(text) for text in encoded], dtype=np.int64),
        "features": np.ascontiguousarray(graph.features),
    }
    for name, relation in graph.relations.items():
        arrays |= {
            f"{name}.indptr": relation.indptr,
            f"{name}.indices": relation.indices,
            f"{name}.weights": relation.weights,
        }
    for group, columns in graph.computed.items():
        arrays[f"computed.{group}"] = np.ascontiguousarray(columns.values)
    words = {
        "as_of": graph.as_of.isoformat(),
        "feature_names": graph.feature_names,
        "computed": {group: columns.names for group, columns in graph.computed.items()},
        "directed": {name: relation.directed for name, relation in graph.relations.items()},
    }
    # One entry only: the order of several would differ from run to run.
    return bytes(save(arrays, metadata={_WORDS: json.dumps(words, sort_keys=True)}))


def graph_from_bytes(data: bytes) -> CorporateGraph:
    """Read back what `graph_bytes` wrote."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    words = json.loads(header["__metadata__"][_WORDS])
    arrays = load(data)
    ends = arrays["firms.ends"]
    text = arrays["firms.bytes"].tobytes()
    starts = np.concatenate([[0], ends[:-1]])
    return CorporateGraph(
        as_of=dt.date.fromisoformat(words["as_of"]),
        firms=np.array([text[a:b].decode() for a, b in zip(starts, ends, strict=True)], dtype=np.str_),
        relations={
            name: RelationEdges(
                arrays[f"{name}.indptr"], arrays[f"{name}.indices"], arrays[f"{name}.weights"], directed
            )
            for name, directed in sorted(words["directed"].items())
        },
        features=arrays["features"],
        feature_names=tuple(words["feature_names"]),
        computed={
            group: Columns(arrays[f"computed.{group}"], tuple(names))
            for group, names in sorted(words["computed"].items())
        },
    )
