"""Each scheme deals the same firm-quarters its own way; what is held out by firm and by time is kept apart."""

import numpy as np
import polars as pl
import pytest

from models.memberships import Membership, memberships
from models.panel import UNKNOWN, Panel
from models.samples import dealt_samples, scheme_samples
from models.vintages import vintage_plan
from schemas.errors import DeliveryRefused, NotEnoughData, PortfolioError
from schemas.splits import SplitSpec
from schemas.terms import Quarter, Sample, Scheme

VINTAGES = [Quarter(2021, 1).shifted(step) for step in range(8)]
NOW = VINTAGES[-1].shifted(1)
FIRMS = 200


@pytest.fixture(scope="module")
def rows(graphs):
    """Two hundred firms in twenty communities, seen in eight quarters; the last ten are new in the newest."""
    rng = np.random.default_rng(3)
    names = np.array([f"f{number:03d}" for number in range(FIRMS)])
    quarters = np.repeat([str(vintage) for vintage in VINTAGES], FIRMS)
    firms = np.tile(names, len(VINTAGES))
    truth = (rng.random(len(firms)) < 0.2).astype(np.int64)
    truth[(firms >= "f190") & (quarters != str(VINTAGES[-1]))] = UNKNOWN
    graph = graphs.graph_of(
        [f"{quarter} {firm}" for quarter, firm in zip(quarters, firms, strict=True)], {"supply": []}
    )
    return Panel(graph, quarters, firms, truth)


@pytest.fixture(scope="module")
def members(rows):
    communities = {firm: f"c{int(firm[1:]) // 10:02d}" for firm in np.unique(rows.firms).tolist()}
    return Membership(communities, communities)


def portfolio_of(world, *schemes, **split):
    return world.portfolio(split={"schemes": list(schemes), "development_vintages": 3, **split})


def dealt_by(scheme, rows, members, portfolio):
    plan = vintage_plan(NOW, 1, portfolio.split, VINTAGES)
    samples, _ = scheme_samples(scheme, rows, members, None, portfolio, plan)
    return pl.DataFrame({"quarter": rows.quarters, "firm": rows.firms, "truth": rows.truth, "sample": samples})


def quarters_of(dealt, sample):
    return sorted(set(dealt.filter(pl.col("sample") == sample)["quarter"]))


def test_time_is_validated_on_the_newest_vintages_after_an_embargo(rows, members, world):
    portfolio = portfolio_of(world, "temporal", validation_vintages=2)
    dealt = dealt_by(Scheme.TEMPORAL, rows, members, portfolio)
    assert quarters_of(dealt, "out_of_time") == ["2022Q4"]
    assert quarters_of(dealt, "validation") == ["2022Q2", "2022Q3"]
    assert quarters_of(dealt, "development") == ["2021Q3", "2021Q4", "2022Q1"]
    assert set(dealt["sample"]) == {"out_of_time", "validation", "development", "excluded"}


def test_entities_lie_in_one_sample_each_and_have_the_same_mix_of_outcomes(rows, members, world):
    dealt = dealt_by(Scheme.ENTITY, rows, members, portfolio_of(world, "entity"))
    in_time = dealt.filter(pl.col("sample").is_in(["development", "validation", "unseen_firms"]))
    assert in_time.group_by("firm").agg(pl.col("sample").n_unique())["sample"].max() == 1
    ever = in_time.group_by("firm").agg(pl.col("truth").max(), pl.col("sample").first())
    rates = dict(ever.group_by("sample").agg(pl.col("truth").mean()).iter_rows())
    assert max(rates.values()) - min(rates.values()) < 0.05
    shares = dict(ever.group_by("sample").agg(pl.len() / ever.height).iter_rows())
    assert shares == pytest.approx({"development": 0.6, "validation": 0.2, "unseen_firms": 0.2}, abs=0.02)


def test_firms_that_are_new_in_the_newest_vintage_are_held_out_of_both(rows, members, world):
    dealt = dealt_by(Scheme.ENTITY, rows, members, portfolio_of(world, "entity"))
    held = set(dealt.filter(pl.col("sample") == "unseen_firms")["firm"])
    both = set(dealt.filter(pl.col("sample") == "out_of_both")["firm"])
    assert both == held | {f"f{number}" for number in range(190, 200)}
    assert not both & set(dealt.filter(pl.col("sample") == "out_of_time")["firm"])


def test_random_rows_let_firms_lie_on_both_sides(rows, members, world):
    portfolio = portfolio_of(world, "community", "random")
    dealt = dealt_by(Scheme.RANDOM, rows, members, portfolio)
    in_time = dealt.filter(pl.col("sample").is_in(["development", "validation", "random_test"]))
    assert in_time.group_by("firm").agg(pl.col("sample").n_unique())["sample"].max() > 1
    shares = dict(in_time.group_by("sample").agg(pl.len() / in_time.height).iter_rows())
    assert shares == pytest.approx({"development": 0.6, "validation": 0.2, "random_test": 0.2}, abs=0.06)


@pytest.mark.parametrize("scheme", [Scheme.ENTITY, Scheme.RANDOM, Scheme.COMMUNITY])
def test_vintages_that_only_other_schemes_need_are_left_out(rows, members, world, scheme):
    portfolio = portfolio_of(world, "community", "temporal", origins=4)
    dealt = dealt_by(scheme, rows, members, portfolio)
    kept = dealt.filter(pl.col("sample") != "excluded")
    assert sorted(set(kept["quarter"])) == ["2022Q1", "2022Q2", "2022Q3", "2022Q4"]


@pytest.mark.parametrize("scheme", [Scheme.ENTITY, Scheme.RANDOM])
def test_the_seed_decides_and_the_order_of_rows_does_not(rows, members, world, scheme):
    portfolio = portfolio_of(world, "community")
    first = dealt_by(scheme, rows, members, portfolio)
    other = dealt_by(scheme, rows, members, portfolio_of(world, "community", seed=1))
    assert first["sample"].to_list() != other["sample"].to_list()
    order = np.random.default_rng(0).permutation(len(rows.firms))
    shuffled = Panel(rows.graph, rows.quarters[order], rows.firms[order], rows.truth[order])
    again = dealt_by(scheme, shuffled, members, portfolio)
    assert first.sort("quarter", "firm").equals(again.sort("quarter", "firm"))


def test_a_firm_more_or_less_moves_hardly_any_other(rows, members, world):
    portfolio = portfolio_of(world, "entity")
    first = dealt_by(Scheme.ENTITY, rows, members, portfolio)
    keep = rows.firms != "f000"
    fewer = Panel(rows.graph, rows.quarters[keep], rows.firms[keep], rows.truth[keep])
    again = dealt_by(Scheme.ENTITY, fewer, members, portfolio)
    joined = first.join(again, on=["quarter", "firm"], suffix="_again")
    moved = joined.filter(pl.col("sample") != pl.col("sample_again"))["firm"].n_unique()
    assert moved <= 3


def test_without_earlier_vintages_time_cannot_be_a_scheme_and_the_way_out_is_named(rows, members, world):
    portfolio = portfolio_of(world, "temporal", development_vintages=1)
    plan = vintage_plan(VINTAGES[2], 1, portfolio.split, VINTAGES[:2])
    with pytest.raises(NotEnoughData, match=r"leave `temporal` out of `split\.schemes`"):
        dealt_samples(rows, members, None, portfolio, plan)


def test_without_communities_held_out_the_reason_is_kept(rows, members, world):
    portfolio = portfolio_of(world, "entity")
    _, missing = dealt_samples(rows, members, None, portfolio, vintage_plan(NOW, 1, portfolio.split, VINTAGES))
    assert missing == {Sample.OUT_OF_COMMUNITY: "the portfolio's split holds no communities out"}


@pytest.mark.parametrize("firms_from", ["unseen_communities", None])
def test_scores_for_unseen_communities_are_not_validated_on_single_firms(rows, world, firms_from):
    alike = Membership(dict.fromkeys(rows.firms.tolist(), "c0"), dict.fromkeys(rows.firms.tolist(), "c0"))
    split = {"schemes": ["community"], "development_vintages": 3}
    portfolio = world.portfolio(split=split, use={"firms_from": firms_from} if firms_from else None)
    if firms_from is None:
        assert Sample.VALIDATION in set(dealt_by(Scheme.COMMUNITY, rows, alike, portfolio)["sample"])
        return
    with pytest.raises(NotEnoughData, match="no communities to validate on"):
        dealt_by(Scheme.COMMUNITY, rows, alike, portfolio)


class TestGivenPartition:
    """Groups come from the delivery; named ones are held out as named, the others are dealt."""

    def spec(self, world, **partition):
        given = {"file": "folds.csv", "firm_id": "id", "group": "fold", **partition}
        return world.portfolio(split={"partition": given, "validation_share": 0.25, "out_of_community_share": 0.25})

    def given(self, world, **extra):
        rows = [
            {"firm_id": firm, "group": firm[0], "community": f"{firm[0]}{int(firm[1]) % 2}"} for firm in world.FIRMS
        ]
        return pl.DataFrame([*rows, *extra.get("more", [])])

    def samples(self, world, vintages_, portfolio, given):
        found = memberships(vintages_, given, portfolio)
        rows = _panel_of(vintages_, world)
        plan = vintage_plan(Quarter(2023, 3), 1, portfolio.split, [Quarter(2023, 1), Quarter(2023, 2)])
        dealt, _ = dealt_samples(rows, found, None, portfolio, plan)
        return dealt

    def test_its_groups_are_dealt_and_its_communities_are_kept_for_intervals(self, world, vintages_):
        portfolio = self.spec(world, community="community")
        dealt = self.samples(world, vintages_, portfolio, self.given(world))
        assert set(dealt["group"]) == {"a", "b", "c", "d", "z"}
        assert set(dealt["community"]) == {"a0", "a1", "b0", "b1", "c0", "c1", "d0", "d1", "z1"}
        inside = dealt.filter(pl.col("sample").is_in(["development", "validation", "out_of_community"]))
        assert inside.group_by("group").agg(pl.col("sample").n_unique())["sample"].max() == 1

    def test_without_communities_of_its_own_the_groups_are_the_communities(self, world, vintages_):
        dealt = self.samples(world, vintages_, self.spec(world), self.given(world))
        assert dealt["group"].to_list() == dealt["community"].to_list()

    @pytest.mark.parametrize("held", ["a", "b", "c"])
    def test_a_named_group_is_held_out_and_the_rest_is_dealt(self, world, vintages_, held):
        dealt = self.samples(world, vintages_, self.spec(world, out_of_community=[held]), self.given(world))
        groups = {sample: set(rows["group"]) for (sample,), rows in dealt.group_by("sample")}
        assert groups["out_of_community"] == groups["out_of_both"] == {held}
        assert held not in groups["validation"] | groups["development"] | groups["out_of_time"]

    def test_both_samples_may_be_named(self, world, vintages_):
        portfolio = self.spec(world, out_of_community=["a"], validation=["b", "z"])
        dealt = self.samples(world, vintages_, portfolio, self.given(world))
        groups = {sample: set(rows["group"]) for (sample,), rows in dealt.group_by("sample")}
        assert (groups["out_of_community"], groups["validation"]) == ({"a"}, {"b", "z"})
        assert groups["development"] == {"c", "d"}

    def test_a_group_that_nobody_is_in_is_a_mistake_of_the_portfolio(self, world, vintages_):
        with pytest.raises(PortfolioError) as error:
            self.samples(world, vintages_, self.spec(world, validation=["q"]), self.given(world))
        assert "expected: some of a, b, c, d, z" in str(error.value)
        assert "found: q" in str(error.value)

    def test_naming_all_but_one_group_leaves_too_few(self, world, vintages_):
        portfolio = self.spec(world, out_of_community=["a", "b", "c", "z"])
        with pytest.raises(NotEnoughData, match="leave too few others"):
            self.samples(world, vintages_, portfolio, self.given(world))

    def test_a_firm_without_a_group_is_refused_with_its_name(self, world, vintages_):
        given = self.given(world).filter(~pl.col("firm_id").is_in(["a4", "z1"]))
        with pytest.raises(DeliveryRefused) as error:
            self.samples(world, vintages_, self.spec(world), given)
        assert "found: none for 2: a4, z1" in str(error.value)

    def test_firms_that_have_left_may_be_in_it(self, world, vintages_):
        more = [{"firm_id": "gone", "group": "q", "community": "q"}]
        assert "q" not in set(self.samples(world, vintages_, self.spec(world), self.given(world, more=more))["group"])

    def test_a_stored_split_is_a_partition_that_deals_the_same_again(self, world, vintages_):
        detected = world.portfolio()
        stored = self.samples(world, vintages_, detected, None)
        portfolio = self.spec(world, group="group", community="community")
        again = self.samples(world, vintages_, portfolio, stored.select("firm_id", "group", "community"))
        assert again.equals(stored)


@pytest.fixture(scope="module")
def vintages_(world):
    from models.corporate_graph import corporate_graph

    return [corporate_graph(world.admitted_tables(), world.portfolio(), Quarter(2023, n).end) for n in (1, 2)]


def _panel_of(graphs, world):
    from models.panel import panel

    return panel(graphs, world.labels())


def test_the_default_split_is_by_communities():
    assert SplitSpec().schemes == (Scheme.COMMUNITY,)
