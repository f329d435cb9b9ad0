"""The drift monitor without a server: it runs the refresh itself, once, and says why."""

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
    assert list((home.path / "work").iterdir()) == []
    home.verify()
