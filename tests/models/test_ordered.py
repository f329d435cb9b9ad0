"""Ordered classes: the arithmetic of steps, and steps that have nothing to learn."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.candidates import fitted_candidate, restored_candidate
from models.fitted import ModelContent
from models.ordered import class_probabilities, with_prefixes, without_prefix
from schemas.candidates import LightGBMSpec, LogisticSpec

LOGISTIC = LogisticSpec(name="logistic", kind="logistic", ordered=True)


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1)))
def test_class_probabilities_are_complete_and_lying_above_never_crosses(beyond):
    found = class_probabilities(beyond)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1)
    above = 1 - np.cumsum(found, axis=1)
    assert (np.diff(above, axis=1) <= 1e-12).all()
    np.testing.assert_allclose(found[:, 0], 1 - beyond[:, 0])


def test_three_classes_by_hand():
    np.testing.assert_allclose(class_probabilities(np.array([[0.4, 0.25]])), [[0.6, 0.3, 0.1]])


def test_each_step_is_a_binary_model_of_those_that_got_there(graphs):
    data = graphs.learnable(classes=3)
    beyond = fitted_candidate(LOGISTIC, data).probabilities(data.graph)
    plain = LOGISTIC.model_copy(update={"ordered": False})
    first = dataclasses.replace(data, truth=np.where(data.truth >= 0, data.truth > 0, -1).astype(np.int64), classes=2)
    there = data.truth >= 1
    second = dataclasses.replace(
        data,
        truth=np.where(there, data.truth > 1, -1).astype(np.int64),
        development=data.development & there,
        validation=data.validation & there,
        classes=2,
    )
    steps = [fitted_candidate(plain, step).probabilities(data.graph)[:, 1] for step in (first, second)]
    np.testing.assert_allclose(beyond[:, 2], steps[0] * steps[1])


@pytest.mark.parametrize(("absent", "seen"), [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])])
def test_a_step_without_a_choice_is_sure(graphs, absent, seen):
    data = graphs.without_class(graphs.learnable(classes=3), absent)
    fitted = fitted_candidate(LOGISTIC, data)
    found = fitted.probabilities(data.graph)
    assert found[:, absent].max() == 0
    assert found[:, seen].min() > 0
    again = restored_candidate(LOGISTIC, ModelContent.from_files(fitted.content().files()), "")
    np.testing.assert_array_equal(again.probabilities(data.graph), found)


def test_a_step_that_validation_never_reached_is_boosted_to_the_end(graphs):
    data = graphs.learnable(classes=3)
    spec = LightGBMSpec(name="trees", kind="lightgbm", rounds=7, least_rows_a_leaf=5, ordered=True)
    low = data.truth == 0
    data = dataclasses.replace(
        data,
        truth=np.where(low | ~data.validation, data.truth, -1),
        validation=data.validation & low,
    )
    fitted = fitted_candidate(spec, data)
    assert fitted.notes["best round (step 2)"] == 7
    np.testing.assert_allclose(fitted.probabilities(data.graph).sum(axis=1), 1)


def test_contents_are_put_together_and_taken_apart():
    one = ModelContent({"w": np.ones(2)}, {"a.txt": "text"}, "digest")
    other = ModelContent({"w": np.zeros(3)})
    merged = with_prefixes({"one": one, "other": other})
    assert set(merged.tensors) == {"one.w", "other.w"}
    assert merged.digest not in {"", "digest"}
    apart = without_prefix(merged, "one")
    assert apart.texts == one.texts
    np.testing.assert_array_equal(apart.tensors["w"], one.tensors["w"])
    assert with_prefixes({"other": other}).digest == ""
