"""Fair lending of a contest: decisions on the quarter, outcomes on held-out rows, the network part as declared."""

import numpy as np
import polars as pl
import pytest

from models.evaluation import Contest, Dealt, FittedFacts, evaluation
from models.panel import Panel
from monitoring.fair_lending_measures import ScoredQuarter, fair_lending
from schemas.results import Homophily
from schemas.terms import Sample, Scheme

COUNT = 480
CANDIDATES = (
    {"name": "plain", "kind": "logistic"},
    {"name": "related", "kind": "logistic", "features": "neighbour"},
    {"name": "sage", "kind": "graphsage"},
)
RURAL = np.arange(COUNT) % 3 == 0
FIRMS = np.array([f"f{number:03d}" for number in range(COUNT)])
REGIONS = pl.DataFrame({"firm_id": FIRMS, "region": np.where(RURAL, "rural", "urban")})
TRUTH = (np.random.default_rng(3).random(COUNT) < 0.3).astype(np.int64)


def risk(*, rural_burden, skill=1.5):
    """Return probabilities that know the outcome a little and hold it against rural firms to be rural."""
    drawn = np.random.default_rng(4).normal(scale=0.7, size=COUNT)
    positive = 1 / (1 + np.exp(-(skill * (TRUTH - 0.5) + rural_burden * RURAL + drawn - 0.6)))
    return np.stack([1 - positive, positive], axis=1)


def measured(world, graphs, burdens, *, candidates=CANDIDATES, edges_removed=None, regions=REGIONS, **changes):
    samples = np.array(["development", "validation", "out_of_community", "out_of_time"])[np.arange(COUNT) // 4 % 4]
    portfolio = world.portfolio(candidates=candidates, evaluation={"bootstrap_draws": 60}, **changes)
    probabilities = {c["name"]: risk(**burdens[c["name"]]) for c in candidates}
    contest = Contest(
        portfolio=portfolio,
        rows=Panel(
            graphs.graph_of(list(FIRMS), {"supply": [("f000", "f001")]}), np.full(COUNT, "2023Q1"), FIRMS, TRUTH
        ),
        dealt={Scheme.COMMUNITY: Dealt(samples, np.array([f"c{row // 8:02d}" for row in range(COUNT)]))},
        probabilities={(Scheme.COMMUNITY, name): found for name, found in probabilities.items()},
        facts={c["name"]: FittedFacts("h", 1.0, 1, {}) for c in candidates},
    )
    result = evaluation(contest)
    quarter = ScoredQuarter(FIRMS, regions, probabilities)
    alike = (
        Homophily(relation="supply", attribute="region", edges=1, value=0.3),
        Homophily(relation="supply", attribute="known outcome", edges=1, value=0.1),
    )
    return fair_lending(contest, result, quarter, regions.select("region"), alike, edges_removed), result


ALIKE = {"plain": {"rural_burden": 0.0}, "related": {"rural_burden": 1.5}, "sage": {"rural_burden": 1.5}}


@pytest.fixture(scope="module")
def found(world, graphs):
    burdens = ALIKE | {"related": {"rural_burden": 3.0, "skill": 5.0}}
    return measured(world, graphs, burdens)[0]


def rural(score):
    return next(group for group in score.single if group.name == "rural")


def test_the_chosen_candidate_is_measured_on_the_quarter_and_on_held_out_rows(found):
    assert found.candidate == "related"
    assert found.firms == COUNT
    assert found.samples == (Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME)
    group = rural(found.combined)
    assert (group.firms, group.outcomes) == (160, 80), "half of the rows are held out"
    assert group.impact_ratio.value < 0.8
    assert group.opportunity_difference.high < 0
    assert group.calibration_gap.value > 0, "rural firms are taken for riskier than they were"


def test_the_network_part_is_what_the_plain_partner_does_not_say(found):
    network = found.network
    assert (network.candidate, network.chosen, network.method, network.partner) == (
        "related", True, "plain partner", "plain",
    )  # fmt: skip
    alone, part = network.of("without partners"), network.of("network part")
    assert rural(alone).impact_ratio.value > 0.9
    assert rural(part).impact_ratio.value < rural(network.of("combined")).impact_ratio.value
    moved = {one.group: one for one in network.moved}
    assert moved["rural"].to_unfavourable > moved["rural"].to_favourable


def test_the_part_is_calibrated_where_it_moves_a_group_by_what_outcomes_ask_for(found):
    whole, alone, part = (rural(found.network.of(score)) for score in ("combined", "without partners", "network part"))
    assert part.mean_estimate == pytest.approx(whole.mean_estimate - alone.mean_estimate)
    assert part.mean_observed == pytest.approx(whole.mean_observed - alone.mean_estimate)
    assert part.calibration_gap.value == pytest.approx(whole.calibration_gap.value)


def test_a_network_without_a_partner_is_shown_no_edge(world, graphs):
    asked = []

    def edges_removed(spec):
        asked.append(spec.name)
        return risk(rural_burden=0.0), risk(rural_burden=0.0)

    burdens = ALIKE | {"sage": {"rural_burden": 1.5, "skill": 4.0}}
    network = measured(world, graphs, burdens, candidates=CANDIDATES[::2], edges_removed=edges_removed)[0].network
    assert asked == ["sage"]
    assert (network.candidate, network.method, network.partner) == ("sage", "edges removed", None)
    assert rural(network.of("without partners")).impact_ratio.value > 0.9


def test_a_chosen_candidate_without_the_graph_has_the_best_one_with_it_examined(world, graphs):
    burdens = ALIKE | {"plain": {"rural_burden": 0.0, "skill": 4.0}}
    fair = measured(world, graphs, burdens)[0]
    assert fair.candidate == "plain"
    assert (fair.network.candidate, fair.network.chosen) == ("related", False)
    assert rural(fair.combined) != rural(fair.network.of("combined"))
    assert measured(world, graphs, burdens, candidates=CANDIDATES[:1])[0].network is None


def test_every_candidate_is_an_alternative(found):
    assert [one.candidate for one in found.alternatives] == ["plain", "related", "sage"]
    assert [one.chosen for one in found.alternatives] == [False, True, False]


def test_only_attributes_have_their_homophily_and_unknown_values_are_counted(world, graphs):
    some = REGIONS.with_columns(region=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise(pl.col("region")))
    fair = measured(world, graphs, ALIKE, regions=some)[0]
    assert fair.unknown == {"region": 7}
    assert [one.attribute for one in fair.homophily] == ["region"]


def test_a_portfolio_without_attributes_is_not_measured(world, graphs):
    firms = world.portfolio().firms
    plain = firms.model_copy(update={"columns": tuple(one for one in firms.columns if one.name != "region")})
    assert measured(world, graphs, ALIKE, firms=plain.model_dump(mode="json"))[0] is None
