"""From drawn settings to a candidate of a portfolio, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.search_space import candidate, free_name, rounded, searched_kinds, settings_within, space
from schemas.errors import SettingsError
from schemas.search_spaces import SPACES, Choice, Integers, Reals


@pytest.fixture
def portfolio(world):
    def made(candidates, **changes):
        return world.portfolio().model_copy(
            update={"candidates": tuple(candidate_of(one) for one in candidates), **changes}
        )

    return made


def candidate_of(settings):
    from pydantic import TypeAdapter

    from schemas.candidates import CandidateSpec

    return TypeAdapter(CandidateSpec).validate_python(settings)


LOGISTIC = {"name": "logistic", "kind": "logistic"}
SAGE = {"name": "sage", "kind": "graphsage", "hidden": 32, "patience": 7, "batches": {"kind": "neighbours", "size": 9}}


def test_the_portfolios_kinds_are_searched_and_a_few_architectures(portfolio):
    spec = portfolio([LOGISTIC, {"name": "auto", "kind": "autogluon"}, {"name": "gin", "kind": "gin"}])
    assert searched_kinds(spec) == ("logistic", "gin", "gcn", "graphsage", "gat")
    assert searched_kinds(spec, ["autogluon", "rgcn", "rgcn"]) == ("autogluon", "rgcn")
    with pytest.raises(SettingsError, match="did you mean graphsage"):
        searched_kinds(spec, ["graphsge"])


def test_kinds_that_tell_relations_apart_need_one(portfolio):
    alone = portfolio([LOGISTIC], relations=())
    assert searched_kinds(alone, ["rgcn", "gcn"]) == ("gcn",)
    with pytest.raises(SettingsError, match="declares no relation"):
        searched_kinds(alone, ["rgcn"])
    assert "per_relation" not in space(alone, "propagated")
    assert "per_relation" in space(portfolio([LOGISTIC]), "propagated")


def test_what_is_not_drawn_is_as_in_the_portfolios_candidate(portfolio):
    found = candidate(portfolio([LOGISTIC, SAGE]), "graphsage", {"hidden": 64, "features": "own+neighbour"}, "tuned")
    assert (found.name, found.hidden, found.patience, found.features) == ("tuned", 64, 7, ("own", "neighbour"))
    assert found.batches.size == 9


def test_another_network_trains_on_the_same_batches(portfolio):
    found = candidate(portfolio([LOGISTIC, SAGE]), "gcn", {}, "tuned")
    assert (found.batches.kind, found.batches.size, found.patience) == ("neighbours", 9, 30)


def test_correct_and_smooth_gets_a_base_where_the_portfolio_has_none(portfolio):
    found = candidate(portfolio([LOGISTIC]), "correct_and_smooth", {"correction": 0.5}, "tuned")
    assert (found.base.kind, found.correction) == ("lightgbm", 0.5)


@pytest.mark.parametrize("kind", SPACES)
@given(drawing=st.data())
def test_whatever_is_drawn_is_a_candidate_that_the_space_holds(world, kind, drawing):
    spec = world.portfolio()
    values = {}
    for name, within in space(spec, kind).items():
        match within:
            case Choice():
                values[name] = drawing.draw(st.sampled_from(within.options))
            case Integers():
                values[name] = rounded(drawing.draw(st.integers(within.low, within.high)), within)
            case Reals():
                values[name] = rounded(drawing.draw(st.floats(within.low, within.high)), within)
        assert within.holds(values[name])
    found = candidate(spec, kind, values, "tuned")
    assert settings_within(spec, found) == values


def test_settings_outside_the_space_are_not_told_to_the_search(portfolio):
    small = SAGE | {"hidden": 8, "dropout": 0.99, "learning_rate": 0.01}
    told = settings_within(portfolio([small]), candidate_of(small))
    assert "hidden" not in told
    assert "dropout" not in told
    assert told["learning_rate"] == 0.01


def test_a_name_that_is_free(portfolio):
    spec = portfolio([LOGISTIC, SAGE | {"name": "gcn_tuned"}])
    assert free_name(spec, "logistic") == "logistic_tuned"
    assert free_name(spec, "gcn") == "gcn_tuned_2"
