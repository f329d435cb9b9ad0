"""Reason codes: at most four, own ones first, in words made of columns and relations alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from models.contributions import HIGH, LEVEL, LOW, MISSING, Contributions
from models.corporate_graph import Columns
from models.factors import POSITION, Factor, factored_inputs
from models.reason_codes import GENERAL, LEAST_SHARE, default_text, reason_summary, reasons
from models.structure import structural_features
from schemas.candidates import Group

LEVERAGE, EBIT = Factor(network=False, feature="leverage"), Factor(network=False, feature="ebit_to_assets")
INDUSTRY = Factor(network=False, feature="industry")
SUPPLIERS = Factor(network=True, feature="leverage", relation="supply", side="in")
BUYERS = Factor(network=True, feature="leverage", relation="supply", side="out")
SUPPLY = Factor(network=True, relation="supply")
NUMBER = Factor(network=True, relation="supply", side="out", aspect="number of partners")
CORE = Factor(network=True, aspect="core number")
CHANGE = Factor(network=False, feature="leverage", aspect="change over 4 quarters")
EVERY = (LEVERAGE, EBIT, INDUSTRY, SUPPLIERS, BUYERS, NUMBER, CORE, POSITION, CHANGE)


def found(factors, values, levels=None):
    values = np.atleast_2d(np.array(values, dtype=float))
    levels = np.full(values.shape, LEVEL) if levels is None else np.atleast_2d(np.array(levels))
    return Contributions(
        tuple(factors), values, np.zeros(len(values)), values.sum(axis=1), levels.astype(np.int8), exact=True
    )


def codes(row):
    return [one.code for one in row]


@given(
    arrays(float, (3, len(EVERY)), elements=st.floats(-5, 5)),
    arrays(np.int8, (3, len(EVERY)), elements=st.integers(-1, 2)),
)
def test_one_to_four_reasons_own_before_network_all_against_the_firm(world, values, levels):
    for row in reasons(found(EVERY, values, levels), world.portfolio()):
        assert 1 <= len(row) <= 4
        assert [one.network for one in row] == sorted(one.network for one in row)
        assert row == (GENERAL,) or all(one.contribution > 0 for one in row)
        assert len(set(codes(row))) == len(row)


def test_the_four_largest_are_chosen_wherever_they_come_from(world):
    factors = (
        LEVERAGE,
        EBIT,
        INDUSTRY,
        Factor(network=False, feature="a"),
        Factor(network=False, feature="b"),
        SUPPLIERS,
    )
    [row] = reasons(found(factors, [0.5, 0.6, 0.7, 0.8, 0.4, 0.9]), world.portfolio())
    assert [one.feature for one in row] == ["a", "industry", "ebit_to_assets", "supply in leverage"]


def test_what_adds_hardly_anything_is_no_reason(world):
    [row] = reasons(found((LEVERAGE, EBIT), [1.0, LEAST_SHARE * 0.9]), world.portfolio())
    assert [one.feature for one in row] == ["leverage"]
    [row] = reasons(found((LEVERAGE, EBIT), [1.0, LEAST_SHARE * 1.2]), world.portfolio())
    assert [one.feature for one in row] == ["leverage", "ebit_to_assets"]


def test_a_firm_that_nothing_counts_against_is_told_so(world):
    assert reasons(found((LEVERAGE,), [-1.0]), world.portfolio()) == [(GENERAL,)]


@pytest.mark.parametrize(
    ("factor", "level", "code", "text"),
    [
        (LEVERAGE, HIGH, "OWN-LEVERAGE-HIGH", "Leverage is high"),
        (EBIT, LOW, "OWN-EBIT_TO_ASSETS-LOW", "Ebit to assets is low"),
        (LEVERAGE, MISSING, "OWN-LEVERAGE-MISSING", "Leverage is not known"),
        (INDUSTRY, LEVEL, "OWN-INDUSTRY", "Industry"),
        (CHANGE, HIGH, "OWN-LEVERAGE-CHANGE_OVER_4_QUARTERS-HIGH", "Leverage, change over 4 quarters is high"),
        (SUPPLIERS, HIGH, "NETWORK-SUPPLY-IN-LEVERAGE-HIGH", "Leverage among the firms that supply comes from is high"),
        (SUPPLY, LEVEL, "NETWORK-SUPPLY", "The condition of its partners (supply)"),
        (NUMBER, LOW, "NETWORK-SUPPLY-OUT-NUMBER_OF_PARTNERS-LOW", "The number of firms that supply leads to is low"),
        (CORE, HIGH, "NETWORK-CORE_NUMBER-HIGH", "The density of its part of the network is high"),
        (POSITION, LEVEL, "NETWORK-POSITION", "Its position among the firms that it is related to"),
    ],
)  # fmt: skip
def test_words_are_made_of_names_where_none_are_given(world, factor, level, code, text):
    [[one]] = reasons(found((factor,), [1.0], [level]), world.portfolio())
    assert (one.code, one.text, one.network) == (code, text, factor.network)


@pytest.mark.parametrize(
    ("aspect", "text"),
    [
        ("herfindahl of targets", "Its concentration on few targets (supply) is high"),
        ("number of person partners", "The number of its person partners (supply) is high"),
        ("pagerank times firms", "Its centrality (supply) is high"),
        ("largest working_capital of sources", "The largest working capital among its sources (supply) is high"),
        ("longest upstream path", "The length of the chains above it (supply) is high"),
        ("something new", "Its place in the network: something new (supply) is high"),
    ],
)
def test_places_in_the_network_have_plain_words_that_a_relation_does_not_take(world, aspect, text):
    spec = world.portfolio(reasons=[{"relation": "supply", "text": "The condition of its partners"}])
    place = Factor(network=True, relation="supply", aspect=aspect)
    [[one]] = reasons(found((place,), [1.0], [HIGH]), spec)
    assert one.text == text


def test_every_structural_feature_has_plain_words(world, graphs):
    graph = graphs.learnable().graph
    inputs = factored_inputs(
        replace(graph, computed={Group.STRUCTURE: Columns(*structural_features(graph))}), (Group.STRUCTURE,)
    )
    texts = {default_text(factor, "high") for factor in inputs.columns}
    assert len(texts) > 10
    assert not [text for text in texts if text.startswith("Its place in the network:")]


def test_given_words_go_before_and_one_text_is_one_reason(world):
    spec = world.portfolio(
        reasons=[
            {"feature": "leverage", "code": "R1", "high": "Debt is high", "text": "Debt"},
            {"relation": "supply", "text": "Its suppliers and buyers are under strain"},
        ]
    )
    [row] = reasons(found((LEVERAGE, SUPPLIERS, BUYERS), [1.0, 0.4, 0.5], [HIGH, HIGH, LOW]), spec)
    assert [(one.code, one.text) for one in row] == [
        ("R1-HIGH", "Debt is high"),
        ("NETWORK-SUPPLY", "Its suppliers and buyers are under strain"),
    ]
    assert row[1].contribution == pytest.approx(0.9)
    [[low]] = reasons(found((LEVERAGE,), [1.0], [LOW]), spec)
    assert (low.code, low.text) == ("R1", "Debt")
    [[change]] = reasons(found((CHANGE,), [1.0], [HIGH]), spec)
    assert change.text == "Leverage, change over 4 quarters is high"


def test_the_most_special_words_win(world):
    spec = world.portfolio(
        reasons=[
            {"relation": "supply", "text": "anyone"},
            {"relation": "supply", "side": "in", "text": "suppliers"},
            {"relation": "supply", "feature": "leverage", "text": "debt around"},
            {"relation": "supply", "side": "in", "feature": "leverage", "text": "suppliers' debt"},
        ]
    )
    other = Factor(network=True, feature="profit", relation="supply", side="in")
    [row] = reasons(found((SUPPLIERS, BUYERS, other, NUMBER), [4, 3, 2, 1]), spec)
    assert [one.text for one in row] == [
        "suppliers' debt",
        "debt around",
        "suppliers",
        "The number of firms that supply leads to",
    ]


def test_the_summary_counts_firms_and_principal_reasons(world):
    both = found((LEVERAGE, SUPPLIERS), [[1.0, 2.0], [1.0, -1.0]], [[HIGH, HIGH], [HIGH, LOW]])
    rows = reasons(both, world.portfolio())
    summary = reason_summary("logistic", both, 10, rows)
    assert (summary.scored, summary.unfavourable, summary.with_network) == (10, 2, 1)
    assert [(one.code, one.firms, one.first) for one in summary.codes] == [
        ("OWN-LEVERAGE-HIGH", 2, 1),
        ("NETWORK-SUPPLY-IN-LEVERAGE-HIGH", 1, 1),
    ]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([{"feature": "nothing", "text": "x"}], "nothing is no feature that a candidate sees"),
        ([{"feature": "region", "text": "x"}], "region is no feature that a candidate sees"),
        ([{"relation": "friends", "text": "x"}], "friends is no relation that a candidate sees"),
        ([{"feature": "leverage", "text": "x"}, {"feature": "leverage", "text": "y"}], "these repeat: leverage"),
        ([{"feature": "leverage", "code": "R1"}, {"feature": "industry", "code": "R1"}], "these repeat: R1"),
        ([{"text": "x"}], "a reason names a `feature`, a `relation` or both"),
        ([{"feature": "leverage"}], "give it a `text`"),
        ([{"feature": "leverage", "side": "in", "text": "x"}], "`side` is a side of a `relation`"),
        ([{"feature": "leverage", "code": "r 1", "text": "x"}], "String should match pattern"),
    ],
)
def test_a_mistaken_table_is_refused(world, entries, problem):
    with pytest.raises(ValidationError, match=problem):
        world.portfolio(reasons=entries)


def test_a_category_with_a_colon_is_no_relation(graphs):
    graph, name = graphs.learnable().graph, "supply: largest industry=A: Agriculture of sources"
    column = Columns(np.zeros((graph.size, 1)), (name,))
    [factor] = factored_inputs(replace(graph, computed={Group.STRUCTURE: column}), (Group.STRUCTURE,)).columns
    assert factor == Factor(network=True, relation="supply", aspect="largest industry=A: Agriculture of sources")
