"""What fitting may see, and what is kept of a model."""

import dataclasses

import numpy as np
import pytest

from models.fitted import FittingData, ModelContent
from schemas.candidates import LogisticSpec
from schemas.specs import TrainingSpec

SPEC = LogisticSpec(name="one", kind="logistic")


@pytest.fixture
def data(graphs):
    return graphs.learnable()


@pytest.mark.parametrize("sample", ["development", "validation"])
def test_a_row_for_fitting_without_an_outcome_is_refused(data, sample):
    truth = data.truth.copy()
    truth[np.flatnonzero(getattr(data, sample))[:3]] = -1
    with pytest.raises(ValueError, match=f"every {sample} row needs an outcome; 3 have none"):
        dataclasses.replace(data, truth=truth)


@pytest.mark.parametrize("outcome", [0, 1])
def test_an_outcome_that_fitting_must_not_see_has_to_be_masked(data, outcome):
    truth = data.truth.copy()
    truth[np.flatnonzero(~(data.development | data.validation))[0]] = outcome
    with pytest.raises(ValueError, match="must be masked with -1"):
        dataclasses.replace(data, truth=truth)


def test_data_without_any_row_to_fit_is_not_judged_here(graphs):
    nobody = np.zeros(2, dtype=bool)
    graph = graphs.graph_of(["a", "b"], {})
    FittingData(graph, np.array([-1, -1]), nobody, nobody, np.array(["a", "b"]), 2, TrainingSpec())


def content(**changes):
    whole = {"tensors": {"w": np.arange(6.0).reshape(2, 3)}, "texts": {"a.txt": "trees"}, "digest": ""}
    return ModelContent(**(whole | changes))


def test_content_comes_back_from_its_files():
    kept = content(tensors={"w": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "b": np.array([-np.inf, 0.0])})
    again = ModelContent.from_files(kept.files())
    assert again.content_hash(SPEC) == kept.content_hash(SPEC)
    np.testing.assert_array_equal(again.tensors["w"], kept.tensors["w"])
    assert again.texts == kept.texts


def test_content_without_tensors_has_no_file_for_them():
    assert set(content(tensors={}).files()) == {"a.txt"}
    assert ModelContent.from_files({"a.txt": b"trees"}).tensors == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"tensors": {"w": np.arange(6.0).reshape(3, 2)}},
        {"tensors": {"v": np.arange(6.0).reshape(2, 3)}},
        {"tensors": {"w": np.arange(1.0, 7.0).reshape(2, 3)}},
        {"texts": {"a.txt": "other trees"}},
        {"texts": {"b.txt": "trees"}},
        {"digest": "abc"},
    ],
)
def test_the_content_hash_covers_everything(changes):
    assert content(**changes).content_hash(SPEC) != content().content_hash(SPEC)


def test_the_content_hash_covers_the_settings_and_no_file_format():
    assert content().content_hash(SPEC) != content().content_hash(SPEC.model_copy(update={"inverse_penalty": 0.2}))
    narrow = content(tensors={"w": np.arange(6, dtype=np.float32).reshape(2, 3)})
    assert narrow.content_hash(SPEC) == content().content_hash(SPEC)
