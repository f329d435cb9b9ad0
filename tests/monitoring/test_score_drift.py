"""Scores of two quarters: migrations, stability, causes, the table of firms, and what rings."""

import numpy as np
import polars as pl
import pytest

from models.column_distances import STABILITY_INDEX, stability_index
from models.score_shift import ShiftParts
from monitoring.score_drift import (
    GRADE_CHANGED,
    MEAN_SHIFT,
    score_drift,
    score_measures,
    with_scores,
)
from monitoring.scored_quarters import ComparedScores, Scored, firm_shifts
from schemas.monitoring import QuarterMonitoring
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)
SCALE = {"grades": [{"name": "A", "upper": 0.1}, {"name": "B", "upper": 0.5}, {"name": "C", "upper": 1}]}


def scored(quarter, scores, firms=None):
    firms = [f"f{number:03d}" for number in range(len(scores))] if firms is None else firms
    classes = ["1" if score >= 0.5 else "0" for score in scores]
    rows = pl.DataFrame({"firm_id": firms, "unfavourable_probability": scores, "predicted_class": classes})
    return Scored.of(quarter, "logistic", rows)


@pytest.fixture(scope="module")
def portfolio(world):
    return world.portfolio(master_scale=SCALE, gates={"baseline_quarters": 4})


@pytest.fixture(scope="module")
def five(portfolio):
    """Four firms of both quarters, a that left and z that is new; d moves from A to C."""
    before = scored(Q1, [0.3, 0.05, 0.2, 0.6, 0.08], ["a", "b", "c", "e", "d"])
    after = scored(Q2, [0.05, 0.4, 0.3, 0.7, 0.55], ["b", "z", "c", "e", "d"])
    return ComparedScores(before, after, portfolio)


@pytest.fixture(scope="module")
def parts():
    """Parts of the shifts of b, c, d, e: 0, .1, .47, .1."""
    own = np.array([0.0, 0.1, 0.3, -0.1])
    neighbourhood = np.array([0.0, 0.0, 0.1, 0.1])
    model = np.array([0.0, 0.0, 0.07, 0.1])
    return ShiftParts(own + neighbourhood, model, own, neighbourhood)


def test_firms_are_counted_by_grade_before_and_now_with_those_that_came_and_left_apart(five):
    grades, classes = score_drift(five, None).migrations
    assert (grades.by, grades.names) == ("grade", ("A", "B", "C"))
    assert grades.counts == ((1, 0, 1), (0, 1, 0), (0, 0, 1))
    assert (grades.new, grades.gone) == ((0, 1, 0), (0, 1, 0))
    assert (grades.stayed, grades.worse, grades.better) == (0.75, 0.25, 0.0)
    assert (classes.by, classes.names, classes.counts) == ("class", ("0", "1"), ((2, 1), (0, 1)))
    assert (classes.stayed, classes.worse, classes.better) == (0.75, 0.25, 0.0)


def test_a_class_is_worse_if_it_is_not_favourable_wherever_it_stands(world, five):
    turned = world.portfolio(master_scale=SCALE, target=world.portfolio().target.model_dump() | {"favourable": ["1"]})
    classes = score_drift(ComparedScores(five.before, five.after, turned), None).migrations[1]
    assert (classes.worse, classes.better) == (0.0, 0.25)


def test_the_summary_counts_firms_and_means_those_of_both_quarters(five):
    found = score_drift(five, None, "the earlier model is gone")
    assert found.assessable
    assert (found.firms, found.new, found.gone) == (4, 1, 1)
    assert found.mean_before == pytest.approx((0.05 + 0.2 + 0.08 + 0.6) / 4)
    assert found.mean_after == pytest.approx((0.05 + 0.3 + 0.55 + 0.7) / 4)
    assert (found.parts, found.parts_reason) == ((), "the earlier model is gone")
    assert found.largest[0].inputs is None
    assert found.stability_index is None, "five scores say nothing of a distribution"


def test_causes_have_their_mean_size_and_share(five, parts):
    own, neighbourhood, model = score_drift(five, parts).parts
    assert [one.part for one in (own, neighbourhood, model)] == ["own features", "neighbourhood", "model"]
    assert (own.mean, own.mean_absolute) == (pytest.approx(0.075), pytest.approx(0.125))
    assert own.share == pytest.approx(0.5 / (0.5 + 0.2 + 0.17))
    assert sum(one.share for one in (own, neighbourhood, model)) == pytest.approx(1)
    together = score_drift(five, ShiftParts(parts.inputs, parts.model), "x spreads").parts
    assert [one.part for one in together] == ["inputs", "model"]


def test_the_firms_that_moved_furthest_come_first_with_their_parts(five, parts):
    found, table = score_drift(five, parts), firm_shifts(five, parts)
    assert table["firm_id"].to_list() == ["d", "c", "e", "b", "z", "a"]
    assert table["found"].to_list() == ["both"] * 4 + ["new", "gone"]
    assert table["shift"].to_list()[:2] == [pytest.approx(0.47), pytest.approx(0.1)]
    first = found.largest[0]
    assert len(found.largest) == 4
    assert (first.before, first.after, first.grade_before, first.grade_after) == (0.08, 0.55, "A", "C")
    assert first.own + first.neighbourhood + first.model == pytest.approx(first.after - first.before, abs=1e-12)
    assert first.own + first.neighbourhood == pytest.approx(first.inputs)
    assert table.row(4, named=True)["before"] is None
    assert table.row(5, named=True)["after"] is None
    assert table["own"].null_count() == 2


def test_without_causes_the_table_has_the_scores_alone(five):
    table = firm_shifts(five, None)
    assert table.select("own", "neighbourhood", "inputs", "model").null_count().row(0) == (6, 6, 6, 6)


def test_no_firm_in_both_quarters_is_compared_as_two_populations(portfolio):
    nobody = ComparedScores(scored(Q1, [0.1], ["a"]), scored(Q2, [0.2], ["b"]), portfolio)
    found = score_drift(nobody, None)
    assert (found.firms, found.new, found.gone, found.migrations, found.largest) == (0, 1, 1, (), ())


def many(shift, portfolio, seed=0, size=400):
    rng = np.random.default_rng(seed)
    before = rng.beta(2, 8, size=size)
    after = np.clip(before + rng.normal(scale=0.01, size=size) + shift, 0, 1)
    return ComparedScores(scored(Q1, before), scored(Q2, after), portfolio)


def test_measures_are_those_of_the_scores(portfolio):
    compared = many(0.05, portfolio)
    found = {one.statistic: one for one in score_measures(compared, None)}
    edges = np.quantile(compared.before.scores, np.linspace(0, 1, 11)[1:-1])
    shares = [
        np.bincount(np.searchsorted(edges, side.scores, "right"), minlength=10) / 400
        for side in (compared.before, compared.after)
    ]
    assert found[STABILITY_INDEX].value == pytest.approx(stability_index(*shares))
    assert found[MEAN_SHIFT].value == pytest.approx(np.mean(compared.after.scores - compared.before.scores))
    old, new = compared.grades()
    assert found[GRADE_CHANGED].value == pytest.approx((old != new).mean())
    taken = ShiftParts(np.full(400, 0.02), np.full(400, -0.03))
    by = {one.statistic: one.value for one in score_measures(compared, taken)}
    assert by["mean absolute shift by inputs"] == pytest.approx(0.02)
    assert by["mean absolute shift by model"] == pytest.approx(0.03)


def monitored(portfolio, shifts):
    """Return the monitoring of quarters whose scores shifted so much."""
    found = []
    for number, shift in enumerate(shifts):
        bare = QuarterMonitoring(
            portfolio=portfolio.name, quarter=Q2.shifted(number), expected_quarter=Q1.shifted(number), baseline=(),
            readings=(), alarms=(),
        )  # fmt: skip
        found.append(with_scores(bare, score_measures(many(shift, portfolio, seed=number), None), found, portfolio))
    return found


def test_while_there_is_no_history_the_stability_index_has_a_fixed_limit(world, portfolio):
    quiet, loud = monitored(portfolio, [0.0])[0], monitored(portfolio, [0.15])[0]
    assert quiet.alarms == ()
    (alarm,) = loud.alarms
    assert (alarm.kind, alarm.subject, alarm.limit) == ("score", "scores", 0.25)
    assert alarm.sentence.startswith("scores: population stability index is")
    lenient = world.portfolio(master_scale=SCALE, gates={"score_drift_limit": 50.0})
    assert monitored(lenient, [0.15])[0].alarms == ()


def test_with_a_history_scores_ring_when_they_leave_what_they_did(portfolio):
    *_, quiet = monitored(portfolio, [0.0] * 9)
    *_, loud = monitored(portfolio, [0.0] * 8 + [0.05])
    assert quiet.alarms == ()
    assert [(alarm.kind, alarm.subject) for alarm in loud.alarms] == [("score", "scores")]
    trend = next(trend for trend in loud.trends if trend.statistic == MEAN_SHIFT)
    assert len(trend.values) == 9
    assert trend.alarmed
