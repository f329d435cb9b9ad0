"""The bundled portfolios are refreshed as they come."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.flow


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of the published data sets."""
    named = os.environ.get("CREDITNET_DATA", "")
    if not named:
        pytest.skip("CREDITNET_DATA does not name the folder of the reference data (corpnet/, interbank/)")
    missing = [name for name in ("corpnet", "interbank") if not (Path(named) / name).is_dir()]
    if missing:
        pytest.skip(f"the reference data is incomplete: no {' and no '.join(missing)} in CREDITNET_DATA={named}")
    return Path(named)


def auc(outcome, candidate, sample):
    return outcome.refresh.candidates[candidate][sample]["auc"]


def test_simulated_is_refreshed_and_then_left_alone(home):
    first = home.refresh("simulated")
    assert str(first.refresh.quarter) == "2024Q4"
    samples = {"development", "validation", "out_of_community", "out_of_time", "out_of_both"}
    assert all(set(found) == samples for found in first.refresh.candidates.values())
    assert {auc(first, name, "out_of_time") > 0.65 for name in first.refresh.candidates} == {True}
    assert home.verify() == {"2024Q4": first.refresh.refresh}
    again = home.refresh("simulated", "2024Q4")
    assert again.already_published
    assert again.refresh == first.refresh


@pytest.mark.data
def test_corpnet_is_refreshed_and_then_left_alone(home, reference_data):
    first = home.refresh("corpnet", data_dir=reference_data)
    assert str(first.refresh.quarter) == "2021Q4"
    assert all("published_test" in samples for samples in first.refresh.candidates.values())
    # The published labels are noisy: no tabular model can exceed about .75; the rest is in the graph.
    assert auc(first, "lightgbm", "published_test") < 0.8 < auc(first, "lightgbm_neighbours", "published_test")
    assert home.refresh("corpnet", data_dir=reference_data).already_published
    assert home.verify() == {"2021Q4": first.refresh.refresh}


@pytest.mark.data
@pytest.mark.once
@pytest.mark.timeout(1800)  # 4,548 banks and 633 neighbour features
def test_interbank_is_refreshed_with_drift_against_the_quarter_before(home, reference_data, tmp_path):
    # Of the quarter before only the graph counts: one candidate is enough there.
    spec = yaml.safe_load(files("schemas.bundled").joinpath("interbank.yaml").read_text(encoding="utf-8"))
    (tmp_path / "interbank.yaml").write_text(yaml.safe_dump(spec | {"candidates": spec["candidates"][:1]}))
    third = home.refresh(tmp_path / "interbank.yaml", "2022Q3", reference_data)
    fourth = home.refresh("interbank", "2022Q4", reference_data)
    assert auc(fourth, "lightgbm", "out_of_time") > 0.7
    assert [gate.verdict for gate in third.refresh.gates if "drift" in gate.gate] == ["not assessable"] * 2
    drift = [gate for gate in fourth.refresh.gates if "drift" in gate.gate]
    assert all(gate.value is not None for gate in drift)
    assert home.verify() == {"2022Q3": third.refresh.refresh, "2022Q4": fourth.refresh.refresh}
    again = home.refresh("interbank", "2022Q4", reference_data)
    assert again.already_published
    assert again.refresh == fourth.refresh
