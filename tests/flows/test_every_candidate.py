"""Every kind of candidate refreshes the bundled portfolios: minutes, so a make target of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from schemas.candidates import CandidateSpec

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(3600)]

#: Settings that a kind cannot do without, and shorter trainings: whether a fit ends is asked here, not how well.
NEEDED: dict[str, dict[str, Any]] = {
    "ensemble": {"members": ["logistic", "lightgbm"]},
    "correct_and_smooth": {"base": {"name": "base", "kind": "logistic"}},
}


def kinds() -> list[str]:
    union = get_args(CandidateSpec)[0]
    return [get_args(spec.model_fields["kind"].annotation)[0] for spec in get_args(union)]


def candidates() -> list[dict[str, Any]]:
    union = get_args(get_args(CandidateSpec)[0])
    described = []
    for kind, spec in zip(kinds(), union, strict=True):
        short = {"epochs": 5, "hidden": 16} if "epochs" in spec.model_fields else {}
        short = short | ({"rounds": 30} if "rounds" in spec.model_fields else {})
        described.append({"name": kind, "kind": kind} | short | NEEDED.get(kind, {}))
    return described


@pytest.mark.parametrize("name", ["simulated", "corpnet", "smesd"])
def test_every_kind_of_candidate_is_refreshed(home, tmp_path, name):
    if name != "simulated" and not Path(os.environ.get("CREDITNET_DATA", ""), name).is_dir():
        pytest.skip(f"no {name}/ below CREDITNET_DATA")
    bundled = Path("schemas/bundled") / f"{name}.yaml"
    portfolio = yaml.safe_load(bundled.read_text(encoding="utf-8"))
    portfolio["candidates"] = candidates()
    portfolio["evaluation"] = portfolio.get("evaluation", {}) | {"bootstrap_draws": 20}
    if name == "simulated":
        portfolio["source"]["firms"] = 600
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(portfolio), encoding="utf-8")
    outcome = home.refresh(str(path), data_dir=Path(os.environ["CREDITNET_DATA"]) if name != "simulated" else None)
    assert set(outcome.refresh.candidates) == set(kinds())
    for kind, samples in outcome.refresh.candidates.items():
        assert samples["validation"]["auc"] is not None, kind
