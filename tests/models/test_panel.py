"""Firm-quarters side by side, each in one sample, whole communities together."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corporate_graph import corporate_graph
from models.memberships import Membership, pooled_communities
from models.panel import UNKNOWN, panel, split_summary
from models.samples import dealt_samples
from models.vintages import VintagePlan
from schemas.errors import NotEnoughData
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter, Sample, Scheme

Q1, Q2 = Quarter(2023, 1), Quarter(2023, 2)


@pytest.fixture(scope="module")
def vintages(world):
    return [corporate_graph(world.admitted_tables(), world.portfolio(), quarter.end) for quarter in (Q1, Q2)]


@pytest.fixture(scope="module")
def rows(vintages, world):
    return panel(vintages, world.labels())


@pytest.fixture(scope="module")
def communities(vintages, world):
    return pooled_communities(vintages, world.portfolio())


def test_rows_are_the_firms_of_each_vintage_with_their_outcome(rows, vintages, world):
    assert len(rows.truth) == vintages[0].size + vintages[1].size == 59
    assert rows.graph.size == 59
    found = {
        (quarter, firm)
        for quarter, firm, truth in zip(rows.quarters.tolist(), rows.firms.tolist(), rows.truth, strict=True)
        if truth == 1
    }
    assert found == {(quarter, firm) for quarter, firms in world.DEFAULTS.items() for firm in firms}
    np.testing.assert_array_equal(np.char.add("2023-03-31 ", rows.firms[:29]), rows.graph.firms[:29])


def test_the_parent_defaults_before_its_daughters(rows, world):
    truth = dict(zip(zip(rows.quarters.tolist(), rows.firms.tolist(), strict=True), rows.truth.tolist(), strict=True))
    assert [truth["2023Q1", firm] for firm in (world.PARENT, "b2", "b3")] == [1, 0, 0]
    assert [truth["2023Q2", firm] for firm in (world.PARENT, "b2", "b3")] == [0, 1, 1]


def test_a_firm_quarter_without_an_outcome_is_unknown_not_healthy(vintages, world):
    labels = world.labels().filter(pl.col("firm_id") != "a4")
    rows = panel(vintages, labels)
    assert set(rows.truth[rows.firms == "a4"].tolist()) == {UNKNOWN}
    assert (rows.truth == UNKNOWN).sum() == 2


def test_outcomes_may_come_in_any_order(rows, vintages, world):
    shuffled = panel(vintages, world.labels().sample(fraction=1, shuffle=True, seed=4))
    np.testing.assert_array_equal(rows.truth, shuffled.truth)


def test_a_firm_keeps_one_community_in_all_vintages(communities, world):
    assert communities == {firm: firm[0] + "1" for firm in world.FIRMS}


def samples_of(rows, communities, portfolio, out_of_time=Q2, published=None):
    quarters = sorted({Quarter.parse(quarter) for quarter in rows.quarters.tolist()})
    plan = VintagePlan(tuple(quarter for quarter in quarters if quarter != out_of_time), out_of_time)
    return dealt_samples(rows, Membership(communities, communities), published, portfolio, plan)


def test_no_community_lies_in_two_samples_of_one_time(rows, communities, world):
    dealt, missing = samples_of(rows, communities, world.portfolio())
    assert missing == {}
    inside = dealt.filter(~pl.col("sample").is_in(["out_of_time", "out_of_both", "excluded"]))
    assert inside.group_by("community").agg(pl.col("sample").n_unique())["sample"].unique().to_list() == [1]
    assert set(inside["sample"]) == {"development", "validation", "out_of_community"}
    assert dealt["firm_id"].to_list() == rows.firms.tolist()
    assert dealt["quarter"].to_list() == rows.quarters.tolist()


def test_the_out_of_time_vintage_is_dealt_by_whether_its_communities_are_known(rows, communities, world):
    dealt, _ = samples_of(rows, communities, world.portfolio())
    later = pl.col("sample").is_in(["out_of_time", "out_of_both"])
    assert dealt.filter(later)["quarter"].unique().to_list() == ["2023Q2"]
    assert dealt.filter(pl.col("quarter") == "2023Q2").filter(~later).is_empty()
    held = set(dealt.filter(pl.col("sample") == "out_of_community")["community"])
    assert set(dealt.filter(pl.col("sample") == "out_of_both")["community"]) == held
    assert not held & set(dealt.filter(pl.col("sample") == "out_of_time")["community"])


@given(st.integers(0, 30))
def test_no_seed_puts_a_community_into_two_samples(rows, communities, world, seed):
    split = {"validation_share": 0.25, "out_of_community_share": 0.25, "seed": seed}
    dealt, _ = samples_of(rows, communities, world.portfolio(split=split), out_of_time=None)
    counts = dealt.group_by("community").agg(pl.col("sample").n_unique())
    assert counts["sample"].max() == 1


def test_a_firm_quarter_without_outcome_is_in_no_sample(vintages, communities, world):
    rows = panel(vintages, world.labels().filter(pl.col("firm_id") != "a4"))
    dealt, _ = samples_of(rows, communities, world.portfolio())
    assert dealt.filter(pl.col("firm_id") == "a4")["sample"].unique().to_list() == ["excluded"]
    assert dealt.filter(pl.col("firm_id") != "a4")["sample"].is_in(["excluded"]).sum() == 0


def test_outcomes_out_of_time_do_not_steer_the_deal(vintages, communities, world):
    flipped = world.labels().with_columns(
        outcome=pl.when(pl.col("vintage") == "2023Q2").then(1 - pl.col("outcome")).otherwise("outcome")
    )
    one, _ = samples_of(panel(vintages, world.labels()), communities, world.portfolio())
    other, _ = samples_of(panel(vintages, flipped), communities, world.portfolio())
    assert one.equals(other)


def test_with_too_few_communities_firms_are_dealt_and_the_reason_is_kept(rows, world):
    together = dict.fromkeys(world.FIRMS, "a1")
    dealt, missing = samples_of(rows, together, world.portfolio(), out_of_time=None)
    assert missing == {
        Sample.OUT_OF_COMMUNITY: "too few communities to hold any out: 1 communities, "
        "the largest with 100% of the firm-quarters"
    }
    assert set(dealt["sample"]) == {"development", "validation"}
    both = dealt.group_by("firm_id").agg(pl.col("sample").n_unique())
    assert both["sample"].max() == 1, "both quarters of a firm lie in the same sample"


@pytest.fixture
def published(world):
    data = world.portfolio().model_dump(mode="json")
    data |= {"quarter": "2023Q1"}
    data["target"]["horizon_quarters"] = 0
    data["firms"]["columns"].append(
        {"name": "part", "kind": "category", "role": "split", "values": ["train", "valid", "test"]}
    )
    data["split"] |= {
        "schemes": ["published", "community"],
        "published": {"development": ["train"], "validation": ["valid"], "published_test": ["test"]},
    }
    return PortfolioSpec.model_validate(data)


def test_each_scheme_deals_all_firm_quarters_once(vintages, communities, world, published):
    rows = panel(vintages[:1], world.labels())
    values = pl.Series([["train", "valid", "test", "other"][place % 4] for place in range(len(rows.truth))])
    dealt, _ = samples_of(rows, communities, published, out_of_time=None, published=values)
    assert dealt["scheme"].to_list() == ["published"] * 29 + ["community"] * 29
    first = dealt.filter(pl.col("scheme") == "published")
    assert first["sample"].to_list()[:4] == ["development", "validation", "published_test", "excluded"]
    second = dealt.filter(pl.col("scheme") == "community")
    assert set(second["sample"]) == {"development", "validation", "out_of_community"}


@pytest.mark.parametrize(("sample", "value"), [("development", "train"), ("validation", "valid")])
def test_a_sample_with_one_class_only_is_an_error_that_says_so(vintages, communities, world, published, sample, value):
    rows = panel(vintages[:1], world.labels())
    healthy = pl.Series(rows.truth) == 0
    other = "valid" if value == "train" else "train"
    values = pl.select(
        pl.when(healthy & (pl.int_range(29) % 2 == 0)).then(pl.lit(value)).otherwise(pl.lit(other))
    ).to_series()
    with pytest.raises(NotEnoughData) as error:
        samples_of(rows, communities, published, out_of_time=None, published=values)
    count = int((values == value).sum())
    assert str(error.value) == (
        f"The {sample} sample has outcomes of one class only.\n"
        "  expected: at least two of the classes 0, 1\n"
        f"  found: {count} firm-quarters, all '0'\n"
        "  way out: deliver more outcomes, take more `development_vintages`, or change the shares under `split`"
    )


def test_an_empty_sample_is_an_error_too(vintages, communities, world, published):
    rows = panel(vintages[:1], world.labels())
    values = pl.Series(["train"] * 29)
    with pytest.raises(NotEnoughData, match="found: no firm-quarter"):
        samples_of(rows, communities, published, out_of_time=None, published=values)


def test_the_summary_counts_every_sample(rows, communities, world):
    dealt, _ = samples_of(rows, communities, world.portfolio())
    summary = split_summary(dealt, rows, {"published_test": "none"}, ("0", "1"))
    assert summary.missing == {"published_test": "none"}
    assert [one.sample for one in summary.samples] == [
        Sample.DEVELOPMENT,
        Sample.VALIDATION,
        Sample.OUT_OF_COMMUNITY,
        Sample.OUT_OF_TIME,
        Sample.OUT_OF_BOTH,
    ]
    known, new = summary.samples[-2:]
    assert (known.firm_quarters + new.firm_quarters, known.communities + new.communities) == (30, 5)
    assert {name: known.outcomes[name] + new.outcomes[name] for name in known.outcomes} == {"0": 23, "1": 7}
    assert known.vintages == new.vintages == (Q2,)
    assert {one.scheme for one in summary.samples} == {Scheme.COMMUNITY}
    assert sum(one.firm_quarters for one in summary.samples) == 59
    assert sum(one.outcomes["1"] for one in summary.samples) == 14
