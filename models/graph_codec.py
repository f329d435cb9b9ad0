"""A corporate graph as bytes and back: arrays in safetensors, words in its one metadata entry.

The bytes of equal graphs are equal. No code can hide in them; the hash is checked by whoever reads
the file, before these functions see it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from models.corporate_graph import Columns, CorporateGraph, PartnerEdges, RelationEdges

_WORDS = "creditnet"


def graph_bytes(graph: CorporateGraph) -> bytes:
    """Serialise a graph."""
    arrays: dict[str, NDArray[np.generic]] = {
        **_text_arrays("firms", graph.firms),
        "features": np.ascontiguousarray(graph.features),
    }
    for name, relation in graph.relations.items():
        arrays |= _edge_arrays(name, relation)
    for node_type, ids in graph.nodes.items():
        arrays |= _text_arrays(f"nodes:{node_type}", ids)
    for name, partners in graph.partners.items():
        arrays |= _edge_arrays(f"partners:{name}", partners)
    for name, relation in graph.noted.items():
        arrays |= _edge_arrays(f"noted:{name}", relation)
    for group, columns in graph.computed.items():
        arrays[f"computed.{group}"] = np.ascontiguousarray(columns.values)
    words: dict[str, object] = {
        "as_of": graph.as_of.isoformat(),
        "feature_names": graph.feature_names,
        "computed": {group: columns.names for group, columns in graph.computed.items()},
        "directed": {name: relation.directed for name, relation in graph.relations.items()},
    }
    if graph.nodes:  # a graph of firms alone keeps the bytes it had before there were other nodes
        words["nodes"] = sorted(graph.nodes)
        words["partners"] = {name: partners.node_type for name, partners in graph.partners.items()}
    if graph.noted:
        words["noted"] = {name: relation.directed for name, relation in graph.noted.items()}
    # One entry only: the order of several would differ from run to run.
    return bytes(save(arrays, metadata={_WORDS: json.dumps(words, sort_keys=True)}))


def graph_from_bytes(data: bytes) -> CorporateGraph:
    """Read back what `graph_bytes` wrote."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    words = json.loads(header["__metadata__"][_WORDS])
    arrays = load(data)
    nodes = {node_type: _texts(arrays, f"nodes:{node_type}") for node_type in words.get("nodes", [])}
    return CorporateGraph(
        as_of=dt.date.fromisoformat(words["as_of"]),
        firms=_texts(arrays, "firms"),
        relations={name: _edges(arrays, name, directed) for name, directed in sorted(words["directed"].items())},
        features=arrays["features"],
        feature_names=tuple(words["feature_names"]),
        computed={
            group: Columns(arrays[f"computed.{group}"], tuple(names))
            for group, names in sorted(words.get("computed", {}).items())
        },
        nodes=nodes,
        partners={
            name: PartnerEdges(
                node_type=node_type,
                indptr=arrays[f"partners:{name}.indptr"],
                indices=arrays[f"partners:{name}.indices"],
                weights=arrays[f"partners:{name}.weights"],
                width=len(nodes[node_type]),
            )
            for name, node_type in sorted(words.get("partners", {}).items())
        },
        noted={
            name: _edges(arrays, f"noted:{name}", directed) for name, directed in sorted(words.get("noted", {}).items())
        },
    )


def _edges(arrays: Mapping[str, Any], name: str, directed: bool) -> RelationEdges:
    return RelationEdges(arrays[f"{name}.indptr"], arrays[f"{name}.indices"], arrays[f"{name}.weights"], directed)


def _edge_arrays(name: str, edges: RelationEdges | PartnerEdges) -> dict[str, NDArray[np.generic]]:
    return {
        f"{name}.indptr": edges.indptr,
        f"{name}.indices": edges.indices,
        f"{name}.weights": edges.weights,
    }


def _text_arrays(name: str, texts: NDArray[np.str_]) -> dict[str, NDArray[np.generic]]:
    encoded = [text.encode() for text in texts.tolist()]
    return {
        f"{name}.bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}.ends": np.cumsum([len(text) for text in encoded], dtype=np.int64),
    }


def _texts(arrays: Mapping[str, NDArray[np.generic]], name: str) -> NDArray[np.str_]:
    ends = arrays[f"{name}.ends"]
    text = arrays[f"{name}.bytes"].tobytes()
    starts = np.concatenate([[0], ends[:-1]])
    return np.array([text[a:b].decode() for a, b in zip(starts, ends, strict=True)], dtype=np.str_)
