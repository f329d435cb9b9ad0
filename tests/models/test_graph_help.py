"""Whether the graph helped: the answer is right where it is known, and each comparison is the one it says it is."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from models.candidates import fitted_candidate
from models.graph_help import Evidence, graph_help, improved, without_edges, without_graph
from models.inputs import with_computed
from models.selection import SampleRows
from schemas.results import GraphGain, Interval
from schemas.specs import GraphSpec
from schemas.terms import Sample

CANDIDATES = [
    {"name": "plain", "kind": "logistic"},
    {"name": "trees", "kind": "lightgbm"},
    {"name": "aggregates", "kind": "logistic", "features": "neighbour"},
    {"name": "gcn", "kind": "gcn"},
    {"name": "sage", "kind": "graphsage"},
    {"name": "gat", "kind": "gat"},
    {"name": "together", "kind": "ensemble", "members": ["plain", "sage"]},
]
NETWORKS = ("gcn", "sage", "gat")
ROWS, COMMUNITIES = 1200, 60


def scored(truth, shared, skill, own_noise, rng):
    logit = skill * (2 * truth - 1) + shared + own_noise * rng.normal(size=len(truth))
    positive = 1 / (1 + np.exp(-logit))
    return np.stack([1 - positive, positive], axis=1)


def evidence(world, skills, *, own_noise=0.2, candidates=CANDIDATES, seed=0):
    """Return three samples on which each candidate separates the classes with its skill."""
    rng = np.random.default_rng(seed)
    samples = {}
    for sample in (Sample.VALIDATION, Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME):
        truth, shared = (rng.random(ROWS) < 0.3).astype(np.int64), rng.normal(size=ROWS)
        communities = np.array([f"c{row % COMMUNITIES:02d}" for row in range(ROWS)])
        probabilities = {one["name"]: scored(truth, shared, skills[one["name"]], own_noise, rng) for one in candidates}
        samples[sample] = SampleRows(truth, communities, probabilities)
    rows = samples[Sample.VALIDATION]
    auc = {name: roc_auc_score(rows.truth, found[:, 1]) for name, found in rows.probabilities.items()}
    return Evidence(world.portfolio(candidates=candidates), samples, auc, draws=100, seed=1)


def skills(own, aggregates, networks, together=3.0):
    return (
        {"plain": own, "trees": own}
        | {"aggregates": aggregates, "together": together}
        | dict.fromkeys(NETWORKS, networks)
    )


@pytest.fixture(scope="module")
def held(world):
    return evidence(world, skills(0.2, 0.7, 1.0))


def auc_of(rows, name):
    return roc_auc_score(rows.truth, rows.probabilities[name][:, 1])


def test_a_graph_that_tells_the_outcome_helped(held):
    found = graph_help(held)
    assert found.helped == "yes"
    best = max(NETWORKS, key=held.auc.get)
    own = max(("plain", "trees"), key=held.auc.get)
    assert {(gain.graph_candidate, gain.simple_candidate) for gain in found.gains} == {(best, own)}
    for gain in found.gains:
        rows = held.samples[gain.sample]
        assert gain.difference.value == pytest.approx(auc_of(rows, best) - auc_of(rows, own))
        assert gain.difference.low < gain.difference.value < gain.difference.high
    assert found.reason == f"{best} is better than {own} on every sample held out, on at least one beyond chance."


def test_a_graph_that_tells_nothing_did_not_help(world):
    """Twenty economies whose label ignores the graph: the answer is no in all but chance's share."""
    answers = [graph_help(evidence(world, skills(0.6, 0.6, 0.6), seed=seed)).helped for seed in range(20)]
    assert answers.count("no") >= 19


def test_validation_picks_who_is_compared_and_tests_have_no_say(held):
    turned = {
        sample: rows
        if sample is Sample.VALIDATION
        else dataclasses.replace(rows, probabilities={n: p[:, ::-1] for n, p in rows.probabilities.items()})
        for sample, rows in held.samples.items()
    }
    before, after = graph_help(held), graph_help(dataclasses.replace(held, samples=turned))
    assert after.helped == "no"
    for one, other in zip(before.gains, after.gains, strict=True):
        assert (one.graph_candidate, one.simple_candidate) == (other.graph_candidate, other.simple_candidate)


def test_a_gain_that_the_same_model_has_without_the_graph_is_not_the_graphs(held):
    asked = []

    def twin_as_good(spec, sample):
        asked.append((spec.name, sample))
        return held.samples[sample].probabilities[spec.name]

    found = graph_help(held, twin_as_good)
    best = found.gains[0].graph_candidate
    assert found.helped == "no"
    assert found.reason.endswith("But it is not better than itself without the graph: not the graph helps.")
    assert asked == [(best, Sample.OUT_OF_COMMUNITY), (best, Sample.OUT_OF_TIME)]
    assert {gain.simple_candidate for gain in found.control} == {f"{best} without the graph"}
    weak = graph_help(held, lambda spec, sample: held.samples[sample].probabilities["plain"])
    assert weak.helped == "yes"
    assert [gain.difference.value > 0 for gain in weak.control] == [True, True]


def test_nothing_is_fitted_again_where_the_answer_is_no_already(world):
    def never(spec, sample):
        raise AssertionError(spec.name)

    assert graph_help(evidence(world, skills(1.0, 0.5, 0.5)), never).helped == "no"


def test_aggregates_are_compared_with_own_features_of_their_kind(held):
    found = graph_help(held)
    assert {(gain.graph_candidate, gain.simple_candidate) for gain in found.aggregates} == {("aggregates", "plain")}


def test_the_recovered_share_is_the_aggregates_part_of_the_networks_gain(held):
    found = graph_help(held)
    assert [one.sample for one in found.recovered] == [Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME]
    for one in found.recovered:
        part, whole, base = (auc_of(held.samples[one.sample], name) for name in (one.aggregates, one.network, one.own))
        assert one.share.value == pytest.approx((part - base) / (whole - base))
        assert one.share.low < one.share.value < one.share.high
        assert 0.4 < one.share.value < 1


def test_no_share_is_told_of_a_gain_that_could_be_chance(world):
    found = graph_help(evidence(world, skills(0.6, 0.6, 0.6)))
    assert {one.share.value for one in found.recovered} == {None}


@pytest.mark.parametrize(("own_noise", "agree"), [(0.2, "yes"), (6.0, "no")])
def test_networks_agree_if_they_put_firms_in_the_same_order(world, own_noise, agree):
    held = evidence(world, skills(0.2, 0.7, 1.0), own_noise=own_noise)
    found = graph_help(held)
    assert found.agree == agree
    assert {(one.first, one.second) for one in found.agreement} == {("gcn", "sage"), ("gcn", "gat"), ("sage", "gat")}
    for one in found.agreement:
        scores = held.samples[one.sample].probabilities
        expected = spearmanr(scores[one.first][:, 1], scores[one.second][:, 1]).statistic
        assert one.correlation.value == pytest.approx(expected)
        assert one.correlation.low < one.correlation.value < one.correlation.high


def test_one_network_has_nobody_to_agree_with(world):
    found = graph_help(evidence(world, skills(0.2, 0.7, 1.0), candidates=CANDIDATES[:4]))
    assert (found.agreement, found.agree) == ((), "not assessable")


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (slice(0, 2), "No candidate but ensembles has the graph."),
        (slice(3, 6), "No candidate has own features alone, so that there is nothing to compare with."),
    ],
)
def test_without_both_sides_nothing_can_be_said(world, kept, reason):
    found = graph_help(evidence(world, skills(0.2, 0.7, 1.0), candidates=CANDIDATES[kept]))
    assert (found.helped, found.reason, found.gains) == ("not assessable", reason, ())


def gains(*intervals, sample=Sample.OUT_OF_TIME):
    return tuple(
        GraphGain(
            sample=sample,
            graph_candidate="g",
            simple_candidate="s",
            difference=Interval(value=value, low=low, high=high),
        )
        for value, low, high in intervals
    )


@pytest.mark.parametrize(
    ("intervals", "answer"),
    [
        ([(0.05, 0.01, 0.09), (0.02, -0.01, 0.05)], "yes"),
        ([(0.05, 0.01, 0.09)], "yes"),
        ([(0.05, -0.01, 0.09), (0.02, -0.01, 0.05)], "no"),
        ([(0.05, 0.01, 0.09), (-0.01, -0.03, 0.02)], "no"),
        ([(0.0, 0.0, 0.0)], "no"),
        ([(0.05, None, None)], "not assessable"),
        ([(0.05, None, None), (0.05, 0.01, 0.09)], "yes"),
        ([], "not assessable"),
    ],
)
def test_a_gain_counts_if_it_is_everywhere_and_beyond_chance_somewhere(intervals, answer):
    assert improved(gains(*intervals)) == answer


@pytest.mark.parametrize("sample", [Sample.OUT_OF_BOTH, Sample.RANDOM_TEST])
@pytest.mark.parametrize("away", [0.2, -0.2])
def test_samples_without_gates_have_no_say(sample, away):
    shown = gains((away, away - 0.01, away + 0.01), sample=sample)
    assert improved([*gains((0.02, 0.01, 0.03)), *shown]) == "yes"
    assert improved([*gains((0.02, -0.01, 0.05)), *shown]) == "no"


BASE = {"kind": "lightgbm", "features": "neighbour"}


@pytest.mark.parametrize(
    "described",
    [
        {"kind": "logistic", "features": ["neighbour", "structure"]},
        {"kind": "correct_and_smooth", "base": BASE},
        {"kind": "graph_kernel"},
        {"kind": "label_propagation"},
        {"kind": "gcn", "dimension_attention": 0.1},
        {"kind": "gat", "features": "structure"},
        {"kind": "graphsage", "batches": {"kind": "saint", "roots": 20, "trials": 2}},
        {"kind": "rgcn"},
        {"kind": "hgt"},
        {"kind": "gdan"},
        {"kind": "sehgnn"},
        {"kind": "propagated", "per_relation": True},
    ],
    ids=lambda described: described["kind"],
)
def test_every_kind_can_be_fitted_without_the_graph_and_then_does_not_see_it(world, graphs, described):
    short = {"epochs": 3, "hidden": 8} if described["kind"] not in {"logistic", "correct_and_smooth"} else {}
    short = {} if described["kind"] in {"graph_kernel", "label_propagation"} else short
    spec = world.portfolio(
        graph={"structure": ["degree"]}, candidates=[{"name": "one"} | described | short]
    ).single_candidates[0]
    data = graphs.learnable(firms=60, groups=6)
    data = dataclasses.replace(data, graph=with_computed(data.graph, GraphSpec(structure=("degree",))))
    stripped = without_edges(data.graph)
    assert [relation.edges for relation in stripped.relations.values()] == [0] * len(data.graph.relations)
    fitted = fitted_candidate(without_graph(spec), dataclasses.replace(data, graph=stripped))
    found = fitted.probabilities(stripped)
    assert found.shape == (60, 2)
    assert np.allclose(found.sum(axis=1), 1)
    # Firms alike in their own features get the same score, wherever they stood in the graph.
    same = dataclasses.replace(stripped, features=np.repeat(stripped.features[:1], 60, axis=0))
    assert np.ptp(fitted.probabilities(same)[:, 1]) < 1e-6
