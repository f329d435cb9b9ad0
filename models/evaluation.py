"""Evaluating candidates on every sample and choosing one on validation alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import score_intervals
from models.corporate_graph import FloatMatrix
from models.discrimination import f1_threshold
from models.leakage import LeakageRows, leakage_gap
from models.panel import Panel
from models.selection import SampleRows, best_of, simplest_not_worse
from schemas.candidates import CandidateSpec
from schemas.portfolio import PortfolioSpec
from schemas.results import CandidateResult, Evaluation, GraphGain, Interval, SampleResult
from schemas.terms import TEST_SAMPLES, Family, Sample, Scheme


@dataclass(frozen=True)
class Dealt:
    """Sample and community of each firm-quarter under one scheme; (n,) each."""

    samples: NDArray[np.str_]
    communities: NDArray[np.str_]

    def rows(self, sample: Sample) -> NDArray[np.bool_]:
        """Return which firm-quarters are in a sample."""
        return np.asarray(self.samples == str(sample))


@dataclass(frozen=True)
class FittedFacts:
    """What fitting one candidate left behind, besides its probabilities."""

    content_hash: str
    seconds: float
    inputs: int
    notes: dict[str, float | int | str]


@dataclass(frozen=True)
class Contest:
    """All candidates under all schemes.

    Attributes
    ----------
    probabilities
        (scheme, candidate) -> (n, classes).
    facts
        By candidate, from the primary scheme.
    """

    portfolio: PortfolioSpec
    rows: Panel
    dealt: Mapping[Scheme, Dealt]
    probabilities: Mapping[tuple[Scheme, str], FloatMatrix]
    facts: Mapping[str, FittedFacts]

    @property
    def primary(self) -> Scheme:
        """The scheme whose models are scored and registered."""
        return self.portfolio.primary_scheme

    def judged_under(self) -> Iterator[tuple[Sample, Scheme]]:
        """Yield each sample with the scheme it is measured under."""
        seen: set[Sample] = set()
        for scheme in sorted(self.portfolio.split.schemes, key=lambda scheme: scheme is not self.primary):
            kinds = (Sample.DEVELOPMENT, Sample.VALIDATION, *TEST_SAMPLES) if scheme is self.primary else TEST_SAMPLES
            for sample in kinds:
                if sample not in seen and self.dealt[scheme].rows(sample).any():
                    seen.add(sample)
                    yield sample, scheme

    def sample_rows(self, sample: Sample, scheme: Scheme) -> SampleRows:
        """Return one sample's rows with every candidate's probabilities."""
        dealt = self.dealt[scheme]
        rows = dealt.rows(sample)
        return SampleRows(
            self.rows.truth[rows],
            dealt.communities[rows],
            {c.name: self.probabilities[scheme, c.name][rows] for c in self.portfolio.candidates},
        )


def evaluation(contest: Contest) -> Evaluation:
    """Measure every candidate, choose on validation, and say what the graph added elsewhere."""
    candidates = tuple(_measured(spec, contest) for spec in contest.portfolio.candidates)
    names = [candidate.name for candidate in candidates]
    auc = {c.name: c.samples[Sample.VALIDATION].metrics["auc"].value for c in candidates}
    settings = contest.portfolio.evaluation
    choice = simplest_not_worse(
        names,
        auc,
        contest.sample_rows(Sample.VALIDATION, contest.primary),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    gap, reason = _leakage(contest)
    return Evaluation(
        candidates=candidates,
        chosen=choice.chosen,
        best_on_validation=choice.best,
        choice_reason=choice.reason,
        gains=tuple(_gains(contest, candidates, auc)),
        leakage_gap=gap,
        leakage_reason=reason,
    )


def cut_off(contest: Contest, spec: CandidateSpec, scheme: Scheme) -> float:
    """Return the cut-off on the positive class; one that is sought is sought on validation only."""
    wanted = contest.portfolio.evaluation.threshold
    if not isinstance(wanted, str):
        return wanted
    if len(contest.portfolio.target.classes) > 2:
        return 0.5
    rows = contest.dealt[scheme].rows(Sample.VALIDATION)
    return f1_threshold(contest.rows.truth[rows], contest.probabilities[scheme, spec.name][rows, 1])


def _measured(spec: CandidateSpec, contest: Contest) -> CandidateResult:
    facts = contest.facts[spec.name]
    settings = contest.portfolio.evaluation
    samples = {}
    for sample, scheme in contest.judged_under():
        dealt = contest.dealt[scheme]
        rows = dealt.rows(sample)
        truth, communities = contest.rows.truth[rows], dealt.communities[rows]
        predicted = contest.probabilities[scheme, spec.name][rows]
        threshold = cut_off(contest, spec, scheme)
        samples[sample] = SampleResult(
            sample=sample,
            firm_quarters=len(truth),
            communities=len(np.unique(communities)),
            metrics=score_intervals(
                truth, predicted, communities, threshold=threshold, draws=settings.bootstrap_draws, seed=settings.seed
            ),
        )
    return CandidateResult(
        name=spec.name,
        kind=spec.kind,
        family=contest.portfolio.family_of(spec),
        content_hash=facts.content_hash,
        fit_seconds=facts.seconds,
        inputs=facts.inputs,
        threshold=cut_off(contest, spec, contest.primary),
        notes=facts.notes,
        samples=samples,
    )


def _gains(
    contest: Contest, candidates: Sequence[CandidateResult], auc: Mapping[str, float | None]
) -> Iterator[GraphGain]:
    simple = [c.name for c in candidates if c.family is Family.TABULAR]
    graph = [c.name for c in candidates if c.family is not Family.TABULAR]
    if not simple or not graph:
        return
    best_simple, best_graph = best_of(simple, auc), best_of(graph, auc)
    settings = contest.portfolio.evaluation
    for sample, scheme in contest.judged_under():
        if sample in TEST_SAMPLES:
            rows = contest.sample_rows(sample, scheme)
            difference = rows.auc_difference(
                best_graph, best_simple, draws=settings.bootstrap_draws, seed=settings.seed
            )
            yield GraphGain(
                sample=sample, graph_candidate=best_graph, simple_candidate=best_simple, difference=difference
            )


def _leakage(contest: Contest) -> tuple[Interval, str]:
    dealt = contest.dealt.get(Scheme.COMMUNITY)
    if dealt is None:
        return Interval(value=None), "the portfolio's split holds no communities out"
    held = dealt.rows(Sample.OUT_OF_COMMUNITY)
    usable = dealt.rows(Sample.DEVELOPMENT) | dealt.rows(Sample.VALIDATION) | held
    if not held.any() or len(np.unique(contest.rows.truth[held])) < 2:
        return Interval(value=None), "no community is held out, or its outcomes are of one class"
    rows = LeakageRows(contest.rows.graph, contest.rows.truth, usable, held, contest.rows.firms, dealt.communities)
    gap = leakage_gap(rows, contest.portfolio.training, draws=contest.portfolio.evaluation.bootstrap_draws)
    return gap, "" if gap.value is not None else "the random sample has outcomes of one class only"
