"""What follows another champion where no server is: the command scores, and a decision stands if that fails."""

import pytest

from deployments.promotion_commands import _scored
from schemas.scoring import ChampionChanged
from tasks.settings import settings
from tests.tasks.scored_refreshes import Bank

CHANGED = ChampionChanged(portfolio="small_world", version="1", decision="approved")


@pytest.fixture
def bank(world, graphs, tmp_path, monkeypatch):
    for name in ("CREDITNET_DATA", "CREDITNET_DATABASE_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path / "home"))
    return Bank(world.portfolio(), graphs.learnable(firms=120, groups=12), settings())


def test_the_command_scores_the_newest_quarter(bank):
    bank.publish(0, champion=True)
    bank.publish(1)
    told = _scored(CHANGED)
    assert told.startswith("Version 1 scored 2023Q2: ")
    assert told.endswith("scores.parquet")
    assert len(list(settings().home.glob("lake/small_world/scores/*/scores.parquet"))) == 1


def test_a_decision_stands_though_its_scores_fail(bank):
    bank.publish(0, champion=True, without="evaluation.json")
    told = _scored(CHANGED)
    assert told.startswith("The decision stands; the champion has yet to score: ")
    assert "creditnet score" in told
