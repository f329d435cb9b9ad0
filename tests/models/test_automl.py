"""AutoGluon: folds hold communities together, and the same data gives the same model."""

import collections

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.automl import community_folds
from models.candidates import fitted_candidate, restored_candidate
from models.fitted import ModelContent
from schemas.candidates import AutoGluonSpec


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(2, 6))
def test_a_community_lies_in_one_fold_and_folds_are_about_equal(sizes, folds):
    names = np.repeat([f"c{number:02d}" for number in range(len(sizes))], sizes)
    dealt = community_folds(names, folds)
    for name in np.unique(names):
        assert len(np.unique(dealt[names == name])) == 1
    loads = np.bincount(dealt, minlength=folds)
    assert len(loads) == folds
    # Largest first to the smallest fold: no two folds differ by more than the largest community.
    assert loads.max() - loads.min() <= max(sizes)


def test_folds_do_not_depend_on_the_order_of_rows():
    names = np.repeat(["a", "b", "c", "d"], [4, 4, 2, 3])
    order = np.random.default_rng(0).permutation(len(names))
    np.testing.assert_array_equal(community_folds(names, 3)[order], community_folds(names[order], 3))


def test_the_same_twice_is_the_same_model_and_comes_back_from_its_folder(graphs, tmp_path):
    spec = AutoGluonSpec(name="auto", kind="autogluon", folds=2, rounds=8)
    one, other = (
        fitted_candidate(spec, graphs.learnable(scratch=str(tmp_path / name))) for name in ("first", "second")
    )
    assert one.content().content_hash(spec) == other.content().content_hash(spec)
    assert one.notes == {"folds": 2}
    data = graphs.learnable()
    found = one.probabilities(data.graph)
    assert found.shape == (120, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    kept = ModelContent.from_files(one.content().files())
    again = restored_candidate(spec, kept, str(tmp_path / "first"))
    np.testing.assert_array_equal(again.probabilities(data.graph), found)
    assert again.inputs == one.inputs == 3
    assert again.content().content_hash(spec) == one.content().content_hash(spec)
    written = collections.Counter(path.suffix for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert written[".pkl"] > 0, "AutoGluon keeps its own pickles, and only in the folder it was handed"
