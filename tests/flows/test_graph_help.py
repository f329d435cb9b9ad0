"""The verdict on the graph is right where the truth is known: an economy without contagion, and one of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from schemas.results import Evaluation
from tasks.lake import MANIFEST

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(1800)]

NETWORK = {"hidden": 32, "epochs": 100}
CANDIDATES = [
    {"name": "logistic", "kind": "logistic"},
    {"name": "lightgbm", "kind": "lightgbm"},
    {"name": "logistic_neighbours", "kind": "logistic", "features": "neighbour", "inverse_penalty": 0.002},
    {"name": "gcn", "kind": "gcn", **NETWORK},
    {"name": "graphsage", "kind": "graphsage", **NETWORK},
    {"name": "gat", "kind": "gat", **NETWORK},
]


def portfolio(folder: Path, name: str, **source: float) -> Path:
    """Write the bundled economy under another name, with other strengths and all three networks."""
    described = yaml.safe_load(Path("schemas/bundled/simulated.yaml").read_text(encoding="utf-8"))
    described |= {"name": name, "candidates": CANDIDATES, "graph": {}}
    described["source"] |= {"firms": 2000, **source}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return path


def evaluation(outcome) -> Evaluation:
    manifest = next(Path(file) for file in outcome.refresh.files if file.endswith(MANIFEST))
    return Evaluation.model_validate_json((manifest.parent / "evaluation.json").read_text(encoding="utf-8"))


def test_the_graph_did_not_help_where_no_outcome_depends_on_it(home, tmp_path):
    outcome = home.refresh(portfolio(tmp_path, "without_contagion", contagion=0))
    found = evaluation(outcome)
    assert outcome.refresh.verdict.graph_helped == found.graph.helped == "no"
    assert outcome.refresh.verdict.chosen == found.chosen in {"logistic", "lightgbm"}


def test_the_graph_helped_where_it_alone_tells_the_outcome(home, tmp_path):
    outcome = home.refresh(portfolio(tmp_path, "contagion_alone", own_strength=0, contagion=1.5))
    found = evaluation(outcome)
    assert outcome.refresh.verdict.graph_helped == found.graph.helped == "yes"
    assert found.chosen not in {"logistic", "lightgbm"}
    assert found.graph.control, "it was compared with itself without the graph"
    assert {(one.first, one.second) for one in found.graph.agreement} == {
        ("gcn", "graphsage"),
        ("gcn", "gat"),
        ("graphsage", "gat"),
    }
