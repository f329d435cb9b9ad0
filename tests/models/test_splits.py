"""Whole communities are dealt, near the wanted shares, the same way for the same seed."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.splits import dealt_communities, dealt_firms, published_samples
from schemas.splits import PublishedSplit, SplitSpec
from schemas.terms import Sample

SPEC = SplitSpec(validation_share=0.2, out_of_community_share=0.2)
FITTING = {Sample.DEVELOPMENT, Sample.VALIDATION, Sample.OUT_OF_COMMUNITY}


def portfolio_of(sizes, rate=0.1, seed=0):
    """Return community, outcome and rows of each firm; community k has sizes[k] firms."""
    names = np.repeat([f"c{number:03d}" for number in range(len(sizes))], sizes)
    outcome = (np.random.default_rng(seed).random(len(names)) < rate).astype(float)
    return names, outcome, np.ones(len(names))


def shares(deal, names, rows):
    dealt = np.array([str(deal.samples[name]) for name in names.tolist()])
    return {sample: rows[dealt == str(sample)].sum() / rows.sum() for sample in FITTING}


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_near_their_target(seed):
    names, outcome, rows = portfolio_of(np.random.default_rng(seed).integers(5, 40, size=60), seed=seed)
    found = shares(dealt_communities(names, outcome, rows, SPEC), names, rows)
    assert found[Sample.DEVELOPMENT] == pytest.approx(0.6, abs=0.02)
    assert found[Sample.VALIDATION] == pytest.approx(0.2, abs=0.02)
    assert found[Sample.OUT_OF_COMMUNITY] == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(("validation", "held"), [(0.1, 0.3), (0.3, 0.1), (0.4, 0.4)])
def test_each_share_acts(validation, held):
    names, outcome, rows = portfolio_of([10] * 50)
    spec = SplitSpec(validation_share=validation, out_of_community_share=held)
    found = shares(dealt_communities(names, outcome, rows, spec), names, rows)
    assert found[Sample.VALIDATION] == pytest.approx(validation, abs=0.03)
    assert found[Sample.OUT_OF_COMMUNITY] == pytest.approx(held, abs=0.03)


def test_rates_of_outcomes_are_balanced():
    names, _, rows = portfolio_of([20] * 40)
    # Half of the communities never default, half of them often: by chance alone the samples would differ.
    outcome = np.where(np.array([int(name[1:]) % 2 for name in names]) == 1, 0.3, 0.0)
    deal = dealt_communities(names, outcome, rows, SPEC)
    dealt = np.array([str(deal.samples[name]) for name in names.tolist()])
    rates = {sample: outcome[dealt == str(sample)].mean() for sample in FITTING}
    assert max(rates.values()) - min(rates.values()) < 0.03


def test_the_seed_decides_and_nothing_else():
    names, outcome, rows = portfolio_of([10] * 40)
    first = dealt_communities(names, outcome, rows, SPEC)
    order = np.random.default_rng(1).permutation(len(names))
    assert dealt_communities(names[order], outcome[order], rows, SPEC) == first
    other = SPEC.model_copy(update={"seed": 1})
    assert dealt_communities(names, outcome, rows, other).samples != first.samples


@given(st.lists(st.integers(1, 30), min_size=3, max_size=25), st.integers(0, 5))
def test_every_community_is_dealt_once_and_fitting_is_never_starved(sizes, seed):
    names, outcome, rows = portfolio_of(sizes, rate=0.4, seed=seed)
    deal = dealt_communities(names, outcome, rows, SPEC)
    if deal.missing:
        assert max(sizes) > 0.8 * sum(sizes)
        assert deal.samples == {}
        return
    assert set(deal.samples) == set(names.tolist())
    assert Sample.DEVELOPMENT in deal.samples.values()
    found = shares(deal, names, rows)
    assert found[Sample.VALIDATION] > 0
    # A sample takes a community that is too large for it only if it would be empty otherwise.
    smallest = sorted(sizes)[:2]
    for sample in (Sample.OUT_OF_COMMUNITY, Sample.VALIDATION):
        assert found[sample] <= max(0.22, smallest[1] / sum(sizes)) + 1e-9


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ([10, 10], "2 communities, the largest with 50% of the firm-quarters"),
        ([1], "1 communities, the largest with 100% of the firm-quarters"),
        ([90, 3, 3, 4], "4 communities, the largest with 90% of the firm-quarters"),
    ],
)
def test_too_few_communities_are_said_to_be_so(sizes, reason):
    deal = dealt_communities(*portfolio_of(sizes), SPEC)
    assert deal.samples == {}
    assert deal.missing == {Sample.OUT_OF_COMMUNITY: f"too few communities to hold any out: {reason}"}


def test_single_firms_are_dealt_into_two_samples_of_the_wanted_share():
    firms = np.array([f"f{number:03d}" for number in range(100)])
    deal = dealt_firms(firms, SPEC)
    assert sum(sample is Sample.VALIDATION for sample in deal.samples.values()) == 20
    assert set(deal.samples.values()) == {Sample.DEVELOPMENT, Sample.VALIDATION}
    assert dealt_firms(firms, SPEC) == deal
    assert dealt_firms(firms, SPEC.model_copy(update={"seed": 3})) != deal


def test_at_least_one_firm_is_held_for_validation():
    deal = dealt_firms(np.array(["a", "b"]), SplitSpec(validation_share=0.01))
    assert sorted(deal.samples.values()) == [Sample.DEVELOPMENT, Sample.VALIDATION]


def test_a_published_split_is_translated_and_other_values_leave_the_firm_out():
    spec = PublishedSplit(development=("train", "extra"), validation=("valid",), published_test=("test",))
    values = pl.Series(["train", "valid", "test", "extra", "none", None])
    assert published_samples(values, spec).to_list() == [
        "development",
        "validation",
        "published_test",
        "development",
        "excluded",
        "excluded",
    ]


def worst_rate(samples, names, outcome):
    """Return by how much the rate of the worst sample differs from the rate of all."""
    dealt = np.array([str(samples[name]) for name in names.tolist()])
    return max(abs(outcome[dealt == sample].mean() - outcome.mean()) for sample in np.unique(dealt))


@given(st.integers(0, 60))
def test_the_worst_rate_is_no_further_off_than_that_of_a_random_deal(seed):
    rng = np.random.default_rng(seed)
    names, _, rows = portfolio_of(rng.integers(5, 30, size=40))
    of_community = rng.beta(1, 4, size=40)
    outcome = (rng.random(len(names)) < of_community[[int(name[1:]) for name in names]]).astype(float)
    deal = dealt_communities(names, outcome, rows, SPEC)
    kinds = [Sample.OUT_OF_COMMUNITY] * 8 + [Sample.VALIDATION] * 8 + [Sample.DEVELOPMENT] * 24
    at_random = [
        worst_rate(dict(zip(np.unique(names).tolist(), rng.permutation(kinds), strict=True)), names, outcome)
        for _ in range(20)
    ]
    assert worst_rate(deal.samples, names, outcome) <= np.median(at_random)


def test_a_share_of_nothing_holds_nothing_out_and_says_so():
    names, outcome, rows = portfolio_of([10] * 20)
    deal = dealt_communities(names, outcome, rows, SplitSpec(out_of_community_share=0))
    assert set(deal.samples.values()) == {Sample.DEVELOPMENT, Sample.VALIDATION}
    assert deal.missing == {Sample.OUT_OF_COMMUNITY: "`split.out_of_community_share` is 0: nothing is held out"}
