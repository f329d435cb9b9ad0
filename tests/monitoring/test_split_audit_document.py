"""The audit of a split as a table, a page and Markdown: complete, aligned, harmless whatever was delivered."""

import pytest

from monitoring.split_audit_document import split_audit_html, split_audit_markdown, split_audit_text
from schemas.audits import SplitAudit, SplitMeasure
from schemas.results import AuditFinding, Interval, OriginResult, SampleSummary
from schemas.terms import Quarter, Sample, Scheme

NASTY = "<script>alert(1)</script>\x1b[31m|`\u202e"


def audit(**changes):
    gap = Interval(value=0.043, low=0.024, high=0.128)
    content = {
        "portfolio": "rheintal",
        "title": "Sparkasse Rheintal",
        "quarter": Quarter(2024, 3),
        "fingerprint": "f" * 64,
        "refresh": None,
        "samples": (
            SampleSummary(
                scheme=Scheme.COMMUNITY,
                sample=Sample.DEVELOPMENT,
                firm_quarters=100,
                firms=50,
                communities=5,
                vintages=(Quarter(2024, 1),),
                outcomes={"0": 80, "1": 20},
            ),
        ),
        "missing": {"out_of_time": "there is one closed vintage"},
        "measures": (
            SplitMeasure(
                scheme=Scheme.RANDOM,
                sample=Sample.RANDOM_TEST,
                folds=5,
                fitted=2629,
                tested=3286,
                auc=Interval(value=0.88, low=0.85, high=0.905),
                crossing_edges=0.889,
                near_duplicates=0.844,
            ),
            SplitMeasure(
                scheme=Scheme.COMMUNITY,
                sample=Sample.OUT_OF_COMMUNITY,
                folds=5,
                fitted=2629,
                tested=3286,
                auc=Interval(value=0.837, low=0.749, high=0.868),
                gap=gap,
                crossing_edges=0.312,
            ),
            SplitMeasure(scheme=Scheme.TEMPORAL, sample=Sample.OUT_OF_TIME, reason="there is one closed vintage"),
        ),
        "origins": (
            OriginResult(
                origin=Quarter(2023, 4),
                learnt_from=(Quarter(2022, 1), Quarter(2022, 2)),
                fitted=200,
                tested=100,
                auc=Interval(value=0.71, low=0.6, high=0.8),
            ),
        ),
        "findings": (
            AuditFinding(check="order that tells", subject=NASTY, value=1.0, limit=0.6, beyond=True, explanation="AUC"),
            AuditFinding(
                check="separating feature", subject="size", value=0.7, limit=0.9, beyond=False, explanation="AUC"
            ),
        ),
    }
    return SplitAudit.model_validate(content | changes)


def test_the_table_says_what_was_measured_and_why_the_rest_was_not():
    text = split_audit_text(audit())
    assert "0.837 [0.749, 0.868]  +0.043 [+0.024, +0.128]" in text
    assert "no out_of_time: there is one closed vintage" in text
    assert "2023Q4  2022Q1 to 2022Q2" in text
    assert "Findings, 1 of 2 beyond their limit" in text
    assert "audit of a split made for this alone" in text
    assert "published refresh 0123456789ab" in split_audit_text(audit(refresh="0123456789abcdef"))


def test_columns_stand_under_each_other():
    lines = split_audit_text(audit()).splitlines()
    head = next(line for line in lines if "held out" in line)
    body = [line for line in lines if line.lstrip().startswith(("random rows", "whole communities"))]
    column = head.index("AUC") + len("AUC")
    assert {line[column - 1] for line in body} == {"]"}


def test_a_terminal_obeys_nothing_that_was_delivered():
    text = split_audit_text(audit())
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("form", [split_audit_html, split_audit_markdown])
def test_pages_have_every_part_and_escape_what_was_delivered(form):
    page = form(audit())
    for part in ("Ways to split", "Rolling origins", "Findings", "Samples", "whole communities", "0.837", "2022Q1"):
        assert part in page
    assert "<script" not in page
    assert form(audit()) == page


def test_without_origins_the_page_says_why():
    assert "one closed vintage" in split_audit_text(audit(origins=(), measures=audit().measures[:2]))
    assert "not assessable: one closed vintage" in split_audit_html(audit(origins=()))
