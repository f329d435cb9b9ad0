"""Charts: the curves are right, the bytes are stable, no name can break a drawing."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from monitoring.charts import (
    CURVE_POINTS,
    RocCurve,
    calibration_bins,
    calibration_chart,
    degree_chart,
    drift_bars,
    histogram_chart,
    metric_chart,
    most_drifted,
    ranked,
    roc_chart,
    roc_curve_points,
)
from schemas.results import (
    CandidateResult,
    ColumnDrift,
    Drift,
    Evaluation,
    GraphHelp,
    GraphStatistics,
    Histogram,
    Interval,
    SampleResult,
)
from schemas.terms import Family, Quarter, Sample

NAMES = ["leverage", "$x^{$", "<script>alert(1)</script>", "株式会社\u202e", "x" * 300, "a\nb", ""]


def _area(curve: RocCurve) -> float:
    return float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))


def _column(name: str, value: float | None = 0.2, limit: float = 0.1) -> ColumnDrift:
    histogram = Histogram(edges=("0", "1", name), expected=(0.5, 0.5), actual=(0.3, 0.7))
    return ColumnDrift(
        column=name, method="PSI", value=value, limit=limit, drifted=(value or 0) > limit, histogram=histogram
    )


def _evaluation() -> Evaluation:
    def candidate(name: str, family: Family, interval: Interval) -> CandidateResult:
        result = SampleResult(sample=Sample.VALIDATION, firm_quarters=9, communities=2, metrics={"auc": interval})
        return CandidateResult(
            name=name,
            kind="any",
            family=family,
            content_hash="",
            fit_seconds=0,
            inputs=1,
            threshold=0.5,
            notes={},
            samples={Sample.VALIDATION: result},
        )

    return Evaluation(
        candidates=(
            candidate("deep", Family.GNN, Interval(value=0.8, low=0.7, high=0.9)),
            candidate("plain", Family.TABULAR, Interval(value=None)),
            candidate("between", Family.NEIGHBOUR, Interval(value=0.7)),
        ),
        chosen="between",
        best_on_validation="deep",
        choice_reason="",
        graph=GraphHelp(helped="not assessable", reason=""),
        leakage_gap=Interval(value=None),
    )


def _graph(quantiles: dict[str, float]) -> GraphStatistics:
    return GraphStatistics(
        quarter=Quarter(2024, 4),
        firms=3,
        edges=2,
        features=1,
        fingerprint="",
        digests={},
        relations=(),
        components=1,
        largest_component=3,
        clustering=0,
        largest_core=1,
        degree_quantiles=quantiles,
        communities=1,
        modularity=0,
    )


CHARTS = {
    "roc": lambda: roc_chart(
        [roc_curve_points([0, 1, 0, 1], [0.1, 0.8, 0.4, 0.3], name) for name in NAMES], "out_of_time"
    ),
    "calibration": lambda: calibration_chart(calibration_bins(np.arange(50) % 2, np.linspace(0, 1, 50)), "out_of_time"),
    "metric": lambda: metric_chart(_evaluation()),
    "degree": lambda: degree_chart(_graph({"50 %": 0.0, "max": 1200.0})),
    "drift": lambda: drift_bars(Drift(expected_quarter=Quarter(2024, 3), columns=tuple(map(_column, NAMES)))),
    "histogram": lambda: histogram_chart(_column(NAMES[1])),
}


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_the_same_chart_is_the_same_bytes_without_text_date_or_script(draw):
    first, second = draw(), draw()
    assert first.svg() == second.svg()
    assert first.png() == second.png()
    assert first.svg() == second.svg(), "drawing twice must not move anything"
    assert first.png().startswith(b"\x89PNG")
    tags = {element.tag.split("}")[1] for element in ET.fromstring(first.svg()).iter()}
    assert "text" not in tags, "letters are paths, so that no reader needs the font"
    assert not tags & {"script", "image", "foreignObject"}
    assert len(first.alt) > 20


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_drawn(name):
    assert "<path" in histogram_chart(_column(name)).svg()


def test_a_users_matplotlib_settings_change_nothing():
    import matplotlib

    before = CHARTS["metric"]().svg()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20}):
        assert CHARTS["metric"]().svg() == before


def test_a_drawing_leaves_matplotlibs_settings_as_they_were():
    import matplotlib

    before = dict(matplotlib.rcParams)
    CHARTS["degree"]().png()
    assert dict(matplotlib.rcParams) == before


def test_a_roc_curve_by_hand():
    curve = roc_curve_points([1, 0, 1, 0], [0.9, 0.9, 0.8, 0.1], "one")
    assert list(zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)) == [
        (0, 0),
        (0.5, 0.5),
        (0.5, 1),
        (1, 1),
    ]


@pytest.mark.parametrize("rows", [12, 400, 20_000])
def test_a_thinned_roc_curve_keeps_ends_order_and_area(rows):
    generator = np.random.default_rng(rows)
    truth = generator.integers(0, 2, rows)
    score = np.round(1 / (1 + np.exp(-generator.normal(truth * 2.0))), 3)
    curve = roc_curve_points(truth, np.stack([1 - score, score], axis=1), "one")
    assert len(curve.true_positive_rate) <= CURVE_POINTS
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)
    for side in (curve.false_positive_rate, curve.true_positive_rate):
        assert all(earlier <= later for earlier, later in pairwise(side))
    assert _area(curve) == pytest.approx(roc_auc_score(truth, score), abs=0.003)
    x, y, _ = roc_curve(truth, score, drop_intermediate=False)
    exact = {(round(a, 9), round(b, 9)) for a, b in zip(x, y, strict=True)}
    assert {
        (round(a, 9), round(b, 9)) for a, b in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
    } <= exact


def test_an_ordinal_curve_is_the_mean_of_each_class_against_the_rest():
    generator = np.random.default_rng(5)
    truth = generator.integers(0, 3, 600)
    probabilities = generator.dirichlet(np.ones(4), 600)
    probabilities[np.arange(600), truth] += 0.4
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    expected = np.mean([roc_auc_score(truth == k, probabilities[:, k]) for k in range(3)])  # class 3 never occurs
    assert _area(roc_curve_points(truth, probabilities, "one")) == pytest.approx(expected, abs=0.005)


def test_one_class_only_has_no_roc_curve():
    assert roc_curve_points([1, 1], [0.2, 0.4], "one").true_positive_rate == ()


def test_calibration_bins_hold_every_row_once_and_never_part_equal_predictions():
    score = np.repeat([0.01, 0.02, 0.5], [70, 20, 10])
    truth = np.zeros(100)
    truth[[0, 95]] = 1
    bins = calibration_bins(truth, score)
    assert [one.firm_quarters for one in bins] == [70, 20, 10]
    assert [one.predicted for one in bins] == pytest.approx([0.01, 0.02, 0.5])
    assert [one.observed for one in bins] == pytest.approx([1 / 70, 0, 1 / 10])
    assert calibration_bins([], []) == []


def test_calibration_bins_do_not_depend_on_the_order_of_rows():
    generator = np.random.default_rng(1)
    score, order = generator.random(500), generator.permutation(500)
    truth = generator.random(500) < score
    assert [b.firm_quarters for b in calibration_bins(truth, score)] == [50] * 10
    shuffled = calibration_bins(truth[order], score[order])
    assert [b.observed for b in shuffled] == pytest.approx([b.observed for b in calibration_bins(truth, score)])


def test_candidates_stand_from_simple_to_complex():
    assert [candidate.name for candidate in ranked(_evaluation())] == ["plain", "between", "deep"]


def test_the_furthest_column_is_far_for_its_own_limit():
    columns = (_column("a", 0.3, limit=1.0), _column("b", 0.2, limit=0.1), _column("c", None))
    drift = Drift(expected_quarter=Quarter(2024, 3), columns=columns)
    assert [column.column for column in most_drifted(drift, 2)] == ["b", "a"]
