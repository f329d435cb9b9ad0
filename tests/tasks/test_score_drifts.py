"""Scores against the lake: the earlier scores and model are read back, and what stands in the way is said."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.candidates import fitted_candidate
from models.corporate_graph import corporate_graph
from models.fitted import FittingData
from models.scoring import favourable, predicted_classes, unfavourable_probability
from schemas.errors import IntegrityError
from schemas.references import DeliveryRef, RefreshKey
from schemas.reproduction import Provenance
from schemas.specs import TrainingSpec
from schemas.terms import Quarter
from tasks.kept_models import Finding, keep_model
from tasks.lake import write_frame, write_json
from tasks.provenance import PROVENANCE
from tasks.score_drifts import SCORES, compared_scores
from tasks.settings import settings
from tests.tasks.published_graphs import publish_graph

FIRST, SECOND = Quarter(2023, 1), Quarter(2023, 2)
NEIGHBOURS = [{"name": "logistic", "kind": "logistic", "features": ["own", "neighbour"]}]


@pytest.fixture
def portfolio(world):
    return world.portfolio(candidates=NEIGHBOURS)


@pytest.fixture(scope="module")
def graphs(world):
    return [corporate_graph(world.admitted_tables(), world.portfolio(), quarter.end) for quarter in (FIRST, SECOND)]


def fitted(portfolio, graph, seed=0):
    """Fit the candidate to outcomes made up of the firms' ids."""
    truth = np.random.default_rng(seed).integers(0, 2, size=graph.size)
    everybody = np.ones(graph.size, dtype=np.bool_)
    data = FittingData(
        graph, truth, everybody, ~everybody, np.array(["c"] * graph.size), 2, TrainingSpec(threads=1)
    )  # fmt: skip
    return fitted_candidate(portfolio.single_candidates[0], data)


def scores_of(model, graph, portfolio):
    probabilities = model.probabilities(graph)
    classes = predicted_classes(probabilities, portfolio.target, 0.5)
    return pl.DataFrame(
        {
            "firm_id": graph.firms,
            "unfavourable_probability": unfavourable_probability(probabilities, portfolio.target),
            "predicted_class": [portfolio.target.classes[one] for one in classes.tolist()],
            "favourable": favourable(classes, portfolio.target),
        }
    )


@pytest.fixture
def publish(home, graphs):
    """Return a function that publishes the first quarter with its scores and the model that gave them."""

    def published(portfolio, scores=None, graph=graphs[0]):
        where, model = settings().home, fitted(portfolio, graph)
        spec, scheme = portfolio.candidates[0], portfolio.primary_scheme
        of = model.probabilities(graph)
        kept = keep_model(
            where,
            f"work/key-0/models/{scheme}/{spec.name}",
            spec,
            scheme,
            Finding(model.content(), model.inputs, {}, 0.1, of, of),
        )
        rows = scores_of(model, graph, portfolio) if scores is None else scores
        publish_graph(
            settings(),
            graph,
            "key-0",
            beside=[
                *kept.files, kept.description, kept.panel_probabilities, kept.quarter_probabilities,
                write_frame(where, f"work/key-0/{SCORES}", rows),
                write_json(where, f"work/key-0/{PROVENANCE}", provenance(portfolio)),
            ],
        )  # fmt: skip
        return where

    return published


def provenance(portfolio):
    parts = {"input_fingerprint": "i", "code_digest": "c", "spec_hash": "key-0"}
    return Provenance(
        key=RefreshKey(portfolio=portfolio.name, quarter=FIRST, key="key-0", **parts),
        portfolio=portfolio,
        delivery=DeliveryRef(portfolio=portfolio.name, quarter=FIRST, fingerprint="i", tables={}),
        code={},
        packages={},
        environment={},
    )


def asked(where, portfolio, graph, seed=1):
    now = scores_of(fitted(portfolio, graph, seed), graph, portfolio)
    return now, compared_scores(where, portfolio, graph, now, "logistic")


def test_the_first_quarter_has_nothing_to_compare_scores_with(home, portfolio, graphs):
    found = asked(settings().home, portfolio, graphs[0])[1]
    assert found.drift.reason == "no earlier quarter has been published"
    assert not found.drift.assessable
    assert found.firms is None


def test_every_firms_shift_is_the_sum_of_its_parts(publish, portfolio, graphs):
    now, found = asked(publish(portfolio), portfolio, graphs[1])
    assert found.drift.expected_quarter == FIRST
    assert (found.drift.firms, found.drift.new, found.drift.gone) == (29, 1, 0)
    assert [part.part for part in found.drift.parts] == ["own features", "neighbourhood", "model"]
    both = found.firms.filter(pl.col("found") == "both")
    total = both["own"] + both["neighbourhood"] + both["model"]
    np.testing.assert_allclose(total, both["after"] - both["before"], rtol=0, atol=1e-9)
    then = dict(now.select("firm_id", "unfavourable_probability").iter_rows())
    assert all(then[firm] == score for firm, score in both.select("firm_id", "after").iter_rows())
    assert found.firms.filter(pl.col("found") == "new")["firm_id"].to_list() == ["c7"]


def test_the_same_graph_and_model_move_nothing(publish, portfolio, graphs):
    again = dataclasses.replace(graphs[0], as_of=SECOND.end)
    found = asked(publish(portfolio), portfolio, again, seed=0)[1]
    assert found.drift.migrations[0].stayed == 1.0
    assert all(part.mean_absolute < 1e-12 for part in found.drift.parts)


def test_a_graph_of_other_features_leaves_the_causes_open(publish, portfolio, graphs):
    renamed = dataclasses.replace(graphs[1], feature_names=("other", *graphs[1].feature_names[1:]))
    found = asked(publish(portfolio), portfolio, renamed)[1]
    assert found.drift.assessable
    assert found.drift.parts == ()
    assert found.drift.parts_reason.startswith("the features of the two quarters are not the same")
    assert found.drift.migrations


def test_another_target_leaves_scores_without_comparison(publish, portfolio, world, graphs):
    where = publish(portfolio)
    turned = world.portfolio(
        candidates=NEIGHBOURS, target=portfolio.target.model_dump() | {"favourable": ["1"], "label": "survival"}
    )
    found = asked(where, turned, graphs[1])[1]
    assert found.drift.reason == "what is predicted was declared otherwise in 2023Q1"
    reworded = world.portfolio(candidates=NEIGHBOURS, target=portfolio.target.model_dump() | {"label": "insolvency"})
    assert asked(where, reworded, graphs[1])[1].drift.assessable


def test_a_model_that_no_longer_gives_its_scores_is_not_asked(publish, portfolio, graphs):
    moved = scores_of(fitted(portfolio, graphs[0]), graphs[0], portfolio).with_columns(
        pl.col("unfavourable_probability") * 0.999
    )
    found = asked(publish(portfolio, moved), portfolio, graphs[1])[1]
    assert found.drift.parts == ()
    assert found.drift.parts_reason.startswith("logistic of 2023Q1 no longer gives the scores of 2023Q1")


def test_a_candidate_that_mixes_what_firms_say_has_one_part_for_all_inputs(publish, world, graphs):
    spreading = [{"name": "logistic", "kind": "correct_and_smooth", "base": {"kind": "logistic"}}]
    found = asked(publish(world.portfolio(candidates=spreading)), world.portfolio(candidates=spreading), graphs[1])[1]
    assert [part.part for part in found.drift.parts] == ["inputs", "model"]
    assert "spreads" in found.drift.parts_reason


def test_a_quarter_without_kept_scores_is_named(home, portfolio, graphs):
    publish_graph(settings(), graphs[0], "key-0")
    found = asked(settings().home, portfolio, graphs[1])[1]
    assert found.drift.reason == "2023Q1: its scores were not kept."


def test_a_changed_model_file_is_an_error(publish, portfolio, graphs):
    where = publish(portfolio)
    (weights,) = Path(where).glob("lake/**/models/**/weights.safetensors")
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(IntegrityError):
        asked(where, portfolio, graphs[1])
