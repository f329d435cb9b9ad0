"""The drawing of a curve says its numbers in words, marks the candidate itself and is the same each time."""

from monitoring.setting_curve_chart import setting_curve_chart
from schemas.setting_curves import CurvePoint, SettingCurve
from schemas.terms import Sample


def curve(own=0.1, *, test=False):
    shifts = {Sample.VALIDATION: 0.0} | ({Sample.PUBLISHED_TEST: -0.05} if test else {})
    points = tuple(
        CurvePoint(value=value, auc={sample: (auc + shift, auc + shift + 0.02) for sample, shift in shifts.items()})
        for value, auc in ((0, 0.7), (0.1, 0.8), (2, 0.75))
    )
    return SettingCurve(candidate="net", kind="gdan", setting="beta", own=own, points=points)


def axes_of(chart):
    return chart.figure.axes[0]


def test_its_words_have_every_value_and_sample():
    chart = setting_curve_chart(curve(test=True), "smesd")
    assert chart.alt == (
        "Mean AUC against beta of net on smesd. validation: 0: 0.710, 0.1: 0.810, 2: 0.760; "
        "published test: 0: 0.660, 0.1: 0.760, 2: 0.710."
    )
    axes = axes_of(chart)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.1", "2"]
    assert axes.get_xlabel() == "beta of net (evenly spaced)"
    assert axes.get_ylabel() == "AUC on smesd, mean ± sd of 2 seeds"
    assert len(axes.collections) == 2, "a band a sample"
    assert setting_curve_chart(curve(test=True), "smesd").svg() == chart.svg()


def test_the_candidate_itself_is_marked_where_its_value_was_tried():
    def marks(one):
        return [line.get_xdata()[0] for line in axes_of(one).lines if line.get_label() == "net itself"]

    assert marks(setting_curve_chart(curve(own=0.1))) == [1]
    assert marks(setting_curve_chart(curve(own=0.5))) == []


def test_the_band_is_a_standard_deviation_either_side():
    """By hand: .7 and .72 lie .01 from their mean, so that their standard deviation is .01 times the root of 2."""
    (band,) = axes_of(setting_curve_chart(curve())).collections
    ends = band.get_paths()[0].vertices
    low, high = min(y for x, y in ends if x == 0), max(y for x, y in ends if x == 0)
    assert abs((high - low) - 2 * 0.01 * 2**0.5) < 1e-9
