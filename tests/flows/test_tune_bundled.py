"""A short search on every bundled portfolio: what it ends with is no worse on validation than what is in use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.tuning import SearchSpec
from tasks.portfolios import bundled_names

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("name", bundled_names())
def test_a_search_improves_or_keeps_the_chosen_candidate(home, name):
    from flows.tune_challenger import tune_challenger
    from tasks.portfolios import load_portfolio

    data_dir = os.environ.get("CREDITNET_DATA", "")
    if name != "simulated" and not Path(data_dir, name).is_dir():
        pytest.skip(f"no {name}/ below CREDITNET_DATA")
    search = SearchSpec(trials=4, kinds=("lightgbm", "graphsage"))
    found = home.call(tune_challenger, name, None, data_dir or None, search)
    assert found.chosen_auc >= found.current_auc
    assert found.improved == (found.chosen != found.current)
    assert sum(not trial.own for trial in found.trials) == 4
    assert all(one.auc is not None for one in found.own), found.own
    assert found.scheme is load_portfolio(name).primary_scheme
