"""Candidates as alternatives: ranks on validation, lowest ratios on the firms of the quarter."""

import numpy as np
import polars as pl
import pytest

from models.selection import SampleRows
from monitoring.group_measures import Resampled
from monitoring.less_discriminatory import Compared, alternative_sentence, compared_alternatives, found_alternatives
from schemas.fair_lending import FairLending, ScoreFairness
from schemas.results import CandidateResult, Evaluation, GraphHelp, Interval
from schemas.terms import Family

FIRMS = 400
URBAN = np.arange(FIRMS) % 2 == 0


def risky(rural):
    """Rank firms so that of 300 that are favoured this share of the 200 rural ones is among them."""
    place = np.arange(FIRMS) // 2 * 7 % 200  # in no order that communities have
    kept = np.where(URBAN, place < 300 - 200 * rural, place < 200 * rural)
    return np.where(kept, 0.1, 0.9) + place / 10_000


def favouring(rural, firms=300):
    risk = risky(rural)
    return risk <= np.sort(risk)[firms - 1]


def probabilities(noise, truth):
    drawn = np.random.default_rng(1).normal(scale=noise, size=len(truth))
    risk = 1 / (1 + np.exp(-(truth - 0.5) * 2 - drawn))
    return np.stack([1 - risk, risk], axis=1)


def candidate(name):
    return CandidateResult(
        name=name, kind="logistic", family=Family.TABULAR, content_hash="0" * 64, fit_seconds=1.0, inputs=1,
        threshold=0.5, notes={}, samples={},
    )  # fmt: skip


def measured(world, favoured, noise, chosen="chosen", firms=None):
    truth = np.random.default_rng(0).integers(2, size=300)
    compared = Compared(
        attributes=pl.DataFrame({"region": np.where(URBAN, "urban", "rural")}),
        resampled=Resampled(np.array([f"c{row // 8}" for row in range(FIRMS)]), draws=100, seed=0),
        favourable={name: favouring(share, (firms or {}).get(name, 300)) for name, share in favoured.items()},
        risk={name: risky(share) for name, share in favoured.items()},
        validation=SampleRows(
            truth,
            np.array([f"c{row // 6}" for row in range(300)]),
            {name: probabilities(noise[name], truth) for name in favoured},
        ),
    )
    evaluation = Evaluation(
        candidates=tuple(candidate(name) for name in favoured),
        chosen=chosen,
        best_on_validation=chosen,
        choice_reason="",
        graph=GraphHelp(helped="no", reason=""),
        leakage_gap=Interval(value=None),
    )
    portfolio = world.portfolio(evaluation={"bootstrap_draws": 100})
    found = compared_alternatives(compared, evaluation, portfolio)
    nothing = ScoreFairness(score="combined", groups=())
    return FairLending(
        candidate=chosen, firms=FIRMS, samples=(), unknown={}, combined=nothing, network=None, homophily=(),
        alternatives=found,
    )  # fmt: skip


@pytest.fixture
def fair(world):
    return measured(
        world,
        {"chosen": 0.6, "fairer": 0.7, "fairer_and_worse": 0.7, "same": 0.6},
        {"chosen": 1.0, "fairer": 1.0, "fairer_and_worse": 9.0, "same": 1.0},
    )


def test_each_candidate_has_its_lowest_ratio_and_whose_it_is(fair):
    ratios = {one.candidate: (one.worst_ratio.value, one.worst_group) for one in fair.alternatives}
    assert ratios["chosen"] == (pytest.approx(2 / 3), "region: rural")
    assert ratios["fairer"] == (pytest.approx(7 / 8), "region: rural")
    differences = {one.candidate: one.ratio_difference for one in fair.alternatives}
    assert differences["fairer"].value == pytest.approx(7 / 8 - 2 / 3)
    assert differences["fairer"].low > 0
    assert differences["chosen"].value is None
    assert differences["same"].value == 0


def test_a_fairer_candidate_that_ranks_no_worse_is_a_finding_and_one_that_ranks_worse_is_not(fair):
    assert [one.candidate for one in found_alternatives(fair, 0.8)] == ["fairer"]
    ranked = {one.candidate: one.not_worse for one in fair.alternatives if not one.chosen}
    assert ranked == {"fairer": True, "fairer_and_worse": False, "same": True}
    sentence = alternative_sentence(found_alternatives(fair, 0.8)[0], fair)
    assert "fairer is not significantly worse than chosen" in sentence
    assert (
        "0.875 (region: rural) instead of 0.667 (region: rural) when both favour as many firms, beyond chance"
        in sentence
    )


def test_a_candidate_that_favours_more_firms_is_not_fairer_for_that(world):
    found = measured(
        world, {"chosen": 0.6, "generous": 0.6}, {"chosen": 1.0, "generous": 1.0}, firms={"generous": FIRMS}
    )
    generous = found.alternatives[1]
    assert generous.favourable_rate == 1
    assert generous.worst_ratio.value == pytest.approx(2 / 3), "with as many favoured as by the chosen one"
    assert found_alternatives(found, 0.8) == ()


def test_a_candidate_that_mends_a_ratio_below_the_limit_is_a_finding_within_chance_too(fair):
    (chosen, fairer, *_) = fair.alternatives
    near = fairer.model_copy(update={"ratio_difference": Interval(value=0.22, low=-0.1, high=0.5)})
    close = fair.model_copy(update={"alternatives": (chosen, near)})
    assert [one.candidate for one in found_alternatives(close, 0.8)] == ["fairer"]
    assert "within chance, but at the limit or above it" in alternative_sentence(near, close)
    assert found_alternatives(close, 0.95) == (), "neither is at the limit"
    assert found_alternatives(close, 0.5) == (), "the chosen one is above the limit already"


def test_without_a_protected_attribute_there_is_nothing_to_search(world):
    portfolio = world.portfolio()
    plain = tuple(column for column in portfolio.firms.columns if column.name != "region")
    bare = portfolio.model_copy(update={"firms": portfolio.firms.model_copy(update={"columns": plain})})
    assert compared_alternatives(None, None, bare) == ()
    empty = FairLending(
        candidate="chosen", firms=0, samples=(), unknown={}, network=None, homophily=(), alternatives=(),
        combined=ScoreFairness(score="combined", groups=()),
    )  # fmt: skip
    assert found_alternatives(empty, 0.8) == ()


def test_groups_too_small_to_judge_give_no_ratio_and_no_finding(world):
    portfolio = world.portfolio(gates={"least_group_size": FIRMS})
    found = measured(world, {"chosen": 0.6, "other": 0.7}, {"chosen": 1.0, "other": 1.0})
    assert found.alternatives[0].worst_group
    small = compared_alternatives(
        Compared(
            pl.DataFrame({"region": np.where(URBAN, "urban", "rural")}),
            Resampled(np.arange(FIRMS).astype(str), draws=20, seed=0),
            {"chosen": favouring(0.6)},
            {"chosen": risky(0.6)},
            SampleRows(np.array([0, 1]), np.array(["a", "b"]), {"chosen": np.array([[0.6, 0.4], [0.3, 0.7]])}),
        ),
        Evaluation(
            candidates=(candidate("chosen"),),
            chosen="chosen",
            best_on_validation="chosen",
            choice_reason="",
            graph=GraphHelp(helped="no", reason=""),
            leakage_gap=Interval(value=None),
        ),
        portfolio.model_copy(update={"evaluation": portfolio.evaluation.model_copy(update={"bootstrap_draws": 20})}),
    )
    assert (small[0].worst_ratio.value, small[0].worst_group) == (None, "")
