"""Monitoring without a server: drift is refreshed in process, once; scores meet their outcomes; the champion scores."""

from __future__ import annotations

import pytest

from tests.flows import drifting

pytestmark = pytest.mark.flow


def monitored(home, portfolio, data_dir):
    from flows.drift_monitor import drift_monitor
    from tests.flows.conftest import in_home

    with in_home(home.path):
        return drift_monitor(str(portfolio), None, str(data_dir))


def test_drift_is_refreshed_in_process_and_only_once(home, tmp_path):
    data_dir = tmp_path / "data"
    portfolio = drifting.deliver(data_dir)
    home.refresh(portfolio, drifting.FIRST, data_dir)

    drifting.deliver_quarter(data_dir, "2024Q3", "nothing")
    calm = monitored(home, portfolio, data_dir)
    assert (calm.retraining, calm.event, calm.refresh) == ("none", None, None)
    assert str(calm.drift.monitoring.expected_quarter) == "2024Q2"

    drifting.deliver_quarter(data_dir, "2024Q4", "feature")
    found = monitored(home, portfolio, data_dir)
    assert (found.retraining, str(found.refresh.quarter)) == ("done", "2024Q4")
    assert [alarm.subject for alarm in found.event.alarms] == ["staff"]
    [row] = home.query("SELECT trigger FROM refreshes WHERE quarter = '2024Q4'")
    assert row == (found.event.trigger,)
    [card] = home.path.glob("lake/rheintal/2024Q4/*/documents/model_card.md")
    assert found.event.id in card.read_text()

    again = monitored(home, portfolio, data_dir)
    assert again.retraining == "refused"
    assert again.reason == "these very inputs are published already, as version 2"
    assert len(home.query("SELECT key FROM refreshes WHERE status = 'published'")) == 2
    looked_back_on(home, portfolio, data_dir)
    assert list((home.path / "work").iterdir()) == []
    home.verify()


def looked_back_on(home, portfolio, data_dir):
    """The scores of the first quarter meet their outcomes, those of the newest are estimated; the champion scores."""
    from flows.outcomes_analysis import outcomes_analysis
    from flows.score_portfolio import score_portfolio

    found = home.call(outcomes_analysis, str(portfolio), None, str(data_dir))
    performance = found.analysis.performance
    assert [str(one.quarter) for one in performance.realised] == ["2024Q2"]
    assert performance.realised[0].known > 0
    assert [str(one.quarter) for one in performance.awaited] == ["2024Q4"]
    [report] = home.path.glob("lake/rheintal/2024Q4/*/documents/monitoring_report.md")
    assert "The newest realised quarter, 2024Q2, against its limits" in report.read_text()

    scored = home.call(score_portfolio, "rheintal")
    assert (scored.scores.version, str(scored.scores.quarter)) == ("1", "2024Q4")
    assert home.call(score_portfolio, str(portfolio)).already_scored
