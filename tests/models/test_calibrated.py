"""A calibrated candidate: kept, restored, another model, and judged on validation without optimism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from models.calibrated import calibration_error, cross_fitted, fitted_maps, log_loss, mapped, panel_probabilities
from models.candidates import fitted_candidate, restored_candidate
from models.fitted import ModelContent
from schemas.candidates import CorrectAndSmoothSpec, GraphSageSpec, LightGBMSpec, LogisticSpec
from schemas.tabular import Calibration

METHODS = [Calibration.PLATT, Calibration.ISOTONIC, Calibration.BETA]
TREES = LightGBMSpec(name="trees", kind="lightgbm", rounds=20, least_rows_a_leaf=5)
LOGISTIC = LogisticSpec(name="logistic", kind="logistic")
SAGE = GraphSageSpec(name="sage", kind="graphsage", hidden=8, epochs=5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spec", [TREES, SAGE], ids=lambda spec: spec.name)
def test_calibration_changes_the_model_and_is_kept_with_it(graphs, spec, method, classes):
    data = graphs.learnable(classes=classes)
    with_it = spec.model_copy(update={"calibration": method})
    plain, fitted = (fitted_candidate(one, data) for one in (spec, with_it))
    found = fitted.probabilities(data.graph)
    assert np.abs(found - plain.probabilities(data.graph)).max() > 1e-3
    assert found.shape == (120, classes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    content = fitted.content()
    assert content.content_hash(with_it) != plain.content().content_hash(spec)
    again = restored_candidate(with_it, ModelContent.from_files(content.files()), "")
    np.testing.assert_array_equal(again.probabilities(data.graph), found)
    assert again.content().content_hash(with_it) == content.content_hash(with_it)
    assert again.inputs == plain.inputs


def test_the_maps_are_part_of_the_hash(graphs):
    data = graphs.learnable()
    spec = LOGISTIC.model_copy(update={"calibration": Calibration.PLATT})
    fitted = fitted_candidate(spec, data)  # logistic regression does not look at validation, its calibration does
    truth = data.truth.copy()
    truth[np.flatnonzero(data.validation)[:5]] ^= 1
    other = fitted_candidate(spec, replace(data, truth=truth))
    assert fitted.content().content_hash(spec) != other.content().content_hash(spec)
    bare = fitted_candidate(LOGISTIC, data), fitted_candidate(LOGISTIC, replace(data, truth=truth))
    assert bare[0].content().content_hash(LOGISTIC) == bare[1].content().content_hash(LOGISTIC)


def test_ordered_classes_are_calibrated_after_they_are_put_together(graphs):
    data = graphs.learnable(classes=4, firms=240)
    spec = TREES.model_copy(update={"ordered": True, "calibration": Calibration.BETA})
    fitted = fitted_candidate(spec, data)
    again = restored_candidate(spec, ModelContent.from_files(fitted.content().files()), "")
    np.testing.assert_array_equal(again.probabilities(data.graph), fitted.probabilities(data.graph))
    assert len(fitted.maps) == 4


def test_validation_is_judged_by_maps_of_other_communities(graphs):
    data = graphs.learnable(firms=600, groups=24)
    spec = TREES.model_copy(update={"calibration": Calibration.ISOTONIC})
    fitted = fitted_candidate(spec, data)
    judged, used = panel_probabilities(fitted, data), fitted.probabilities(data.graph)
    np.testing.assert_array_equal(judged[~data.validation], used[~data.validation])
    truth = data.truth[data.validation]
    assert log_loss(used[data.validation], truth) < log_loss(judged[data.validation], truth), "its own rows flatter it"


def test_a_row_does_not_see_its_own_community():
    rng = np.random.default_rng(0)
    first = rng.random(60)
    probabilities = np.stack([1 - first, first], axis=1)
    communities = np.repeat([f"c{number}" for number in range(5)], 12)
    truth = (rng.random(60) < first).astype(np.int64)
    swapped = truth.copy()
    own = np.flatnonzero(communities == "c3")[:12]
    swapped[own] = np.roll(truth[own], 1)  # the fold's sum of outcomes is the same, so the folds are too
    one, other = (cross_fitted(Calibration.BETA, probabilities, some, communities) for some in (truth, swapped))
    np.testing.assert_array_equal(one[own], other[own])
    assert (swapped != truth).any()


def test_rows_of_one_community_are_cross_fitted_by_firm():
    probabilities = np.full((10, 2), 0.5)
    truth = np.array([0, 1] * 5)
    found = cross_fitted(Calibration.PLATT, probabilities, truth, np.full(10, "only"))
    np.testing.assert_allclose(found, 0.5, atol=0.1)
    alone = cross_fitted(Calibration.PLATT, probabilities[:1], truth[:1], np.full(1, "only"))
    np.testing.assert_array_equal(alone, probabilities[:1])


def test_several_classes_sum_to_one_also_where_one_never_happened():
    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet([2, 2, 2], size=90)
    truth = rng.integers(2, size=90)
    for method in METHODS:
        found = mapped(probabilities, fitted_maps(method, probabilities, truth))
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert found[:, 2].mean() < 0.1


def test_the_calibration_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    # Tenths of four rows are single rows: |0.1 - 0| + |0.1 - 1| + |0.8 - 1| + |0.8 - 1| over 4.
    assert calibration_error(probabilities, np.array([0, 1, 1, 1])) == pytest.approx(1.4 / 4)


def test_the_notes_say_what_calibration_did(graphs):
    notes = fitted_candidate(TREES.model_copy(update={"calibration": Calibration.PLATT}), graphs.learnable()).notes
    assert notes["calibration"] == "platt"
    assert notes["log loss calibrated"] != notes["log loss before calibration"]


def test_a_base_is_not_calibrated_by_itself():
    with pytest.raises(ValidationError, match="belong to the candidate itself"):
        CorrectAndSmoothSpec(
            name="smooth", kind="correct_and_smooth", base={"kind": "logistic", "calibration": "platt"}
        )
