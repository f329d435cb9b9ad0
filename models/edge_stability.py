"""How many firms change class when a few edges of theirs are changed, at random or by the worst found.

Robustness to changes of the graph is measured as in Zügner, Akbarnejad and Günnemann (2018), by evasion: the model is
kept as fitted, and the edges of the firm that is judged are changed. The worst case is searched, not solved: single
changes are tried one by one, and those that push a firm furthest towards another class are then made together. What is
found is a lower bound of what a better search could find. Two bounds are exact. A candidate that reads no edge cannot
be moved at all; and where a score depends on a firm's own edges alone, all of its removals are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.edge_effects import Before, Effects, Scenario, mean_interval, share_interval
from models.edge_moves import EdgeMoves
from models.edges import FloatVector
from models.graph_reading import Reading, asked_of_graph, reading
from models.inputs import with_computed
from models.perturbation import edited, with_copies
from models.scoring import unfavourable_probability
from models.segments import Segments
from schemas.candidates import CandidateSpec
from schemas.portfolio import PortfolioSpec
from schemas.stability import ALL_FIRMS, Change, EdgeFlips, EdgeStability

#: Probabilities of a graph's firms: (n, classes).
Scorer = Callable[[CorporateGraph], FloatMatrix]

#: Where a score depends on more than a firm's own edges, so many firms at most are changed, all together: this share of
#: them, in a small graph `_AT_LEAST`, but then no more than a quarter. A call for each firm would take minutes.
_TOGETHER, _AT_LEAST = 0.04, 20
#: Copies of firms that are scored at a time.
_COPIES = 4000
#: Firms with the highest and with the lowest probability that an adverse edge leads to, each.
_EXTREMES = 2
_RANDOM = {
    Change.REMOVED: EdgeMoves.random_removals,
    Change.ADDED: EdgeMoves.random_additions,
    Change.REWIRED: EdgeMoves.random_moves,
}


@dataclass(frozen=True)
class Subject:
    """The candidate whose steadiness is measured, and the firms that it is measured on.

    Attributes
    ----------
    threshold
        Cut-off on the positive class of a binary target.
    """

    spec: CandidateSpec
    scorer: Scorer
    threshold: float
    segments: Segments


def edge_stability(graph: CorporateGraph, portfolio: PortfolioSpec, subject: Subject, *, chosen: bool) -> EdgeStability:
    """Change edges of sampled firms and count the firms whose class changes.

    Parameters
    ----------
    graph
        With everything computed that the candidate asks for.
    chosen
        Whether the candidate is the one that is scored with.

    Returns
    -------
    EdgeStability
        Shares with exact 95 % intervals (Clopper and Pearson 1934) for the firms that were drawn from the quarter's;
        mean changes with the normal approximation.
    """
    read = reading(subject.spec, portfolio)
    moves = EdgeMoves(graph, with_partners=read.other_nodes)
    if not moves.any:
        reason = "the graph has no edge that the candidate reads"
        return EdgeStability(candidate=subject.spec.name, chosen=chosen, reads_graph=True, of=graph.size, reason=reason)
    return _Trial(graph, portfolio, subject, read, moves).result(chosen=chosen)


class _Trial:
    """One candidate on one graph: its sample, what is tried on it, and what that did."""

    def __init__(
        self, graph: CorporateGraph, portfolio: PortfolioSpec, subject: Subject, read: Reading, moves: EdgeMoves
    ) -> None:
        self.graph, self.target, self.subject, self.read, self.moves = graph, portfolio.target, subject, read, moves
        self.settings = portfolio.stability
        self.computed = asked_of_graph(portfolio.graph, read.groups)
        self.draw = np.random.default_rng(self.settings.seed)
        most = graph.size if read.own_edges else _most_together(graph.size)
        count = min(self.settings.firms, most)
        self.firms = np.sort(self.draw.choice(graph.size, size=count, replace=False))
        self.base = subject.scorer(graph)
        self.bystanders: list[float] = []

    def result(self, *, chosen: bool) -> EdgeStability:
        """Try everything and sum it up."""
        scenarios = [*self._random(), *self._single()]
        before = Before(self.base[self.firms], self.target, self.subject.threshold)
        probabilities = self._probabilities(scenarios)
        joint = list(self._joint(Effects(before, scenarios, probabilities)))
        if joint:
            probabilities = np.concatenate([probabilities, self._probabilities(joint)])
        tried = Effects(before, [*scenarios, *joint], probabilities)
        return EdgeStability(
            candidate=self.subject.spec.name,
            chosen=chosen,
            reads_graph=True,
            firms=len(self.firms),
            of=self.graph.size,
            segmented_by=self.subject.segments.by,
            together=1 if self.read.own_edges else len(self.firms),
            flips=tuple(self._flips(tried)),
            bystanders=float(np.mean(self.bystanders)) if self.bystanders else None,
        )

    def _random(self) -> Iterator[Scenario]:
        for place, firm in enumerate(self.firms.tolist()):
            for change, moved in _RANDOM.items():
                for edges in self.settings.changes:
                    for _ in range(self.settings.draws):
                        yield Scenario(place, change, edges, moved(self.moves, firm, edges, self.draw))

    def _single(self) -> Iterator[Scenario]:
        """Yield the single changes that the search for the worst case starts from."""
        order = np.argsort(self._score(self.base), kind="stable")
        wanted = [*order[:_EXTREMES].tolist(), *order[-_EXTREMES:].tolist()]
        for place, firm in enumerate(self.firms.tolist()):
            removals, additions = self.moves.removals(firm), self.moves.adverse_additions(firm, wanted)
            half = self.settings.moves // 2
            if not self.read.own_edges:
                removals = removals[: max(half, self.settings.moves - len(additions))]
            picked = self.draw.permutation(len(additions))[: max(half, self.settings.moves - len(removals))]
            singles = [*removals, *(additions[one] for one in picked.tolist())]
            yield from (Scenario(place, Change.WORST, 1, [edit]) for edit in singles)

    def _joint(self, tried: Effects) -> Iterator[Scenario]:
        """Yield, for each firm, the single changes that pushed it furthest towards another class, made together."""
        for place in range(len(self.firms)):
            best = tried.most_pushing(place)
            for edges in self.settings.changes:
                if edges > 1 and len(best) > 1:
                    yield Scenario(place, Change.WORST, edges, best[:edges])

    def _probabilities(self, scenarios: Sequence[Scenario]) -> FloatMatrix:
        """Return the probabilities of each scenario's firm under it, (scenarios, classes)."""
        return self._of_copies(scenarios) if self.read.own_edges else self._of_rounds(scenarios)

    def _of_copies(self, scenarios: Sequence[Scenario]) -> FloatMatrix:
        parts = []
        for start in range(0, len(scenarios), _COPIES):
            some = scenarios[start : start + _COPIES]
            copied = with_copies(self.graph, self.firms[[scenario.place for scenario in some]])
            edits = [
                edit._replace(firm=self.graph.size + number)
                for number, scenario in enumerate(some)
                for edit in scenario.edits
            ]
            parts.append(self.subject.scorer(edited(copied, edits))[self.graph.size :])
        return np.concatenate(parts)

    def _of_rounds(self, scenarios: Sequence[Scenario]) -> FloatMatrix:
        found = np.empty((len(scenarios), self.base.shape[1]))
        others = np.delete(np.arange(self.graph.size), self.firms)
        for some in _rounds(scenarios):
            changed = edited(self.graph, [edit for number in some for edit in scenarios[number].edits])
            scored = self.subject.scorer(with_computed(changed, self.computed))
            found[some] = scored[self.firms[[scenarios[number].place for number in some]]]
            if len(others):
                moved = self._score(scored[others]) - self._score(self.base[others])
                self.bystanders.append(float(np.abs(moved).mean()))
        return found

    def _score(self, probabilities: FloatMatrix) -> FloatVector:
        return unfavourable_probability(probabilities, self.target)

    def _flips(self, tried: Effects) -> Iterator[EdgeFlips]:
        for change, edges, flipped, moved in tried.summed(self.settings.changes):
            yield from self._by_segment(change, edges, flipped, moved)
        if self.read.own_edges:
            yield from self._by_segment(Change.ANY_REMOVAL, 1, *tried.worst_removals())

    def _by_segment(self, change: Change, edges: int, flipped: FloatVector, moved: FloatVector) -> Iterator[EdgeFlips]:
        of_firm = self.subject.segments.of_firm[self.firms]
        for segment in (ALL_FIRMS, *self.subject.segments.names):
            rows = np.ones(len(of_firm), dtype=bool) if segment == ALL_FIRMS else of_firm == segment
            if not rows.any():
                continue
            yield EdgeFlips(
                change=change,
                edges=edges,
                segment=segment,
                firms=int(rows.sum()),
                flipped=share_interval(flipped[rows]),
                score_change=mean_interval(moved[rows]),
            )


def _most_together(size: int) -> int:
    return max(1, int(size * _TOGETHER), min(_AT_LEAST, size // 4))


def _rounds(scenarios: Sequence[Scenario]) -> list[list[int]]:
    """Deal the scenarios, by their numbers, into rounds of one a firm."""
    rounds: list[list[int]] = []
    turns: dict[int, int] = {}
    for number, scenario in enumerate(scenarios):
        turn = turns.get(scenario.place, 0)
        turns[scenario.place] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(number)
    return rounds
