"""Firms with similar features."""

import numpy as np

from models.nearest import nearest_edges
from schemas.portfolio import NearestSpec

NAMES = ("size", "trade=steel", "trade=bakery")
FEATURES = np.array(
    [[1.0, 1.0, 0.0], [1.1, 1.0, 0.0], [9.0, 0.0, 1.0], [9.2, 0.0, 1.0], [np.nan, 0.0, 1.0]], dtype=np.float64
)


def pairs(spec):
    matrix = nearest_edges(FEATURES, NAMES, spec).matrix().tocoo()
    return {(int(i), int(j)) for i, j in zip(*matrix.coords, strict=True) if i < j}


def test_the_nearest_firm_is_the_one_of_the_same_kind():
    found = pairs(NearestSpec(kind="nearest", name="near", neighbours=1))
    assert {(0, 1), (2, 3)} <= found
    assert not {(0, 2), (0, 3), (1, 2), (1, 3)} & found


def test_features_can_be_narrowed_down_and_a_category_goes_by_its_name():
    assert (2, 4) in pairs(NearestSpec(kind="nearest", name="near", neighbours=2, features=("trade",)))


def test_a_missing_feature_counts_as_average_and_a_constant_one_is_no_difference():
    constant = nearest_edges(np.full((3, 2), 5.0), ("a", "b"), NearestSpec(kind="nearest", name="n"))
    assert constant.edges == 0
