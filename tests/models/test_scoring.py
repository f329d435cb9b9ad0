"""From probabilities to what is said of a firm."""

import numpy as np
import pytest

from models.scoring import favourable, predicted_classes, unfavourable_probability
from schemas.portfolio import TargetSpec

BINARY = TargetSpec(kind="binary", classes=("0", "1"), favourable=("0",), horizon_quarters=4, label="default")
GRADES = TargetSpec(
    kind="ordinal", classes=("A", "B", "C", "D"), favourable=("A", "B"), horizon_quarters=1, label="grade"
)


def test_a_cut_off_decides_between_two_classes_and_belongs_to_the_positive_one():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    assert predicted_classes(probabilities, BINARY, 0.3).tolist() == [0, 1, 1]
    assert predicted_classes(probabilities, BINARY, 0.5).tolist() == [0, 0, 1]
    assert predicted_classes(probabilities, BINARY, 0.0).tolist() == [1, 1, 1]


def test_the_likeliest_of_several_classes_is_predicted_whatever_the_cut_off():
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    assert predicted_classes(probabilities, GRADES, 0.9).tolist() == [0, 3]


def test_favourable_classes_are_those_the_portfolio_names():
    assert favourable(np.array([0, 1]), BINARY).tolist() == [True, False]
    assert favourable(np.array([0, 1, 2, 3]), GRADES).tolist() == [True, True, False, False]


def test_the_unfavourable_probability_adds_up_the_bad_classes():
    assert unfavourable_probability(np.array([[0.9, 0.1]]), BINARY).tolist() == [0.1]
    assert unfavourable_probability(np.array([[0.4, 0.3, 0.2, 0.1]]), GRADES) == pytest.approx([0.3])


def test_a_target_whose_positive_class_is_good_is_turned_round():
    repaid = BINARY.model_copy(update={"favourable": ("1",)})
    assert favourable(np.array([0, 1]), repaid).tolist() == [False, True]
    assert unfavourable_probability(np.array([[0.9, 0.1]]), repaid).tolist() == [0.9]
