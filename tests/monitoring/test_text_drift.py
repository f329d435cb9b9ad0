"""Texts as one more column of feature drift: gated with the others, by a limit that chance may raise."""

import numpy as np
import pytest

from models.corporate_graph import corporate_graph
from models.graph_comparison import ComparedGraph
from models.text_drift import TEXT_DISTANCE, TextMove, WordMove, WordShare
from monitoring.feature_drift import feature_drift
from monitoring.quarter import monitored_quarter, quarter_measures
from monitoring.text_drift import text_column
from schemas.results import Drift
from schemas.terms import Quarter

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)
CALM = np.linspace(0, 0.02, 499)
WORDS = WordMove(0.1, (WordShare("lockdown", 0.0, 0.3),), ())


def moved(distance, permuted=CALM):
    return TextMove("report", 200, 200, distance, permuted, WORDS)


@pytest.fixture(scope="module")
def quarters(world):
    return [corporate_graph(world.admitted_tables(), world.portfolio(), quarter.end) for quarter in (Q1, Q2)]


def test_a_text_beyond_the_limit_counts_among_the_drifted_columns(quarters, world):
    portfolio = world.portfolio()
    short = TextMove("letter", 3, 4)
    found = feature_drift(*quarters, portfolio, [moved(0.2), short])
    loud, unknown = found.columns[-2:]
    assert {one.column for one in found.columns} == {"profit", "leverage", "industry", "report", "letter"}
    assert (loud.column, loud.value, loud.drifted) == ("report", 0.2, True)
    assert (unknown.column, unknown.value, unknown.drifted) == ("letter", None, False)
    assert [(one.name, one.rising[0].word) for one in found.texts] == [("report", "lockdown")]


def test_the_limit_is_that_of_features_or_of_chance_if_that_is_wider(world):
    gates = world.portfolio(gates={"feature_drift_limit": 0.03, "false_alarm_rate": 0.1}).gates
    assert text_column(moved(0.05), gates).limit == 0.03
    wide = text_column(moved(0.05, np.linspace(0, 1, 499)), gates)
    assert wide.limit == pytest.approx(0.9)
    assert not wide.drifted
    assert text_column(moved(0.05), gates).drifted


def test_a_planted_vocabulary_raises_an_alarm_of_the_text(quarters, world):
    portfolio = world.portfolio(gates={"drifted_feature_share": 0.0})
    before, after = (ComparedGraph.of(graph, portfolio.graph) for graph in quarters)

    def alarms(move):
        measures = quarter_measures(before, after, portfolio, [move])
        column = text_column(move, portfolio.gates)
        fixed = Drift(expected_quarter=Q1, columns=(column,)), Drift(expected_quarter=Q1)
        return {alarm.subject for alarm in monitored_quarter(portfolio, Q2, measures, (), fixed).alarms}

    assert "report" in alarms(moved(0.2))
    assert "report" not in alarms(moved(0.05))


def test_with_a_history_its_own_past_is_the_limit(quarters, world):
    portfolio = world.portfolio()
    before, after = (ComparedGraph.of(graph, portfolio.graph) for graph in quarters)
    nothing = Drift(expected_quarter=Q1), Drift(expected_quarter=Q1)
    earlier = []
    for number in range(8):
        measures = quarter_measures(before, after, portfolio, [moved(0.01 + 0.002 * (number % 2))])
        earlier.append(monitored_quarter(portfolio, Q2.shifted(number), measures, earlier, nothing))
    later = Q2.shifted(8)
    quiet, loud = (
        monitored_quarter(portfolio, later, quarter_measures(before, after, portfolio, [moved(d)]), earlier, nothing)
        for d in (0.011, 0.09)
    )
    assert quiet.alarms == ()
    assert [(alarm.subject, alarm.statistic) for alarm in loud.alarms] == [("report", TEXT_DISTANCE)]
