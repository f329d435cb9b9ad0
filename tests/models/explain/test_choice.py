"""Methods by their names: what explains which candidate, and what an explanation carries with it."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from models.candidates import fitted_candidate
from models.explain.attribution import Method
from models.explain.methods import applicable, dist_shift_explanation, explanation
from models.explain.opened import opened
from schemas.candidates import CandidateSpec
from schemas.errors import SettingsError
from tests.models.explain.conftest import drawn_network

FIRM = 7


@pytest.fixture(scope="module")
def learnt(graphs):
    return graphs.learnable()


def door_of(data, **settings):
    fitted = fitted_candidate(TypeAdapter(CandidateSpec).validate_python({"name": "one"} | settings), data)
    return opened(fitted, data.graph, [1])


@pytest.mark.parametrize("method", [None, *Method])
def test_every_method_of_a_network_by_name(scattered, method):
    door = drawn_network(scattered, kind="gat")
    if method is not None and method not in applicable(door):
        with pytest.raises(SettingsError, match=f"The method {method} cannot explain this candidate"):
            explanation(door, FIRM, method)
        return
    found = explanation(door, FIRM, method)
    assert found.method is (method or Method.INTEGRATED_GRADIENTS)
    assert found.firm == "f007"
    assert found.fidelity.plus >= 0
    assert -1 <= found.fidelity.stability <= 1


def test_attention_is_offered_where_there_is_any(scattered):
    assert Method.ATTENTION not in applicable(drawn_network(scattered, kind="gcn"))
    assert Method.ATTENTION in applicable(drawn_network(scattered, kind="gcn", dimension_attention=0.5))


def test_tables_have_shap_values_and_the_rest_is_asked_again(learnt):
    assert explanation(door_of(learnt, kind="logistic", features="neighbour"), FIRM).method is Method.SHAP
    found = explanation(door_of(learnt, kind="label_propagation"), FIRM)
    assert found.method is Method.LEAVE_ONE_OUT
    assert found.edges


def test_an_unsteady_explanation_is_not_reliable(scattered, monkeypatch):
    door = drawn_network(scattered, kind="rgcn", layers=1)
    assert explanation(door, FIRM, Method.LEAVE_ONE_OUT).reliable
    monkeypatch.setattr("models.explain.methods.DISTURBANCE", 50.0)
    shaken = explanation(door, FIRM, Method.LEAVE_ONE_OUT)
    assert shaken.fidelity.stability < 0.5
    assert not shaken.reliable


def test_dist_shift_is_held_against_the_candidate(scattered):
    door = drawn_network(scattered, kind="rgcn")
    truth = (np.arange(scattered.size) % 2).astype(np.int64)
    found = dist_shift_explanation(door, FIRM, scattered.features, truth)
    assert found.method is Method.DIST_SHIFT
    assert found.fidelity is not None
    assert any(one.weight for one in found.edges)
