"""Every candidate is measured on every sample; one is chosen on validation, and tests have no say."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from models.evaluation import Contest, Dealt, FittedFacts, cut_off, evaluation
from models.panel import Panel
from schemas.terms import Family, Sample, Scheme

CANDIDATES = [
    {"name": "simple", "kind": "logistic"},
    {"name": "trees", "kind": "lightgbm"},
    {"name": "related", "kind": "logistic", "features": "neighbour"},
    {"name": "sage", "kind": "graphsage"},
]
COMMUNITIES = 24
SIZE = 12
COUNT = COMMUNITIES * SIZE


def contest(world, graphs, *, skills, samples=None, candidates=CANDIDATES, threshold=0.5):
    """Return a contest in which each candidate separates the classes with its skill."""
    rng = np.random.default_rng(2)
    member = np.repeat(np.arange(COMMUNITIES), SIZE)
    truth = (rng.random(COUNT) < 0.35).astype(np.int64)
    noise = rng.normal(size=COUNT)
    firms = [f"f{number:03d}" for number in range(COUNT)]
    edges = [(firms[n], firms[n + 1]) for n in range(COUNT - 1) if member[n] == member[n + 1]]
    graph = graphs.graph_of(firms, {"supply": edges}, rng.normal(size=(COUNT, 2)))
    if samples is None:
        kinds = ("development", "development", "validation", "out_of_community", "out_of_time", "excluded")
        samples = np.array([kinds[group % 6] for group in member])
    portfolio = world.portfolio(
        candidates=candidates, evaluation={"bootstrap_draws": 60, "threshold": threshold}, training={"threads": 1}
    )
    probabilities = {}
    for candidate in candidates:
        logit = skills[candidate["name"]] * (2 * truth - 1) + noise + rng.normal(scale=0.2, size=COUNT)
        positive = 1 / (1 + np.exp(-logit))
        probabilities[Scheme.COMMUNITY, candidate["name"]] = np.stack([1 - positive, positive], axis=1)
    return Contest(
        portfolio=portfolio,
        rows=Panel(graph, np.full(COUNT, "2023Q1"), np.array(firms), truth),
        dealt={Scheme.COMMUNITY: Dealt(samples, np.array([f"c{group:02d}" for group in member]))},
        probabilities=probabilities,
        facts={c["name"]: FittedFacts(f"hash of {c['name']}", 1.5, 7, {"rounds": 3}) for c in candidates},
    )


@pytest.fixture(scope="module")
def held(world, graphs):
    return contest(world, graphs, skills={"simple": 0.3, "trees": 0.5, "related": 1.2, "sage": 1.0})


@pytest.fixture(scope="module")
def found(held):
    return evaluation(held)


def test_each_candidate_is_measured_on_each_sample_that_has_rows(held, found):
    kinds = [Sample.DEVELOPMENT, Sample.VALIDATION, Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME]
    assert [candidate.name for candidate in found.candidates] == ["simple", "trees", "related", "sage"]
    for candidate in found.candidates:
        assert sorted(candidate.samples) == sorted(kinds)
        for sample in kinds:
            rows = held.dealt[Scheme.COMMUNITY].rows(sample)
            probabilities = held.probabilities[Scheme.COMMUNITY, candidate.name][rows, 1]
            result = candidate.samples[sample]
            assert result.metrics["auc"].value == pytest.approx(roc_auc_score(held.rows.truth[rows], probabilities))
            assert result.firm_quarters == rows.sum()
            assert result.communities == rows.sum() // SIZE


def test_what_fitting_left_behind_is_passed_on(found):
    first = found.candidates[0]
    assert (first.kind, first.family, first.content_hash) == ("logistic", Family.TABULAR, "hash of simple")
    assert (first.fit_seconds, first.inputs, first.threshold, first.notes) == (1.5, 7, 0.5, {"rounds": 3})


def test_validation_chooses(found):
    assert found.best_on_validation == "related"
    assert found.chosen == "related"


def test_test_samples_have_no_say_in_the_choice(held, found):
    turned = {
        key: np.where((held.dealt[Scheme.COMMUNITY].rows(Sample.VALIDATION))[:, None], values, values[:, ::-1])
        for key, values in held.probabilities.items()
    }
    other = evaluation(dataclasses.replace(held, probabilities=turned))
    assert (other.chosen, other.best_on_validation, other.choice_reason) == (
        found.chosen,
        found.best_on_validation,
        found.choice_reason,
    )


def test_the_gain_of_the_graph_is_measured_where_selection_never_looked(held, found):
    assert [gain.sample for gain in found.gains] == [Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME]
    for gain in found.gains:
        assert (gain.graph_candidate, gain.simple_candidate) == ("related", "trees")
        rows = held.dealt[Scheme.COMMUNITY].rows(gain.sample)
        auc = {
            name: roc_auc_score(held.rows.truth[rows], held.probabilities[Scheme.COMMUNITY, name][rows, 1])
            for name in ("related", "trees")
        }
        assert gain.difference.value == pytest.approx(auc["related"] - auc["trees"])


def test_without_a_graph_candidate_there_is_no_gain(world, graphs):
    few = contest(world, graphs, skills={"simple": 0.3, "trees": 0.5}, candidates=CANDIDATES[:2])
    assert evaluation(few).gains == ()


def test_a_cut_off_is_sought_on_validation_only(world, graphs):
    skills = {"simple": 0.3, "trees": 0.5, "related": 1.2, "sage": 1.0}
    sought = contest(world, graphs, skills=skills, threshold="f1_on_validation")
    spec = sought.portfolio.candidates[2]
    found = cut_off(sought, spec, Scheme.COMMUNITY)
    rows = sought.dealt[Scheme.COMMUNITY].rows(Sample.VALIDATION)
    truth, positive = sought.rows.truth[rows], sought.probabilities[Scheme.COMMUNITY, "related"][rows, 1]
    best = max(f1_score(truth, positive >= cut) for cut in positive)
    assert f1_score(truth, positive >= found) == pytest.approx(best)
    turned = np.where(rows, sought.rows.truth, 1 - sought.rows.truth)
    other = dataclasses.replace(sought, rows=dataclasses.replace(sought.rows, truth=turned))
    assert cut_off(other, spec, Scheme.COMMUNITY) == found


def test_a_given_cut_off_is_used_as_it_is(world, graphs):
    skills = {"simple": 0.3, "trees": 0.5, "related": 1.2, "sage": 1.0}
    given = contest(world, graphs, skills=skills, threshold=0.2)
    assert cut_off(given, given.portfolio.candidates[0], Scheme.COMMUNITY) == 0.2


def test_the_leakage_gap_needs_communities_held_out(held, found, world, graphs):
    assert found.leakage_gap.value is not None
    assert found.leakage_reason == ""
    samples = np.where(
        held.dealt[Scheme.COMMUNITY].samples == "out_of_community", "excluded", held.dealt[Scheme.COMMUNITY].samples
    )
    nothing = evaluation(contest(world, graphs, skills={"simple": 0.3}, samples=samples, candidates=CANDIDATES[:1]))
    assert nothing.leakage_gap.value is None
    assert nothing.leakage_reason == "no community is held out, or its outcomes are of one class"


def test_a_sample_with_one_class_has_no_auc_and_is_no_error(held):
    rows = held.dealt[Scheme.COMMUNITY].rows(Sample.OUT_OF_TIME)
    truth = np.where(rows, 0, held.rows.truth)
    found = evaluation(dataclasses.replace(held, rows=dataclasses.replace(held.rows, truth=truth)))
    assert found.candidates[0].samples[Sample.OUT_OF_TIME].metrics["auc"].value is None
    assert [gain.difference.value is None for gain in found.gains] == [False, True]


def test_validation_of_the_scheme_that_is_used_chooses(world, graphs):
    # Single firms speak for the trees, whole communities for the simple one.
    held = contest(world, graphs, skills={"simple": 3.0, "trees": 0.1}, candidates=CANDIDATES[:2])
    other = contest(world, graphs, skills={"simple": 0.1, "trees": 3.0}, candidates=CANDIDATES[:2])
    both = {Scheme.ENTITY: other.dealt[Scheme.COMMUNITY], Scheme.COMMUNITY: held.dealt[Scheme.COMMUNITY]}
    probabilities = dict(held.probabilities) | {
        (Scheme.ENTITY, name): found for (_, name), found in other.probabilities.items()
    }
    chosen = {}
    for firms_from in ("known_communities", "unseen_communities"):
        portfolio = world.portfolio(
            candidates=CANDIDATES[:2],
            split={"schemes": ["entity", "community"]},
            use={"firms_from": firms_from},
            evaluation={"bootstrap_draws": 60},
        )
        asked = dataclasses.replace(held, portfolio=portfolio, dealt=both, probabilities=probabilities)
        assert dict(asked.judged_under())[Sample.OUT_OF_TIME] is asked.primary
        chosen[firms_from] = evaluation(asked).chosen
    assert chosen == {"known_communities": "trees", "unseen_communities": "simple"}
