"""The fingerprint knows a graph however it is stored, and says which part differs."""

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models import fingerprint
from models.fingerprint import canonical_bytes, exact_root, part_digests, tensor_digest

VALUES = np.array([[1.0, -2.0], [0.0, np.nan], [3.5, 4.0]])


@pytest.fixture
def graph(graphs):
    relations = {"supply": [("a", "b", 2.0), ("b", "c", 1.0)], "ownership": [("a", "c", 0.5)]}
    return graphs.graph_of(list("abc"), relations, VALUES, undirected=["ownership"])


def with_relation(graph, name, **changes):
    relation = dataclasses.replace(graph.relations[name], **changes)
    return dataclasses.replace(graph, relations={**graph.relations, name: relation})


def differing(one, other):
    first, second = part_digests(one), part_digests(other)
    assert (exact_root(first) == exact_root(second)) == (first == second)
    return {part for part in first.keys() | second.keys() if first.get(part) != second.get(part)}


def test_every_part_has_its_digest(graph):
    digests = part_digests(graph)
    assert set(digests) == {"firms", "features", "relation:supply", "relation:ownership"}
    assert all(len(digest) == 64 for digest in digests.values())


def test_storage_does_not_matter(graph):
    supply = graph.relations["supply"]
    stored = dataclasses.replace(
        graph,
        firms=graph.firms.astype("U40"),
        features=np.asfortranarray(graph.features).astype(">f8"),
        relations=dict(reversed(graph.relations.items())),
    )
    stored = with_relation(
        stored,
        "supply",
        indptr=supply.indptr.astype(np.int32),
        indices=supply.indices.astype(np.int32),
        weights=supply.weights.astype(np.float32),
    )
    assert differing(graph, stored) == set()


def test_the_order_of_feature_columns_does_not_matter(graph):
    swapped = dataclasses.replace(
        graph, features=graph.features[:, ::-1], feature_names=tuple(reversed(graph.feature_names))
    )
    assert differing(graph, swapped) == set()


def test_there_is_one_zero_and_one_nan(graph):
    other = np.uint64(0x7FF8000000000123).view(np.float64)
    values = graph.features.copy()
    values[1] = [-0.0, other]
    assert values[1].tobytes() != graph.features[1].tobytes()
    assert differing(graph, dataclasses.replace(graph, features=values)) == set()
    assert differing(graph, with_relation(graph, "supply", weights=np.array([2.0, 1.0]))) == set()


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 1)])
def test_a_single_feature_changes_the_features_only(graph, place):
    values = graph.features.copy()
    values[place] = np.nextafter(np.nan_to_num(values[place]), np.inf)
    assert differing(graph, dataclasses.replace(graph, features=values)) == {"features"}


def test_a_feature_name_changes_the_features_only(graph):
    assert differing(graph, dataclasses.replace(graph, feature_names=("x0", "y"))) == {"features"}


def test_swapped_names_are_swapped_columns(graph):
    assert differing(graph, dataclasses.replace(graph, feature_names=("x1", "x0"))) == {"features"}


def test_a_firm_changes_the_firms_only(graph):
    renamed = dataclasses.replace(graph, firms=np.array(["a", "b", "d"]))
    assert differing(graph, renamed) == {"firms"}


def test_firms_are_not_glued_together(graph):
    one = dataclasses.replace(graph, firms=np.array(["ab", "c", "d"]))
    other = dataclasses.replace(graph, firms=np.array(["a", "bc", "d"]))
    assert differing(one, other) == {"firms"}


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.array([2.0, 1.5])},
        {"indices": np.array([1, 0])},
        {"indptr": np.array([0, 2, 2, 2])},
        {"directed": False},
    ],
)
def test_an_edge_changes_its_relation_only(graph, change):
    assert differing(graph, with_relation(graph, "supply", **change)) == {"relation:supply"}


def test_a_relation_more_or_fewer_is_seen(graph):
    fewer = dataclasses.replace(graph, relations={"supply": graph.relations["supply"]})
    assert differing(graph, fewer) == {"relation:ownership"}


def test_the_root_depends_on_which_part_has_which_digest():
    assert exact_root({"a": "1", "b": "2"}) == exact_root({"b": "2", "a": "1"})
    assert exact_root({"a": "1", "b": "2"}) != exact_root({"a": "2", "b": "1"})


finite = arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=4), elements=st.floats(allow_nan=True))


@given(finite)
def test_a_tensors_digest_does_not_depend_on_its_layout(values):
    expected = tensor_digest({"w": values})
    assert tensor_digest({"w": np.asfortranarray(values)}) == expected
    assert tensor_digest({"w": values + 0.0}) == expected
    assert canonical_bytes(values) == canonical_bytes(np.where(values == 0, -0.0, values))


def test_a_tensors_digest_covers_names_shapes_and_values():
    base = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2)}
    digest = tensor_digest(base)
    assert tensor_digest(dict(reversed(base.items()))) == digest
    assert tensor_digest(base | {"a": base["a"].reshape(3, 2)}) != digest
    assert tensor_digest({"a": base["a"], "c": base["b"]}) != digest
    assert tensor_digest(base | {"b": np.array([1.0, 2.0])}) != digest
    assert tensor_digest({"a": base["a"]}) != digest


def test_digesting_leaves_the_numbers_alone(graph):
    values = np.array([-0.0, np.nan])
    canonical_bytes(values)
    assert np.signbit(values[0])


@pytest.mark.parametrize("block", [1, 2, 3, 1 << 16])
@pytest.mark.parametrize("firms", [["a", "b", "c"], ["a", "bcd", "ef"], ["a", "b\u00fc", "c\u4f01"]])
def test_digests_are_those_of_the_canonical_bytes_whatever_the_block(graph, firms, block, monkeypatch):
    monkeypatch.setattr(fingerprint, "_BLOCK", block)
    graph = dataclasses.replace(graph, firms=np.array(firms))
    supply = graph.relations["supply"]
    texts = b"".join(len(firm.encode()).to_bytes(8, "little") + firm.encode() for firm in firms)
    columns = b"".join(f"x{at}\n".encode() + canonical_bytes(graph.features[:, at]) for at in range(2))
    relation = b"directed" + supply.indptr.tobytes() + supply.indices.tobytes() + canonical_bytes(supply.weights)
    digests = part_digests(graph)
    for part, content in {"firms": texts, "features": columns, "relation:supply": relation}.items():
        assert digests[part] == hashlib.sha256(content).hexdigest(), part
