"""Probabilities and losses, held against their formulas written out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.classes import log_probabilities, loss_function, output_width
from schemas.candidates import GraphSageSpec


def spec(**settings):
    return GraphSageSpec(name="one", kind="graphsage", **settings)


@given(st.integers(2, 6), st.integers(0, 99), st.booleans())
def test_probabilities_sum_to_one_and_are_finite(classes, seed, ordered):
    outputs = torch.randn(
        5, output_width(classes, ordered=ordered), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    logs = log_probabilities(outputs * 20, ordered=ordered)
    assert logs.shape == (5, classes)
    assert torch.isfinite(logs).all()
    np.testing.assert_allclose(logs.exp().sum(dim=1), 1.0, atol=1e-12)


def test_ordered_probabilities_are_the_continuation_ratios():
    outputs = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    first, second = expit(0.3), expit(-1.2)
    expected = [1 - first, first * (1 - second), first * second]
    np.testing.assert_allclose(log_probabilities(outputs, ordered=True).exp().numpy()[0], expected)


def test_cross_entropy_is_the_mean_negative_log():
    outputs, truth = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    found = loss_function(spec(), truth, 2)(outputs, truth)
    assert float(found) == pytest.approx((np.log1p(np.exp(-2)) + np.log(2)) / 2, rel=1e-6)


def test_the_balanced_loss_lets_classes_count_alike():
    truth = torch.tensor([0, 0, 0, 1])
    outputs = torch.tensor([[1.0, 0.0]] * 3 + [[1.0, 0.0]])
    right, wrong = np.log1p(np.exp(-1)), np.log1p(np.exp(1))
    found = loss_function(spec(loss="balanced"), truth, 2)(outputs, truth)
    assert float(found) == pytest.approx((right + wrong) / 2, rel=1e-6)


def test_a_class_that_development_lacks_has_no_weight_and_breaks_nothing():
    truth = torch.tensor([0, 1])
    found = loss_function(spec(loss="balanced"), truth, 3)(torch.zeros(1, 3), torch.tensor([2]))
    assert float(found) == 0.0


def test_the_focal_loss_discounts_what_is_already_right():
    truth = torch.tensor([0])
    sure, unsure = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    focal = loss_function(spec(loss="focal", focal_gamma=2.0), truth, 2)
    plain = loss_function(spec(), truth, 2)
    for outputs in (sure, unsure):
        missing = 1 - torch.softmax(outputs, dim=1)[0, 0]
        assert float(focal(outputs, truth)) == pytest.approx(float(missing**2 * plain(outputs, truth)), rel=1e-5)
    assert float(loss_function(spec(loss="focal", focal_gamma=0.0), truth, 2)(sure, truth)) == pytest.approx(
        float(plain(sure, truth))
    )


def test_weights_say_how_much_a_firm_counts():
    outputs, truth = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    loss = loss_function(spec(), truth, 2)
    assert float(loss(outputs, truth, torch.tensor([0.0, 2.0]))) == pytest.approx(np.log(2), rel=1e-6)
