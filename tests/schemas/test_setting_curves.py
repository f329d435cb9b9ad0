"""A curve that could not be drawn is told when the portfolio file is read; one that can keeps all other settings."""

import pytest

from schemas.setting_curves import CurvePoint, SettingCurve, with_setting
from schemas.terms import Sample

CANDIDATES = [{"name": "logistic", "kind": "logistic"}, {"name": "net", "kind": "gat", "hidden": 8, "heads": 2}]
CURVE = {"candidate": "net", "setting": "layers", "values": [1, 2]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidate": "logistic"}, r"layers of logistic: `candidate` names a network \(net\)"),
        ({"setting": "beta"}, r"`setting` is one of the numbers that a gat is set by \(hidden, .*dimension_attention"),
        ({"setting": "loss"}, "`setting` is one of the numbers"),
        ({"values": [2, 1]}, "layers of net: `values` ascend and differ"),
        ({"values": [1, 1]}, "layers of net: `values` ascend and differ"),
        ({"values": [1, 9]}, "layers of net: 9 cannot be: Input should be less than or equal to 8"),
        ({"setting": "hidden", "values": [7, 8]}, "hidden of net: 7 cannot be"),
        ({"seeds": 1}, "seeds"),
        ({"values": [1]}, "values"),
    ],
)
def test_what_cannot_be_varied_is_refused(world, change, message):
    with pytest.raises(ValueError, match=message):
        world.portfolio(candidates=CANDIDATES, setting_curves=[CURVE | change])


def test_one_setting_is_varied_once(world):
    with pytest.raises(ValueError, match="setting_curves: names must differ, these repeat: layers of net"):
        world.portfolio(candidates=CANDIDATES, setting_curves=[CURVE, CURVE | {"values": [3, 4]}])


def test_only_the_setting_changes(world):
    spec = world.portfolio(candidates=CANDIDATES, setting_curves=[CURVE]).single_candidates[1]
    varied = with_setting(spec, "layers", 3)
    assert varied.layers == 3
    assert varied.model_dump() | {"layers": spec.layers} == spec.model_dump()


def test_mean_spread_and_best_of_a_curve():
    """By hand: .6 and .8 have the mean .7 and the standard deviation .1 times the root of 2."""
    points = tuple(
        CurvePoint(value=value, auc={Sample.VALIDATION: auc})
        for value, auc in ((1, (0.6, 0.8)), (2, (0.75, 0.75)), (3, (0.75, 0.75)))
    )
    curve = SettingCurve(candidate="net", kind="gat", setting="layers", own=2, points=points)
    assert points[0].mean(Sample.VALIDATION) == pytest.approx(0.7)
    assert points[0].sd(Sample.VALIDATION) == pytest.approx(0.1 * 2**0.5)
    assert curve.best(Sample.VALIDATION).value == 2
    assert curve.samples == (Sample.VALIDATION,)
