"""The hidden layers of a refresh: of kept networks alone, calibrated or not, on firms that no network was fitted on."""

from types import SimpleNamespace

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.evaluation import Contest, Dealt
from models.panel import Panel
from schemas.terms import Sample, Scheme
from tasks.hidden_layers import hidden_layers
from tasks.kept_models import Finding, keep_model

CANDIDATES = [
    {"name": "logistic", "kind": "logistic"},
    {"name": "sage", "kind": "graphsage", "hidden": 8, "epochs": 3},
    {"name": "gat", "kind": "gat", "hidden": 8, "heads": 2, "epochs": 3, "calibration": "platt"},
]


def refreshed(world, graphs, home, *, candidates=CANDIDATES, test="out_of_community"):
    """Return the contest of fitted and kept candidates, and where they are kept."""
    data = graphs.learnable(firms=240, groups=24)
    portfolio = world.portfolio(candidates=candidates)
    truth = np.random.default_rng(0).integers(2, size=240)
    samples = np.full(240, test, dtype="<U20")
    samples[data.validation], samples[data.development] = "validation", "development"
    kept = {}
    for spec in portfolio.single_candidates:
        model = fitted_candidate(spec, data)
        found = model.probabilities(data.graph)
        finding = Finding(model.content(), model.inputs, model.notes, 1.0, found, found)
        kept[spec.name] = keep_model(home, f"models/{spec.name}", spec, Scheme.COMMUNITY, finding)
    contest = Contest(
        portfolio=portfolio,
        rows=Panel(data.graph, np.full(240, "2023Q1"), data.graph.firms, truth),
        dealt={Scheme.COMMUNITY: Dealt(samples, data.communities)},
        probabilities={},
        facts={},
    )
    return contest, SimpleNamespace(model=lambda name, scheme: kept[name])


@pytest.mark.parametrize(
    ("test", "shown"), [("out_of_community", Sample.OUT_OF_COMMUNITY), ("excluded", Sample.VALIDATION)]
)
def test_networks_are_shown_on_firms_held_out_or_else_on_validation(world, graphs, tmp_path, monkeypatch, test, shown):
    monkeypatch.setattr("tasks.hidden_layers._LEAST_ROWS", 5)
    contest, evidence = refreshed(world, graphs, tmp_path, test=test)
    found = hidden_layers(tmp_path, contest, evidence)
    assert found.samples == (shown,)
    assert [(one.candidate, one.kind, one.width) for one in found.networks] == [
        ("sage", "graphsage", 8),
        ("gat", "gat", 8),
    ]
    rows = contest.dealt[Scheme.COMMUNITY].rows(shown)
    assert set(found.firms) == set(contest.rows.firms[rows])
    assert found.available == len(found.firms) == len(found.communities) == rows.sum()
    assert all(len(one.places) == len(found.firms) for one in found.networks)
    position = {firm: row for row, firm in enumerate(contest.rows.firms)}
    assert found.classes == tuple(str(contest.rows.truth[position[firm]]) for firm in found.firms)


def test_without_a_network_there_is_nothing_to_show(world, graphs, tmp_path):
    contest, evidence = refreshed(world, graphs, tmp_path, candidates=CANDIDATES[:1])
    assert hidden_layers(tmp_path, contest, evidence) is None
