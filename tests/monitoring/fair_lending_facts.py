"""Groups measured by hand for tests of documents: 410 firms, of whom the islands are too few to judge."""

from __future__ import annotations

import numpy as np
import polars as pl

from monitoring.group_measures import Resampled, ScoredRows, groupings, score_fairness
from schemas.fair_lending import Alternative, FairLending, FairnessTrend, MovedDecisions, NetworkFairness, Score
from schemas.portfolio import ColumnSpec
from schemas.results import Homophily, Interval
from schemas.specs import GatesSpec
from schemas.terms import Family, Quarter, Sample

_FIRMS = 410


def measured_groups(text: str = "") -> tuple[FairLending, tuple[FairnessTrend, ...]]:
    """Return what is measured of `region` and `industry`, and one trend; `text` is in every name that is delivered."""
    rural, mining = text or "rural", text or "energy"
    region = ColumnSpec(
        name="region",
        kind="category",
        role="protected",
        values=("urban", rural, f"islands {text}".strip()),
        reference="urban",
    )
    industry = ColumnSpec(name="industry", kind="category", values=("retail", mining), reference="retail")
    place = np.arange(_FIRMS)
    regions = np.where(place < 300, "urban", np.where(place < 400, region.values[1], region.values[2]))
    table = pl.DataFrame({"region": regions, "industry": np.where(place % 3 == 0, mining, "retail")})
    communities = Resampled(np.array([f"c{row // 5}" for row in place]), draws=60, seed=0)
    well = place % 10 != 0

    def by_score(score: Score, rural_rate: int):
        favourable = np.where(regions == "urban", place % 10 < 9, place % 10 < rural_rate)
        known = ScoredRows(table, communities, favourable, np.full(_FIRMS, 0.15), (~well).astype(float), well)
        scored = ScoredRows(table, communities, favourable)
        return score_fairness(score, scored, known, groupings([region], [industry]), GatesSpec())

    scores = (by_score("combined", 7), by_score("without partners", 8), by_score("network part", 5))
    fair = FairLending(
        candidate="lightgbm_neighbour",
        firms=_FIRMS,
        samples=(Sample.OUT_OF_COMMUNITY, Sample.OUT_OF_TIME),
        unknown={"region": 3, "industry": 0},
        combined=scores[0],
        network=NetworkFairness(
            candidate="lightgbm_neighbour",
            chosen=True,
            method="plain partner",
            partner="lightgbm_own",
            scores=scores,
            moved=tuple(
                MovedDecisions(attribute=column.name, group=name, firms=100, to_favourable=4, to_unfavourable=11)
                for column in (region, industry)
                for name in column.values
            ),
        ),
        homophily=(
            Homophily(relation="supply", attribute="region", edges=9732, value=0.412),
            Homophily(relation="supply", attribute="industry", edges=9732, value=None),
        ),
        alternatives=tuple(
            Alternative(
                candidate=name,
                family=Family.TABULAR,
                chosen=name == "lightgbm_neighbour",
                favourable_rate=0.84,
                auc=Interval(value=0.7, low=0.68, high=0.72),
                auc_difference=Interval(value=None)
                if name == "lightgbm_neighbour"
                else Interval(value=-0.01, low=-0.03, high=0.01),
                worst_ratio=Interval(value=ratio, low=ratio - 0.05, high=ratio + 0.05),
                worst_group=f"region: {rural}",
                ratio_difference=Interval(value=None)
                if name == "lightgbm_neighbour"
                else Interval(value=ratio - 0.778, low=ratio - 0.8, high=ratio - 0.75),
            )
            for name, ratio in (("logistic_own", 0.889), ("lightgbm_own", 0.77), ("lightgbm_neighbour", 0.778))
        ),
    )
    quarters = tuple(Quarter(2023, 2).shifted(number) for number in range(4))
    trend = FairnessTrend(
        statistic="impact ratio", score="combined", attribute="region", group=rural, quarters=quarters,
        values=(0.9, None, 0.85, 0.778),
    )  # fmt: skip
    return fair, (trend,)
