"""Tables of the Prefect pages: rounded, and inert whatever a name holds."""

from monitoring.artifact_tables import candidate_rows, fairness_rows, gate_rows
from monitoring.gates import gate
from schemas.results import CandidateResult, Evaluation, GroupFairness, Interval, SampleResult
from schemas.terms import Family, Sample

NASTY = "wood\u202e\x1b[31m\n  fire"


def candidate(name, auc):
    metrics = {"auc": Interval(value=auc)}
    return CandidateResult(
        name=name, kind="logistic", family=next(iter(Family)), content_hash="c", fit_seconds=1.0, inputs=7,
        threshold=0.5, notes={},
        samples={
            Sample.DEVELOPMENT: SampleResult(sample=Sample.DEVELOPMENT, firm_quarters=9, communities=2, metrics=metrics)
        },
    )  # fmt: skip


def evaluation(*candidates):
    return Evaluation.model_construct(candidates=candidates, chosen="plain")


def test_numbers_are_rounded_and_missing_ones_stay_missing():
    rows = candidate_rows(evaluation(candidate("plain", 0.123456), candidate("deep", None)))
    assert rows == [
        {"candidate": "plain", "chosen": "yes", "kind": "logistic", "inputs": 7, "AUC development": 0.123},
        {"candidate": "deep", "chosen": "", "kind": "logistic", "inputs": 7, "AUC development": None},
    ]
    [row] = gate_rows((gate("calibration: out_of_time", 0.0456789, 0.05, "at most"),))
    assert (row["value"], row["limit"], row["verdict"]) == (0.046, "at most 0.05", "pass")


def test_names_are_inert():
    group = GroupFairness(
        attribute="region",
        group=NASTY,
        reference="city",
        firms=3,
        favourable_rate=1 / 3,
        impact_ratio=None,
        reason=NASTY,
    )
    [row] = fairness_rows((group,))
    assert row["group"] == "wood⟨U+202E⟩⟨U+001B⟩[31m fire"
    assert (row["favourable rate"], row["impact ratio"]) == (0.333, None)
    [row] = gate_rows((gate("fairness", None, 0.8, "at least", NASTY),))
    assert "\u202e" not in row["reason"]
