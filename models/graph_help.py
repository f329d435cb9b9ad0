"""Did the graph help? A checklist of comparisons on samples that neither fitting nor selection has seen.

Who is compared is picked on validation: the best candidate on own features alone, the best one with the graph, the best
one on neighbours' aggregates, the best network. An ensemble is left out, since joining models gains by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from models.bootstrap import PairedAuc, ResampledAuc, rank_correlation
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.scoring import unfavourable_probability
from models.selection import SampleRows, best_of
from schemas.candidates import (
    CandidateSpec,
    CorrectAndSmoothSpec,
    FullBatch,
    Group,
    NetworkSpec,
    SingleSpec,
    Tabular,
)
from schemas.portfolio import PortfolioSpec
from schemas.results import Answer, GraphGain, GraphHelp, RankAgreement, RecoveredShare
from schemas.terms import GATED_SAMPLES, TEST_SAMPLES, Family, Sample

#: Networks agree in ordering if every two of them are rank-correlated at least so much on every sample with gates.
LEAST_AGREEMENT = 0.7

#: Probabilities of a candidate fitted without the graph, on a sample's rows: (n, classes).
Twin = Callable[[SingleSpec, Sample], FloatMatrix]


@dataclass(frozen=True)
class Evidence:
    """Rows of the samples that were judged, validation among them, and what candidates reached on validation.

    Attributes
    ----------
    auc
        On validation, by candidate; selection's own measure, so that tests have no say in who is compared.
    draws, seed
        Of the cluster bootstrap.
    """

    portfolio: PortfolioSpec
    samples: Mapping[Sample, SampleRows]
    auc: Mapping[str, float | None]
    draws: int
    seed: int

    def best(self, specs: Iterable[CandidateSpec]) -> str | None:
        """Return the candidate with the highest AUC on validation, None if there is none."""
        names = [spec.name for spec in specs]
        return best_of(names, self.auc) if names else None

    def held_out(self) -> Iterator[tuple[Sample, SampleRows]]:
        """Yield the samples that selection never saw."""
        return ((sample, rows) for sample, rows in self.samples.items() if sample in TEST_SAMPLES)


def graph_help(evidence: Evidence, twin: Twin | None = None) -> GraphHelp:
    """Answer the checklist.

    Parameters
    ----------
    twin
        Fits the best graph candidate without the graph. Asked only if it beats the own features otherwise: a network
        beats a regression on a label that is bent in a firm's own features too, and then it is not the graph that
        helps. Without it that is not controlled for.
    """
    single = evidence.portfolio.single_candidates
    with_graph = [spec for spec in single if spec.family is not Family.TABULAR]
    own = evidence.best(c for c in evidence.portfolio.candidates if evidence.portfolio.family_of(c) is Family.TABULAR)
    best = evidence.best(with_graph)
    aggregates = evidence.best(s for s in with_graph if isinstance(s, Tabular) and Group.NEIGHBOUR in s.features)
    network = evidence.best(s for s in with_graph if isinstance(s, NetworkSpec))
    paired = _Paired(evidence)
    agreement = tuple(_agreement(evidence, [spec.name for spec in with_graph if isinstance(spec, NetworkSpec)]))
    gains = paired.gains(best, own)
    helped, reason = _helped(best, own, gains)
    control: tuple[GraphGain, ...] = ()
    if helped == "yes" and twin is not None and best is not None:
        control = paired.gains_over_twin(next(spec for spec in single if spec.name == best), twin)
        if improved(control) == "no":
            helped, reason = "no", f"{reason} But it is not better than itself without the graph: not the graph helps."
        elif control:
            reason = f"{reason} It is also better than itself without the graph."
    return GraphHelp(
        helped=helped,
        reason=reason,
        gains=gains,
        control=control,
        aggregates=paired.gains(aggregates, _plain(single, aggregates, own)),
        recovered=tuple(paired.recovered(aggregates, network, own)),
        agreement=agreement,
        agree=_agree(agreement),
    )


def improved(gains: Iterable[GraphGain]) -> Answer:
    """Say whether gains are above zero on every sample with gates, and significantly so on at least one."""
    judged = [gain.difference for gain in gains if gain.sample in GATED_SAMPLES]
    known = [difference for difference in judged if difference.value is not None and difference.low is not None]
    if not known:
        return "not assessable"
    better = all((gain.value or 0.0) > 0 for gain in known)
    return "yes" if better and any((gain.low or 0.0) > 0 for gain in known) else "no"


def without_graph(spec: SingleSpec) -> SingleSpec:
    """Return the same candidate on own features alone; a network then sees no partner only on `without_edges`."""
    if isinstance(spec, CorrectAndSmoothSpec):
        return spec.model_copy(update={"base": spec.base.model_copy(update={"features": (Group.OWN,)})})
    changes: dict[str, object] = {"features": (Group.OWN,)} if "features" in type(spec).model_fields else {}
    if isinstance(spec, NetworkSpec):
        changes["batches"] = FullBatch()  # there is nothing to sample or to part
    return spec.model_copy(update=changes)


def without_edges(graph: CorporateGraph) -> CorporateGraph:
    """Return the same firms, relations and nodes with no edge and no link, and nothing computed of their places."""
    empty = np.zeros(0, dtype=np.int64)
    return replace(
        graph,
        relations={
            name: replace(relation, indptr=np.zeros_like(relation.indptr), indices=empty, weights=np.zeros(0))
            for name, relation in graph.relations.items()
        },
        partners={
            name: replace(links, indptr=np.zeros_like(links.indptr), indices=empty, weights=np.zeros(0))
            for name, links in graph.partners.items()
        },
        computed={},
    )


class _Paired:
    """Paired comparisons on the samples held out; each candidate's resamples are computed once a sample."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.paired = {
            sample: PairedAuc(rows.truth, rows.communities, draws=evidence.draws, seed=evidence.seed)
            for sample, rows in evidence.held_out()
        }

    def gains(self, challenger: str | None, baseline: str | None) -> tuple[GraphGain, ...]:
        """Return AUC of one candidate minus another's on each sample; nothing if one of them is missing."""
        if challenger is None or baseline is None:
            return ()
        return tuple(
            GraphGain(
                sample=sample,
                graph_candidate=challenger,
                simple_candidate=baseline,
                difference=self._of(sample, challenger, rows).minus(self._of(sample, baseline, rows)),
            )
            for sample, rows in self.evidence.held_out()
        )

    def gains_over_twin(self, spec: SingleSpec, twin: Twin) -> tuple[GraphGain, ...]:
        """Return AUC of a candidate minus that of the same one fitted without the graph."""
        found = []
        for sample, rows in self.evidence.held_out():
            name = f"{spec.name} without the graph"
            alone = self.paired[sample].of(name, twin(spec, sample))
            difference = self._of(sample, spec.name, rows).minus(alone)
            found.append(
                GraphGain(sample=sample, graph_candidate=spec.name, simple_candidate=name, difference=difference)
            )
        return tuple(found)

    def recovered(self, aggregates: str | None, network: str | None, own: str | None) -> Iterator[RecoveredShare]:
        """Yield the share of the network's gain over own features that neighbours' aggregates have too."""
        if aggregates is None or network is None or own is None:
            return
        for sample, rows in self.evidence.held_out():
            part, whole, base = (self._of(sample, name, rows) for name in (aggregates, network, own))
            yield RecoveredShare(
                sample=sample,
                aggregates=aggregates,
                network=network,
                own=own,
                share=part.share_of(whole, base),
            )

    def _of(self, sample: Sample, name: str, rows: SampleRows) -> ResampledAuc:
        return self.paired[sample].of(name, rows.probabilities[name])


def _plain(specs: Sequence[SingleSpec], aggregates: str | None, own: str | None) -> str | None:
    """Return the own-feature candidate of the aggregates' kind, so that only the inputs differ; else the best one."""
    kind = next((spec.kind for spec in specs if spec.name == aggregates), None)
    twins = [spec.name for spec in specs if spec.family is Family.TABULAR and spec.kind == kind]
    return twins[0] if twins else own


def _helped(best: str | None, own: str | None, gains: Sequence[GraphGain]) -> tuple[Answer, str]:
    if best is None:
        return "not assessable", "No candidate but ensembles has the graph."
    if own is None:
        return "not assessable", "No candidate has own features alone, so that there is nothing to compare with."
    helped = improved(gains)
    if helped == "not assessable":
        return helped, "On no sample with gates could an interval be formed."
    if helped == "yes":
        return helped, f"{best} is better than {own} on every sample held out, on at least one beyond chance."
    judged = [gain.difference for gain in gains if gain.sample in GATED_SAMPLES]
    if all((gain.value or 0.0) > 0 for gain in judged):
        return helped, f"{best} is better than {own} on every sample held out, but on none beyond chance."
    return helped, f"{best} is not better than {own} on every sample held out."


def _agreement(evidence: Evidence, networks: Sequence[str]) -> Iterator[RankAgreement]:
    for sample, rows in evidence.samples.items():
        scored = {
            name: unfavourable_probability(rows.probabilities[name], evidence.portfolio.target) for name in networks
        }
        for first, second in combinations(networks, 2):
            correlation = rank_correlation(
                scored[first], scored[second], rows.communities, draws=evidence.draws, seed=evidence.seed
            )
            yield RankAgreement(sample=sample, first=first, second=second, correlation=correlation)


def _agree(agreement: Sequence[RankAgreement]) -> Answer:
    known = [one.correlation.value for one in agreement if one.sample in GATED_SAMPLES]
    found = [value for value in known if value is not None]
    if not found:
        return "not assessable"
    return "yes" if min(found) >= LEAST_AGREEMENT else "no"
