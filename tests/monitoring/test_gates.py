"""Each gate passes, fails or cannot be assessed; one failure fails the refresh, and silence never passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.gates import gate, judged_gates, verdict
from schemas.monitoring import QuarterMonitoring, Reading
from schemas.results import (
    AdmissionResult,
    CandidateResult,
    ColumnDrift,
    Drift,
    Evaluation,
    ExpectationResult,
    GraphHelp,
    GroupFairness,
    Interval,
    SampleResult,
    SplitResult,
)
from schemas.stability import ALL_FIRMS, Change, EdgeFlips, EdgeStability
from schemas.terms import Family, Judgement, Quarter, Sample

PASS, FAIL, UNKNOWN = Judgement.PASS, Judgement.FAIL, Judgement.NOT_ASSESSABLE
AUC = {Sample.VALIDATION: 0.75, Sample.OUT_OF_COMMUNITY: 0.72, Sample.OUT_OF_TIME: 0.70}
GAPS = {Sample.OUT_OF_COMMUNITY: 0.0, Sample.OUT_OF_TIME: 0.04}
LIMITS = {
    "minimum_auc": 0.65,
    "maximum_auc_drop": 0.1,
    "maximum_leakage_gap": 0.2,
    "minimum_impact_ratio": 0.8,
    "drifted_feature_share": 0.25,
    "graph_drift_limit": 0.1,
}


def admission(*met):
    return AdmissionResult(
        tables=(),
        expectations=tuple(
            ExpectationResult(table="t", column="c", expectation="e", met=one, observed="") for one in met
        ),
    )


TURNED = "stability (firms whose class one edge turns, worst case)"
NOTHING = GraphHelp(helped="not assessable", reason="")


def evaluated(auc=AUC, *, gap=0.05, graph=NOTHING, leakage_reason=""):
    samples = {
        sample: SampleResult(sample=sample, firm_quarters=100, communities=5, metrics={"auc": Interval(value=value)})
        for sample, value in auc.items()
    }
    candidate = CandidateResult(
        name="chosen",
        kind="logistic",
        family=Family.TABULAR,
        content_hash="",
        fit_seconds=0,
        inputs=1,
        threshold=0.5,
        notes={},
        samples=samples,
    )
    other = candidate.model_copy(update={"name": "other", "samples": {}})
    return Evaluation(
        candidates=(other, candidate),
        chosen="chosen",
        best_on_validation="chosen",
        choice_reason="",
        graph=graph,
        leakage_gap=Interval(value=gap),
        leakage_reason=leakage_reason,
    )


def drift(*values, limit=0.1, reason=""):
    columns = tuple(
        ColumnDrift(column=f"c{n}", method="m", value=value, limit=limit, drifted=(value or 0) >= limit)
        for n, value in enumerate(values)
    )
    return Drift(expected_quarter=Quarter(2023, 1) if values else None, columns=columns, reason=reason)


def fairness(ratio, reason=""):
    return (
        GroupFairness(
            attribute="region",
            group="rural",
            reference="urban",
            firms=50,
            favourable_rate=0.5,
            impact_ratio=ratio,
            reason=reason,
        ),
    )


def steady(flipped, **changes):
    worst = EdgeFlips(
        change=Change.WORST,
        edges=1,
        segment=ALL_FIRMS,
        firms=50,
        flipped=Interval(value=flipped),
        score_change=Interval(value=0.1),
    )
    more = worst.model_copy(update={"edges": 2, "flipped": Interval(value=1.0)})
    found = EdgeStability(candidate="chosen", chosen=True, reads_graph=True, firms=50, of=1200, flips=(more, worst))
    return found.model_copy(update=changes)


@pytest.fixture
def judged(world):
    """Return the gates by name after replacing some of what is judged."""

    def judge(**changes):
        parts = {
            "admission": admission(True, True),
            "split": SplitResult(samples=(), missing={}),
            "evaluation": evaluated(),
            "calibration": GAPS,
            "fairness": fairness(0.9),
            "feature_drift": drift(0.01, 0.02),
            "graph_drift": drift(0.05, 0.03),
            "edge_stability": steady(0.2),
        }
        portfolio = changes.pop("portfolio", world.portfolio(gates=LIMITS))
        return {result.gate: result for result in judged_gates(portfolio, **(parts | changes))}

    return judge


def test_a_good_refresh_passes_every_gate(judged):
    found = judged()
    assert list(found) == [
        "expectations unmet",
        "discrimination (AUC): out_of_community",
        "stability (AUC lost since validation): out_of_community",
        "discrimination (AUC): out_of_time",
        "stability (AUC lost since validation): out_of_time",
        TURNED,
        "calibration (gap of the mean beyond chance): out_of_community",
        "calibration (gap of the mean beyond chance): out_of_time",
        "leakage gap",
        "fairness (adverse impact ratio): region",
        "feature drift: share of drifted columns",
        "graph drift: largest shift",
    ]
    assert {result.verdict for result in found.values()} == {PASS}


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"admission": admission(True, False, False)}, {"expectations unmet"}),
        (
            {"evaluation": evaluated(AUC | {Sample.OUT_OF_TIME: 0.64, Sample.VALIDATION: 0.72})},
            {"discrimination (AUC): out_of_time"},
        ),
        (
            {"evaluation": evaluated(AUC | {Sample.VALIDATION: 0.81})},
            {"stability (AUC lost since validation): out_of_time"},
        ),
        ({"evaluation": evaluated(gap=0.21)}, {"leakage gap"}),
        (
            {"calibration": GAPS | {Sample.OUT_OF_TIME: 0.06}},
            {"calibration (gap of the mean beyond chance): out_of_time"},
        ),
        ({"fairness": fairness(0.79)}, {"fairness (adverse impact ratio): region"}),
        ({"feature_drift": drift(0.2, 0.3, 0.0)}, {"feature drift: share of drifted columns"}),
        ({"graph_drift": drift(0.05, 0.11)}, {"graph drift: largest shift"}),
        ({"edge_stability": steady(0.26)}, {TURNED}),
    ],
)
def test_each_gate_fails_alone(judged, changes, failed):
    found = judged(**changes)
    assert {name for name, result in found.items() if result.verdict is FAIL} == failed
    assert {result.verdict for name, result in found.items() if name not in failed} == {PASS}


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        (
            {
                "evaluation": evaluated({Sample.VALIDATION: 0.7, Sample.OUT_OF_COMMUNITY: 0.7}),
                "split": SplitResult(samples=(), missing={"out_of_time": "only one vintage"}),
                "calibration": {Sample.OUT_OF_COMMUNITY: 0.0},
            },
            {
                "calibration (gap of the mean beyond chance): out_of_time": "only one vintage",
                "discrimination (AUC): out_of_time": "only one vintage",
                "stability (AUC lost since validation): out_of_time": "only one vintage",
            },
        ),
        (
            {"evaluation": evaluated(AUC | {Sample.OUT_OF_TIME: None})},
            {
                "discrimination (AUC): out_of_time": "the sample has outcomes of one class only",
                "stability (AUC lost since validation): out_of_time": "the sample has outcomes of one class only",
            },
        ),
        (
            {"evaluation": evaluated(AUC | {Sample.VALIDATION: None})},
            {
                "stability (AUC lost since validation): out_of_community": "no AUC on validation",
                "stability (AUC lost since validation): out_of_time": "no AUC on validation",
            },
        ),
        ({"evaluation": evaluated(gap=None, leakage_reason="no communities")}, {"leakage gap": "no communities"}),
        (
            {"fairness": fairness(None, "3 firms, fewer than 5")},
            {"fairness (adverse impact ratio): region": "rural: 3 firms, fewer than 5"},
        ),
        ({"feature_drift": drift(reason="first")}, {"feature drift: share of drifted columns": "first"}),
        ({"graph_drift": drift(reason="first")}, {"graph drift: largest shift": "first"}),
        ({"graph_drift": drift(None, None)}, {"graph drift: largest shift": "the value could not be computed"}),
    ],
)
def test_what_cannot_be_assessed_says_why_and_is_neither_passed_nor_failed(judged, changes, reasons):
    found = judged(**changes)
    assert {name: result.reason for name, result in found.items() if result.verdict is UNKNOWN} == reasons
    assert all(found[name].value is None for name in reasons)
    assert {result.verdict for name, result in found.items() if name not in reasons} == {PASS}


def test_without_a_protected_attribute_fairness_cannot_be_assessed(judged, world):
    firms = world.portfolio().firms.model_dump(mode="json")
    portfolio = world.portfolio(gates=LIMITS, firms=firms | {"columns": firms["columns"][:1]})
    found = judged(portfolio=portfolio, fairness=())["fairness (adverse impact ratio)"]
    assert (found.verdict, found.reason) == (UNKNOWN, "no protected attribute is delivered")


def test_the_worst_group_is_judged_and_named(judged):
    better = fairness(0.95)[0].model_copy(update={"group": "coast"})
    found = judged(fairness=(better, *fairness(0.85)))["fairness (adverse impact ratio): region"]
    assert (found.value, found.reason) == (0.85, "rural against urban")


def test_a_published_test_is_judged_where_the_portfolio_has_one(judged, world):
    firms = world.portfolio().firms.model_dump(mode="json")
    part = {"name": "part", "kind": "category", "role": "split", "values": ["a", "b", "c"]}
    target = world.portfolio().target.model_dump(mode="json") | {"horizon_quarters": 0}
    portfolio = world.portfolio(
        gates=LIMITS,
        quarter="2023Q1",
        target=target,
        firms=firms | {"columns": [*firms["columns"], part]},
        split={
            "schemes": ["published"],
            "published": {"development": ["a"], "validation": ["b"], "published_test": ["c"]},
        },
    )
    found = judged(portfolio=portfolio, evaluation=evaluated(AUC | {Sample.PUBLISHED_TEST: 0.5}))
    assert found["discrimination (AUC): published_test"].verdict is FAIL
    assert not any("published_test" in name for name in judged())


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_value_on_its_limit_keeps_it(value, limit):
    assert gate("g", limit, limit, "at least").verdict is PASS
    assert gate("g", limit, limit, "at most").verdict is PASS
    assert (gate("g", value, limit, "at least").verdict is PASS) == (value >= limit)
    assert (gate("g", value, limit, "at most").verdict is PASS) == (value <= limit)
    assert gate("g", None, limit, "at most").verdict is UNKNOWN


def test_one_failure_fails_the_refresh_and_is_named(judged):
    found = verdict(evaluated(), judged(fairness=fairness(0.5)).values())
    assert found.outcome == "failed"
    assert found.summary == "chosen fails 1 gate: fairness (adverse impact ratio): region."
    found = verdict(evaluated(), judged(fairness=fairness(0.5), admission=admission(False)).values())
    assert found.summary.startswith("chosen fails 2 gates: expectations unmet; fairness")


def test_a_refresh_passes_on_what_can_be_assessed(judged):
    found = verdict(evaluated(), judged(feature_drift=drift(reason="first")).values())
    assert (found.outcome, found.chosen) == ("passed", "chosen")
    assert found.summary == "chosen passes every gate that can be assessed."


@pytest.mark.parametrize("helped", ["yes", "no", "not assessable"])
def test_the_verdict_tells_whether_the_graph_helped_and_why(helped):
    found = verdict(evaluated(graph=GraphHelp(helped=helped, reason="So it was.")), [])
    assert (found.graph_helped, found.graph_reason) == (helped, "So it was.")


def test_samples_without_gates_get_none_and_those_of_a_scheme_do(judged, world):
    auc = AUC | {Sample.OUT_OF_BOTH: 0.3, Sample.RANDOM_TEST: 0.3, Sample.UNSEEN_FIRMS: 0.3}
    plain = judged(evaluation=evaluated(auc))
    assert not [name for name in plain if "out_of_both" in name or "random" in name or "unseen" in name]
    portfolio = world.portfolio(gates=LIMITS, split={"schemes": ["community", "entity", "random"]})
    found = judged(evaluation=evaluated(auc), portfolio=portfolio)
    assert found["discrimination (AUC): unseen_firms"].verdict is FAIL
    assert not [name for name in found if "out_of_both" in name or "random" in name]


def monitored(*rang, kind, expected=0.1):
    """Readings of one subject each, held against limits of the earlier quarters."""
    readings = tuple(
        Reading(kind=kind, subject=f"s{k}", statistic="PSI", value=0.1, limit=0.2, expected=expected, alarmed=alarmed)
        for k, alarmed in enumerate(rang)
    )
    return QuarterMonitoring(
        portfolio="p", quarter=Quarter.parse("2024Q4"), expected_quarter=None, baseline=(), readings=readings, alarms=()
    )


@pytest.mark.parametrize(
    ("changes", "gate", "value", "verdict"),
    [
        (
            {"feature_drift": drift(0.2, 0.3, 0.0), "monitoring": monitored(True, *[False] * 3, kind="feature")},
            "feature drift: share of drifted columns",
            0.25,
            PASS,
        ),
        ({"monitoring": monitored(True, False, kind="feature")}, "feature drift: share of drifted columns", 0.5, FAIL),
        (
            {"graph_drift": drift(0.5), "monitoring": monitored(False, False, kind="graph")},
            "graph drift: alarms",
            0.0,
            PASS,
        ),
        ({"monitoring": monitored(False, True, kind="graph")}, "graph drift: alarms", 1.0, FAIL),
        (
            {"monitoring": monitored(True, kind="graph", expected=None), "graph_drift": drift(0.05)},
            "graph drift: largest shift",
            0.05,
            PASS,
        ),
    ],
)
def test_limits_of_earlier_quarters_take_the_place_of_fixed_ones(judged, changes, gate, value, verdict):
    found = judged(**changes)
    assert (found[gate].value, found[gate].verdict) == (value, verdict)
    assert len([name for name in found if "drift" in name]) == 2


def test_one_edge_may_turn_no_more_firms_than_the_portfolio_allows(judged, world):
    found = judged()[TURNED]
    assert (found.value, found.reason) == (0.2, "of 50 firms drawn from 1,200")
    strict = world.portfolio(gates=LIMITS | {"maximum_flip_share": 0.1})
    assert judged(portfolio=strict)[TURNED].verdict is FAIL


def test_a_candidate_that_reads_no_edge_cannot_be_turned_by_one(judged):
    found = judged(edge_stability=steady(0.0, reads_graph=False, flips=()))[TURNED]
    assert (found.verdict, found.value) == (PASS, 0.0)
    assert "reads no edge" in found.reason


def test_without_a_graph_or_an_edge_the_stability_under_changes_is_not_assessable(judged, world):
    none = world.portfolio(gates=LIMITS, relations=[])
    found = judged(portfolio=none)[TURNED]
    assert (found.verdict, found.reason) == (Judgement.NOT_ASSESSABLE, "the portfolio declares no relation")
    empty = judged(edge_stability=steady(0.0, flips=(), reason="the graph has no edge"))[TURNED]
    assert (empty.verdict, empty.reason) == (Judgement.NOT_ASSESSABLE, "the graph has no edge")
