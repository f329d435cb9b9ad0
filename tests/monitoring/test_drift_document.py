"""The drift of a delivery as a page and as lines: what alarmed first, harmless whatever drifted."""

import pytest

from monitoring.drift_document import drift_html, drift_markdown, drift_text
from schemas.monitoring import Alarm, QuarterMonitoring, Reading
from schemas.retraining import DeliveryDrift
from schemas.terms import Quarter

NASTY = "<script>alert(1)</script>\x1b[31m|`\u202e"
BEFORE = Quarter(2024, 3)


def drift(subject="staff", alarmed=True, expected=BEFORE):
    reading = Reading(kind="feature", subject=subject, statistic="wasserstein", value=2.08, limit=0.1, alarmed=alarmed)
    unmeasured = Reading(kind="graph", subject="hubs", statistic="ks", value=None, reason="too few quarters")
    sentence = f"The feature {subject} moved."
    alarm = Alarm(kind="feature", subject=subject, statistic="wasserstein", value=2.08, limit=0.1, sentence=sentence)
    return DeliveryDrift(
        title="Sparkasse Rheintal",
        delivery="d" * 64,
        fingerprint="f" * 64,
        compared_with="a" * 64 if expected else None,
        monitoring=QuarterMonitoring(
            portfolio="rheintal",
            quarter=Quarter(2024, 4),
            expected_quarter=expected,
            baseline=(),
            readings=(reading, unmeasured) if expected else (),
            alarms=(alarm,) if alarmed and expected else (),
        ),
    )


def test_an_alarm_is_told_in_words_and_every_reading_in_numbers():
    for page in (drift_html(drift()), drift_markdown(drift())):
        assert "1 alarm since 2024Q3" in page
        assert "The feature staff moved." in page
        assert "2.080" in page
        assert "too few quarters" in page
    assert drift_text(drift()).splitlines() == [
        "Sparkasse Rheintal, 2024Q4 against 2024Q3: 1 alarm in 2 readings",
        "  feature      The feature staff moved.",
    ]


def test_no_drift_and_nothing_to_compare_with_are_told_apart():
    assert "No reading passed its limit since 2024Q3" in drift_html(drift(alarmed=False))
    assert "Not assessable" in drift_html(drift(expected=None))
    assert "0 alarms" in drift_text(drift(alarmed=False))
    assert "nothing has been published" in drift_text(drift(expected=None))


@pytest.mark.parametrize("write", [drift_html, drift_markdown, drift_text])
def test_a_hostile_name_is_inert(write):
    written = write(drift(NASTY))
    assert "<script>" not in written if write is drift_html else True
    assert "\x1b" not in written
    assert "\u202e" not in written


def test_equal_findings_give_equal_pages():
    assert drift_html(drift()) == drift_html(drift())
