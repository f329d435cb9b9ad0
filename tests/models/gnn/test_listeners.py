"""Listeners: copies of firms that hear everybody and are heard by nobody, in every architecture."""

import numpy as np
import torch

from models.gnn.blocks import whole_graph
from models.gnn.listeners import with_listeners


def outputs(one, block, values, layers=2):
    one.eval()
    with torch.no_grad():
        return one([block] * layers, values).numpy()


def test_a_listener_with_its_firms_inputs_scores_as_its_firm(spec, first, drawn, inputs):
    one, values = drawn(spec, first), inputs(first.size)
    plain = outputs(one, whole_graph(first), values)
    found = outputs(one, with_listeners(whole_graph(first), first.size), torch.cat([values, values]))
    np.testing.assert_allclose(found[: first.size], plain, atol=1e-12)
    np.testing.assert_allclose(found[first.size :], plain, atol=1e-12)


def test_nobody_hears_what_listeners_say_of_themselves(spec, first, drawn, inputs):
    one, values = drawn(spec, first), inputs(first.size)
    block = with_listeners(whole_graph(first), first.size)
    alone = inputs(first.size)
    alone[3] = 5.0
    plain, found = (outputs(one, block, torch.cat([own, values])) for own in (values, alone))
    changed = np.abs(found - plain).max(axis=1) > 1e-9
    assert changed.nonzero()[0].tolist() in ([3], []), "a listener's inputs reach itself alone"
    assert changed[3] or not getattr(spec, "own_term", True)
