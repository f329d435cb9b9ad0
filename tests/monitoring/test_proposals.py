"""A challenger may be proposed if every kind of gate spoke and none failed; four eyes take two people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.approvals import approvals_missing
from monitoring.gates import gate
from monitoring.proposals import DOCUMENTS_GATE, KINDS, documents_gate, proposal_check
from schemas.people import SYSTEM
from schemas.terms import Judgement

EXPECTED = ("model_card.md", "monitoring_report.md")


def gates(**values):
    """One gate of each kind, passed; a number fails (above 1) or passes, None is not assessable."""
    return [
        gate(f"{start}: x", values.get(kind.replace(" ", "_"), 0.0), 1.0, "at most", "why")
        for kind, start in KINDS.items()
    ]


def test_all_passed_may_be_proposed():
    check = proposal_check(gates())
    assert check.may_be_proposed
    assert (check.obstacles, check.open_points) == ((), ())
    assert {kind.verdict for kind in check.kinds} == {Judgement.PASS}


@pytest.mark.parametrize("kind", KINDS)
def test_one_failure_of_any_kind_stands_in_the_way(kind):
    check = proposal_check(gates(**{kind.replace(" ", "_"): 2.0}))
    assert not check.may_be_proposed
    assert check.obstacles == (f"gate failed: {KINDS[kind]}: x",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_was_never_asked_stands_in_the_way(kind):
    check = proposal_check(one for one in gates() if not one.gate.startswith(KINDS[kind]))
    assert not check.may_be_proposed
    assert check.obstacles == (f"{kind}: there is no such gate in the judgement",)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_assessed_is_an_open_point_except_where_nothing_would_be_known(kind):
    check = proposal_check(gates(**{kind.replace(" ", "_"): None}))
    assert check.open_points == (f"{KINDS[kind]}: x: why",)
    assert check.may_be_proposed == (kind not in {"discrimination", "documents"})


def test_a_failure_beside_a_pass_of_the_same_kind_is_not_hidden():
    both = [*gates(), gate("fairness: other", 2.0, 1.0, "at most")]
    assert not proposal_check(both).may_be_proposed


def test_a_refresh_of_the_gates_as_they_are_named_covers_every_kind(world):
    from monitoring.gates import judged_gates
    from schemas.results import AdmissionResult, Drift, SplitResult
    from schemas.stability import EdgeStability

    found = judged_gates(
        world.portfolio(),
        admission=AdmissionResult(tables=(), expectations=()),
        split=SplitResult(samples=(), missing={}),
        evaluation=evaluated_nowhere(),
        calibration={},
        fairness=(),
        feature_drift=Drift(expected_quarter=None, reason="first"),
        graph_drift=Drift(expected_quarter=None, reason="first"),
        edge_stability=EdgeStability(candidate="chosen", chosen=True, reads_graph=False),
    )
    missing = [kind for kind, start in KINDS.items() if not any(one.gate.startswith(start) for one in found)]
    assert missing == ["documents"]
    assert documents_gate({}, EXPECTED).gate == DOCUMENTS_GATE


def evaluated_nowhere():
    from schemas.results import CandidateResult, Evaluation, GraphHelp, Interval
    from schemas.terms import Family

    candidate = CandidateResult(
        name="c", kind="logistic", family=Family.TABULAR, content_hash="", fit_seconds=0, inputs=1, threshold=0.5,
        notes={}, samples={},
    )  # fmt: skip
    return Evaluation(
        candidates=(candidate,), chosen="c", best_on_validation="c", choice_reason="",
        graph=GraphHelp(helped="not assessable", reason=""),
        leakage_gap=Interval(value=None),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "missing", "verdict"),
    [
        ({"model_card.md": 10, "monitoring_report.md": 5}, 0.0, Judgement.PASS),
        ({"model_card.md": 10, "monitoring_report.md": 5, "more.md": 1}, 0.0, Judgement.PASS),
        ({"model_card.md": 10}, 1.0, Judgement.FAIL),
        ({"model_card.md": 10, "monitoring_report.md": 0}, 1.0, Judgement.FAIL),
        ({}, 2.0, Judgement.FAIL),
    ],
)
def test_a_document_that_is_missing_or_empty_fails(written, missing, verdict):
    found = documents_gate(written, EXPECTED)
    assert (found.value, found.verdict) == (missing, verdict)
    assert all(name in found.reason for name in EXPECTED if not written.get(name))


@pytest.mark.parametrize(
    ("requester", "approvers", "missing"),
    [
        (SYSTEM, [], 2),
        (SYSTEM, ["Ann"], 1),
        (SYSTEM, ["Ann", "ann "], 1),
        (SYSTEM, ["Ann", "Bob"], 0),
        ("Ann", [], 1),
        ("Ann", ["ANN"], 1),
        ("Ann", ["Bob"], 0),
        ("Ann", ["Bob", "Cid"], 0),
    ],
)
def test_four_eyes(requester, approvers, missing):
    assert approvals_missing(requester, approvers) == missing


@given(st.sampled_from([SYSTEM, "Ann", "Bob"]), st.lists(st.sampled_from(["Ann", "ann", "Bob", "B ob", "Cid"])))
def test_nothing_is_approved_by_fewer_than_two_people(requester, approvers):
    people = {name.replace(" ", "").lower() for name in [*approvers, *([] if requester == SYSTEM else [requester])]}
    assert (approvals_missing(requester, approvers) == 0) == (len(people) >= 2)
