"""Measuring fair lending: every group by the chosen candidate's score, and by what a candidate owes to the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix
from models.evaluation import Contest, cut_off
from models.network_part import as_many_favoured, examined_candidate, plain_partner
from models.scoring import favourable, predicted_classes, unfavourable_probability
from monitoring.group_measures import Flags, Floats, Grouping, Resampled, ScoredRows, groupings, score_fairness
from monitoring.less_discriminatory import Compared, compared_alternatives
from schemas.candidates import CandidateSpec
from schemas.fair_lending import FairLending, MovedDecisions, NetworkFairness, Score, ScoreFairness
from schemas.results import Evaluation, Homophily
from schemas.terms import GATED_SAMPLES, Sample

#: A candidate's probabilities when no firm has a partner: of the quarter's firms, and of the panel's firm-quarters.
EdgesRemoved = Callable[[CandidateSpec], tuple[FloatMatrix, FloatMatrix]]


class Scores(NamedTuple):
    """A score of the quarter's firms and of the held-out firm-quarters, and whom it favours."""

    of_firm: Floats
    favours_firm: Flags
    of_row: Floats
    favours_row: Flags


@dataclass(frozen=True)
class ScoredQuarter:
    """The firms of a refresh's quarter.

    Attributes
    ----------
    firms : (n,) str
    attributes
        ``firm_id`` and the protected and watched columns of that quarter's firms, in any order.
    probabilities
        By candidate, (n, classes), under the primary scheme.
    """

    firms: NDArray[np.str_]
    attributes: pl.DataFrame
    probabilities: Mapping[str, FloatMatrix]


def fair_lending(
    contest: Contest,
    evaluation: Evaluation,
    quarter: ScoredQuarter,
    row_attributes: pl.DataFrame,
    homophily: Iterable[Homophily],
    edges_removed: EdgesRemoved,
) -> FairLending | None:
    """Measure the groups of every protected and watched attribute; None if the portfolio declares none.

    Impact ratios are of the firms that are scored in the quarter, whose outcomes are not known yet; opportunity and
    calibration are of the held-out samples with gates under the primary scheme, whose model is the one that scores.

    Parameters
    ----------
    row_attributes
        The protected and watched columns of each firm-quarter of the panel, in its order.
    edges_removed
        Asked only where the candidate that is examined has no plain partner.
    """
    portfolio = contest.portfolio
    columns = (*portfolio.protected_columns, *portfolio.watched_columns)
    if not columns:
        return None
    measured = _Measured(contest, evaluation, quarter, row_attributes)
    chosen = measured.candidate(evaluation.chosen)
    names = [column.name for column in columns]
    return FairLending(
        candidate=evaluation.chosen,
        firms=len(quarter.firms),
        samples=measured.samples,
        unknown={name: measured.attributes[name].null_count() for name in names},
        combined=measured.by_score("combined", chosen),
        network=_network(measured, edges_removed),
        homophily=tuple(one for one in homophily if one.attribute in names),
        alternatives=compared_alternatives(
            Compared(
                attributes=measured.attributes,
                resampled=measured.firms,
                favourable={one.name: measured.candidate(one.name).favours_firm for one in evaluation.candidates},
                risk={one.name: measured.candidate(one.name).of_firm for one in evaluation.candidates},
                validation=contest.sample_rows(Sample.VALIDATION, contest.primary),
            ),
            evaluation,
            portfolio,
        ),
    )


class _Measured:
    """Firms and held-out firm-quarters with attributes, communities, outcomes and scores."""

    def __init__(
        self, contest: Contest, evaluation: Evaluation, quarter: ScoredQuarter, row_attributes: pl.DataFrame
    ) -> None:
        self.contest, self.evaluation, self.quarter, self.portfolio = contest, evaluation, quarter, contest.portfolio
        self.groups = groupings(self.portfolio.protected_columns, self.portfolio.watched_columns)
        self.attributes = pl.DataFrame({"firm_id": quarter.firms}).join(
            quarter.attributes, on="firm_id", how="left", maintain_order="left", validate="m:1"
        )
        dealt = contest.dealt[contest.primary]
        self.samples = tuple(sample for sample in GATED_SAMPLES if dealt.rows(sample).any())
        self.held_out = np.isin(dealt.samples, [str(sample) for sample in self.samples])
        self.row_attributes = row_attributes.filter(self.held_out)
        self.turned_out_well = favourable(contest.rows.truth[self.held_out], self.portfolio.target)

    @cached_property
    def firms(self) -> Resampled:
        """The quarter's firms by their community among the pooled ones; one that is new stands for itself."""
        pooled = self.contest.dealt[self.contest.primary].communities
        of_firm = dict(zip(self.contest.rows.firms.tolist(), pooled.tolist(), strict=True))
        named = [of_firm.get(firm, f"firm {firm}") for firm in self.quarter.firms.tolist()]
        return self._resampled(np.array(named, dtype=np.str_))

    @cached_property
    def rows(self) -> Resampled:
        """The held-out firm-quarters by community."""
        return self._resampled(self.contest.dealt[self.contest.primary].communities[self.held_out])

    def _resampled(self, communities: NDArray[np.str_]) -> Resampled:
        settings = self.portfolio.evaluation
        return Resampled(communities, draws=settings.bootstrap_draws, seed=settings.seed)

    def candidate(self, name: str) -> Scores:
        """Return the score of a candidate."""
        return self.scored(
            name, self.quarter.probabilities[name], self.contest.probabilities[self.contest.primary, name]
        )

    def scored(self, name: str, of_firms: FloatMatrix, of_panel: FloatMatrix) -> Scores:
        """Cut probabilities off where a candidate is cut off."""
        spec = next(one for one in self.portfolio.candidates if one.name == name)
        threshold, target = cut_off(self.contest, spec, self.contest.primary), self.portfolio.target
        of_rows = of_panel[self.held_out]
        return Scores(
            unfavourable_probability(of_firms, target),
            favourable(predicted_classes(of_firms, target, threshold), target),
            unfavourable_probability(of_rows, target),
            favourable(predicted_classes(of_rows, target, threshold), target),
        )

    def by_score(self, score: Score, found: Scores, explained: Floats | None = None) -> ScoreFairness:
        """Measure every group; `explained`, (held-out rows,), is taken from the outcomes before they are compared."""
        scored = ScoredRows(self.attributes, self.firms, found.favours_firm)
        known = None
        if self.samples:
            observed = (~self.turned_out_well).astype(np.float64)
            known = ScoredRows(
                attributes=self.row_attributes,
                resampled=self.rows,
                favourable=found.favours_row,
                estimate=found.of_row,
                observed=observed if explained is None else observed - explained,
                turned_out_well=self.turned_out_well,
            )
        return score_fairness(score, scored, known, self.groups, self.portfolio.gates)


def _network(measured: _Measured, edges_removed: EdgesRemoved) -> NetworkFairness | None:
    validation = {one.name: one.samples.get(Sample.VALIDATION) for one in measured.evaluation.candidates}
    auc = {name: found.metrics["auc"].value if found else None for name, found in validation.items()}
    spec = examined_candidate(measured.contest, measured.evaluation.chosen, auc)
    if spec is None:
        return None
    partner = plain_partner(measured.portfolio, spec)
    whole = measured.candidate(spec.name)
    alone = measured.candidate(partner) if partner else measured.scored(spec.name, *edges_removed(spec))
    of_firm, of_row = whole.of_firm - alone.of_firm, whole.of_row - alone.of_row
    part = Scores(
        of_firm,
        as_many_favoured(of_firm, whole.favours_firm),
        of_row,
        as_many_favoured(of_row, whole.favours_row),
    )
    return NetworkFairness(
        candidate=spec.name,
        chosen=spec.name == measured.evaluation.chosen,
        method="plain partner" if partner else "edges removed",
        partner=partner,
        scores=(
            measured.by_score("combined", whole),
            measured.by_score("without partners", alone),
            measured.by_score("network part", part, explained=alone.of_row),
        ),
        moved=tuple(
            moved
            for grouping in measured.groups
            if len(grouping.columns) == 1
            for moved in _moved(grouping, measured.attributes, whole, alone)
        ),
    )


def _moved(grouping: Grouping, attributes: pl.DataFrame, whole: Scores, alone: Scores) -> Iterable[MovedDecisions]:
    codes = grouping.codes(attributes)
    for place, (group,) in enumerate(grouping.groups):
        there = codes == place
        yield MovedDecisions(
            attribute=grouping.columns[0].name,
            group=group,
            firms=int(there.sum()),
            to_favourable=int((there & whole.favours_firm & ~alone.favours_firm).sum()),
            to_unfavourable=int((there & ~whole.favours_firm & alone.favours_firm).sum()),
        )
