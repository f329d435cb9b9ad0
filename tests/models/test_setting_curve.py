"""A curve goes through the candidate as it stands, is the same each time, and sees validation alone."""

from dataclasses import replace

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.discrimination import point_scores
from models.panel import UNKNOWN
from models.setting_curve import validation_curve
from schemas.errors import NotEnoughData
from schemas.setting_curves import SettingCurveSpec
from schemas.specs import TrainingSpec
from schemas.terms import Sample

ASKED = SettingCurveSpec(candidate="net", setting="beta", values=(0, 0.1, 5), seeds=2)


@pytest.fixture(scope="module")
def spec(world):
    described = {"name": "net", "kind": "gdan", "hidden": 8, "epochs": 8}
    return world.portfolio(candidates=[described]).single_candidates[0]


@pytest.fixture(scope="module")
def data(graphs):
    return graphs.learnable(training=TrainingSpec(seed=3, threads=1))


@pytest.fixture(scope="module")
def curve(spec, data):
    return validation_curve(spec, ASKED, data)


def test_it_goes_through_the_candidate_itself_and_moves_with_the_setting(spec, data, curve):
    rows = data.validation
    itself = fitted_candidate(spec, data).probabilities(data.graph)
    auc = point_scores(data.truth[rows], itself[rows], threshold=0.5)["auc"]
    own = next(point for point in curve.points if point.value == curve.own == 0.1)
    assert own.auc[Sample.VALIDATION][0] == auc, "the portfolio's seed comes first"
    assert len({point.auc for point in map(_tuples, curve.points)}) == 3
    assert all(len(set(point.auc[Sample.VALIDATION])) == 2 for point in curve.points), "seeds differ"


def _tuples(point):
    return point.model_copy(update={"auc": tuple(point.auc.items())})


def test_outcomes_of_other_firms_change_nothing(spec, data, curve):
    shown = data.development | data.validation
    hidden = replace(data, truth=np.where(shown, data.truth, UNKNOWN))
    assert validation_curve(spec, ASKED, hidden) == curve


def test_without_two_classes_on_validation_there_is_no_curve(spec, data):
    truth = np.where(data.validation, 1, data.truth)
    with pytest.raises(NotEnoughData, match="curve of beta of net has nothing to be measured on"):
        validation_curve(spec, ASKED, replace(data, truth=truth))
