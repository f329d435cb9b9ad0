"""Reading what the tests of IRB validation are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.evaluation import Contest
from models.scoring import favourable, unfavourable_probability
from monitoring.irb import RatedFirms, RatedRows, auc_comparison, concentration, migration, sample_tests
from schemas.irb import AucComparison, IrbValidation
from schemas.portfolio import PortfolioSpec
from schemas.references import Evidence, RefreshRun
from schemas.results import Evaluation
from schemas.terms import GATED_SAMPLES, Sample, Scheme
from tasks.evaluation import read_contest
from tasks.graphs import read_graph
from tasks.lake import read_frame


def irb_validation(run: RefreshRun, evidence: Evidence, evaluation: Evaluation) -> IrbValidation:
    """Test the chosen candidate as a rating system on every sample that is gated."""
    contest, portfolio = read_contest(Path(run.home), run, evidence), run.portfolio
    scale, settings = portfolio.master_scale, portfolio.evaluation
    rated = {sample: _rows(contest, sample, scheme, evaluation.chosen) for sample, scheme in contest.judged_under()}
    quarters = _rated_quarters(run, evidence, contest, evaluation.chosen)
    reasons: dict[str, str] = {}
    auc = _auc(rated, portfolio)
    if auc is None:
        reasons["auc"] = "no gated sample, or fewer than two firm-quarters of a class"
    moved = migration(quarters[-2], quarters[-1], scale, seed=settings.seed) if len(quarters) > 1 else None
    if moved is None:
        reasons["migration"] = "one quarter only" if len(quarters) < 2 else "no firm was rated in both quarters"
    return IrbValidation(
        candidate=evaluation.chosen,
        scale=scale,
        samples=tuple(
            sample_tests(sample, rows, scale, seed=settings.seed)
            for sample, rows in rated.items()
            if sample in GATED_SAMPLES
        ),
        auc=auc,
        concentration=concentration(rated[Sample.DEVELOPMENT].probability, quarters[-1], scale, seed=settings.seed),
        migration=moved,
        reasons=reasons,
    )


def _rows(contest: Contest, sample: Sample, scheme: Scheme, chosen: str) -> RatedRows:
    rows, target = contest.sample_rows(sample, scheme), contest.portfolio.target
    return RatedRows(
        outcome=~favourable(rows.truth, target),
        probability=unfavourable_probability(rows.probabilities[chosen], target),
        communities=rows.communities,
    )


def _auc(rated: dict[Sample, RatedRows], portfolio: PortfolioSpec) -> AucComparison | None:
    """Compare the newest sample that is gated with the validation sample, which the candidate was accepted on."""
    order = (Sample.OUT_OF_TIME, *GATED_SAMPLES)
    current = next((sample for sample in order if sample in rated), None)
    if current is None:
        return None
    settings = portfolio.evaluation
    validation = (Sample.VALIDATION, rated[Sample.VALIDATION])
    return auc_comparison(validation, (current, rated[current]), draws=settings.bootstrap_draws, seed=settings.seed)


def _rated_quarters(run: RefreshRun, evidence: Evidence, contest: Contest, chosen: str) -> list[RatedFirms]:
    """Return the newest vintage and the refreshed quarter as rated, or the quarter alone if they are the same."""
    home, target, rows = Path(run.home), run.portfolio.target, contest.rows
    communities = contest.dealt[contest.primary].communities
    vintage = evidence.panel.vintages[-1].quarter
    of_firm = dict(zip(rows.firms.tolist(), communities.tolist(), strict=True))
    model = evidence.model(chosen, contest.primary)
    firms = np.asarray(read_graph(home, evidence.panel.current).firms).astype(np.str_)
    newest = RatedFirms(
        quarter=run.quarter,
        firms=firms,
        probability=unfavourable_probability(read_frame(home, model.quarter_probabilities).to_numpy(), target),
        # A firm that is new in the quarter has no community among the pooled ones: it stands for itself.
        communities=np.array([of_firm.get(firm, f"firm {firm}") for firm in firms.tolist()], dtype=np.str_),
    )
    if vintage == run.quarter:
        return [newest]
    there = np.asarray(rows.quarters == str(vintage))
    probability = unfavourable_probability(contest.probabilities[contest.primary, chosen], target)
    before = RatedFirms(
        quarter=vintage,
        firms=rows.firms[there].astype(np.str_),
        probability=probability[there],
        communities=communities[there],
    )
    return [before, newest]
