"""Neighbourhoods that a block makes out of its union and relations."""

import numpy as np

from models.gnn.blocks import whole_graph


def test_side_by_side_every_relation_has_its_own_senders(first):
    block = whole_graph(first)
    joint, size = block.joint, first.size
    assert (joint.receivers, joint.senders) == (size, size * len(block.relations))
    assert joint.edges == sum(side.edges for side in block.relations.values())
    for number, side in enumerate(block.relations.values()):
        for firm in range(size):
            heard = joint.indices[joint.indptr[firm] : joint.indptr[firm + 1]].numpy()
            here = heard[(heard >= number * size) & (heard < (number + 1) * size)] - number * size
            expected = side.indices[side.indptr[firm] : side.indptr[firm + 1]].numpy()
            np.testing.assert_array_equal(np.sort(here), np.sort(expected))


def test_an_edge_of_weight_zero_is_an_edge(graphs):
    graph = graphs.graph_of(list("abc"), {"supply": [("a", "b", 0.0), ("b", "c", 2.0)]})
    block = whole_graph(graph)
    assert block.joint.edges == 4
    assert [side.edges for side in block.relations_and_self.values()] == [2 + 3, 2 + 3]


def test_each_firm_hears_itself_once_more(first):
    block = whole_graph(first)
    assert block.union_and_self.edges == block.union.edges + first.size
    for firm in range(first.size):
        heard = block.union_and_self.indices[
            block.union_and_self.indptr[firm] : block.union_and_self.indptr[firm + 1]
        ].tolist()
        assert heard.count(firm) == 1
