"""A relation with the role `note` is kept for people and known to nothing that is computed."""

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from models.corporate_graph import block_diagonal, constructed_graph, corporate_graph
from models.fingerprint import part_digests
from models.graph_codec import graph_bytes, graph_from_bytes
from models.inputs import design_matrix, with_computed
from schemas.specs import GraphSpec
from schemas.structure import Statistic
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1).end, Quarter(2023, 2).end


def described(world, role="note", **changes):
    relations = [relation.model_dump(mode="json") for relation in world.portfolio().relations]
    for relation in relations:
        if relation["name"] == "ownership":
            relation["role"] = role
    return world.portfolio(relations=relations, **changes)


@pytest.fixture(scope="module")
def graph(world):
    return corporate_graph(world.admitted_tables(), described(world), Q1)


def test_it_is_in_the_graph_and_in_nothing_else(world, graph):
    supply = [one for one in world.portfolio().relations if one.name == "supply"]
    alone = corporate_graph(world.admitted_tables(), world.portfolio(relations=supply), Q1)
    assert (list(graph.relations), list(graph.noted)) == (["supply"], ["ownership"])
    assert part_digests(graph) == part_digests(alone)
    spec, groups = GraphSpec(structure=tuple(Statistic)), ("own", "neighbour", "structure")
    one, other = (design_matrix(with_computed(some, spec), groups) for some in (graph, alone))
    assert one[1] == other[1]
    np.testing.assert_array_equal(one[0], other[0])


def test_as_a_link_it_is_in_everything(world, graph):
    linked = corporate_graph(world.admitted_tables(), described(world, None), Q1)
    assert (list(linked.relations), list(linked.noted)) == (["ownership", "supply"], [])
    np.testing.assert_array_equal(linked.relations["ownership"].indices, graph.noted["ownership"].indices)
    assert part_digests(linked).keys() - part_digests(graph).keys() == {"relation:ownership"}


def test_it_comes_back_from_bytes_and_stands_side_by_side(world, graph):
    again = graph_from_bytes(graph_bytes(graph))
    later = corporate_graph(world.admitted_tables(), described(world), Q2)
    both = block_diagonal([again, later]).noted["ownership"].matrix().toarray()
    first, second = (some.noted["ownership"].matrix().toarray() for some in (graph, later))
    assert first.any()
    np.testing.assert_array_equal(both[: len(first), : len(first)], first)
    np.testing.assert_array_equal(both[len(first) :, len(first) :], second)
    assert both.sum() == first.sum() + second.sum()
    assert graph_bytes(dataclasses.replace(again, noted={})) != graph_bytes(graph)


def test_what_was_left_out_of_it_is_still_counted(world):
    assert constructed_graph(world.admitted_tables(), described(world), Q1).notes.keys() == {"ownership", "supply"}


def test_a_candidate_cannot_ask_for_it(world):
    only = [{"name": "spread", "kind": "label_propagation", "relations": {"ownership": 1.0}}]
    assert described(world, None, candidates=only).candidates
    with pytest.raises(ValidationError, match="`relations` names what is no relation: ownership"):
        described(world, candidates=only)


def test_relations_that_are_all_noted_are_no_links(world):
    noted = [one.model_dump(mode="json") | {"role": "note"} for one in world.portfolio().relations]
    with pytest.raises(ValidationError, match="rgcn tells relations apart, and none is declared"):
        world.portfolio(relations=noted, candidates=[{"name": "one", "kind": "rgcn"}])
    graph = corporate_graph(world.admitted_tables(), world.portfolio(relations=noted), Q1)
    assert (graph.union().nnz, list(graph.noted)) == (0, ["ownership", "supply"])
