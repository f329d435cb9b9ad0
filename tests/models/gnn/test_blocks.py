"""Neighbourhoods that a block makes out of its union and relations."""

import gc
import weakref

import numpy as np
import torch

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


class Count:
    """What is asked for, and how often it is computed."""

    def __init__(self, block, values, name="double"):
        self.block, self.values, self.name, self.times = block, values, name, 0

    def __call__(self, values=None):
        heard = self.values if values is None else values

        def compute():
            self.times += 1
            return heard.detach() * 2

        return self.block.remembered(self.name, heard, compute)


def test_what_follows_from_the_same_inputs_is_computed_once(first):
    asked = Count(whole_graph(first), torch.ones(first.size, 2))
    once, again = asked(), asked()
    assert again is once
    assert asked.times == 1
    assert torch.equal(once, asked.values * 2)


def test_inputs_that_were_changed_in_place_are_new_inputs(first):
    asked = Count(whole_graph(first), torch.ones(first.size, 2))
    asked()
    asked.values += 1
    assert torch.equal(asked(), asked.values * 2)
    asked()
    assert asked.times == 2


def test_hidden_values_do_not_push_inputs_out_and_what_is_learnt_is_not_kept(first):
    asked = Count(whole_graph(first), torch.ones(first.size, 2))
    once = asked()
    hidden, learnt = torch.zeros(first.size, 2), torch.zeros(first.size, 2, requires_grad=True)
    assert torch.equal(asked(hidden), hidden)
    assert torch.equal(asked(learnt), torch.zeros(first.size, 2))
    assert asked() is once
    assert asked.times == 3


def test_results_go_with_their_inputs(first):
    block, values = whole_graph(first), torch.ones(first.size, 2)
    Count(block, values)()
    kept = weakref.ref(block.remembered("double", values, list))
    assert kept() is not None
    del values
    gc.collect()
    assert kept() is None
    other = Count(block, torch.zeros(first.size, 2))
    assert other() is other(), "the place is free"
