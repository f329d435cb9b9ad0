"""Why one firm has the score it has, put together: contributions, relations, path of risk, what would change it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.contributions import Contributions, Development, contributions
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.counterfactuals import Related, Verdicts, category_value, item_changes, lowered, relation_changes
from models.ego_picture import drawn_firms
from models.explain.attribution import Attribution, Method, attribution
from models.explain.fidelity import measured
from models.explain.opened import Opened, opened
from models.explain.whole import OpenedWhole
from models.factors import Factor
from models.fitted import Fitted
from models.method_explanations import agreements, method_explanations, told_by, wanted_methods
from models.reason_codes import default_text, method, reasons
from models.risk_path import side_adjacency, strongest_path
from models.scoring import favourable, predicted_classes, unfavourable_probability
from schemas.candidates import CandidateSpec
from schemas.explanations import (
    Counterfactual,
    FactorShare,
    FirmExplanation,
    Partner,
    PathStep,
    Picture,
    PictureEdge,
    PictureNode,
    RelationFidelity,
    RiskPath,
)
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter

#: the firm's own relations that are left out one at a time, those with the largest shares first
_ASKED = 60
#: the same where each takes a pass over the whole graph
_FEW_ASKED = 20
_PARTNERS_SHOWN = 60
_FACTORS_SHOWN = 12
_DIRECTIONS = {"out": "target", "in": "source", "": ""}


@dataclass(frozen=True)
class ScoredGraph:
    """A published graph, the candidate that scored it, and what it said.

    Attributes
    ----------
    spec, decided_by
        The candidate that is explained, and the name of the one whose scores were published.
    probabilities : (n, classes)
        What the candidate said when the refresh was published.
    threshold
        The cut-off on the positive class of two.
    outcomes : (n,) int64
        Class index of each firm's newest known outcome; -1 where none is known.
    names
        Of firms by id; empty where there are none.
    """

    portfolio: PortfolioSpec
    quarter: Quarter
    refresh: str
    fingerprint: str
    model_version: str
    in_use: str
    spec: CandidateSpec
    decided_by: str
    model: Fitted
    threshold: float
    graph: CorporateGraph
    probabilities: FloatMatrix
    development: Development
    outcomes: NDArray[np.int64]
    names: Mapping[str, str]

    @cached_property
    def risk(self) -> NDArray[np.float64]:
        """Probability of an unfavourable class, (n,)."""
        return unfavourable_probability(self.probabilities, self.portfolio.target)

    @cached_property
    def unfavourable(self) -> NDArray[np.bool_]:
        """Whether the predicted class is unfavourable, (n,)."""
        target = self.portfolio.target
        return ~favourable(predicted_classes(self.probabilities, target, self.threshold), target)

    @cached_property
    def in_distress(self) -> NDArray[np.bool_]:
        """Firms with an unfavourable class, predicted or known last, (n,)."""
        known = self.outcomes >= 0
        return self.unfavourable | (known & ~favourable(self.outcomes, self.portfolio.target))

    @cached_property
    def sides(self) -> dict[tuple[str, str], sp.csr_array]:
        """Adjacency by relation and side."""
        return side_adjacency(self.graph)

    def name(self, firm: str) -> str:
        """Return a firm's name, empty if it has none."""
        return self.names.get(firm, "")


def firm_explanation(scored: ScoredGraph, row: int, methods: Sequence[str] = ()) -> FirmExplanation:
    """Explain the score of the firm in a row of the graph.

    Parameters
    ----------
    methods
        As `models.method_explanations.wanted_methods` takes them: names, or ``all``.

    Raises
    ------
    SettingsError
        If there is no such method, or it cannot explain the candidate.
    """
    return _Explaining(scored, row, tuple(methods)).content()


@dataclass(frozen=True)
class _Explaining:
    scored: ScoredGraph
    row: int
    methods: tuple[str, ...]

    @property
    def firm(self) -> str:
        return str(self.scored.graph.firms[self.row])

    @cached_property
    def door(self) -> Opened:
        target = self.scored.portfolio.target
        adverse = [index for index, name in enumerate(target.classes) if name not in target.favourable]
        return opened(self.scored.model, self.scored.graph, adverse)

    @cached_property
    def verdicts(self) -> Verdicts:
        scored = self.scored
        return Verdicts(scored.portfolio, scored.threshold, scored.probabilities[self.row])

    def content(self) -> FirmExplanation:
        scored, target = self.scored, self.scored.portfolio.target
        told = self._told_by_methods()
        found = contributions(scored.model, scored.graph, np.array([self.row]), scored.development, target)
        effects, fidelity = self._relation_effects()
        path, partners = self._path(), self._partners(effects)
        shares = sorted(self._shares(found), key=lambda one: -abs(one.contribution))
        uses_graph = any(factor.network for factor in found.factors)
        return FirmExplanation(
            portfolio=scored.portfolio.name,
            title=scored.portfolio.title,
            quarter=scored.quarter,
            refresh=scored.refresh,
            fingerprint=scored.fingerprint,
            model_version=scored.model_version,
            in_use=scored.in_use,
            firm=self.firm,
            name=scored.name(self.firm),
            candidate=scored.spec.name,
            decided_by=scored.decided_by,
            kind=scored.spec.kind,
            family=scored.portfolio.family_of(scored.spec),
            target=target.label,
            threshold=scored.threshold if len(target.classes) == 2 else None,
            standing=self.verdicts.standing,
            log_odds=float(found.log_odds[0]),
            rest=float(found.rest[0]),
            exact=found.exact,
            method=method(found),
            uses_graph=uses_graph,
            reasons=reasons(found, scored.portfolio)[0] if scored.spec.name == scored.decided_by else (),
            own=tuple(one for one in shares if not one.network)[:_FACTORS_SHOWN],
            network=tuple(one for one in shares if one.network)[:_FACTORS_SHOWN],
            partners=tuple(partners[:_PARTNERS_SHOWN]),
            partners_in_all=len(partners),
            asked=len(effects),
            fidelity=fidelity,
            path=path,
            path_missing="" if path else "No firm in distress is within three relations.",
            counterfactuals=(
                *item_changes(scored.model, scored.graph, self.row, scored.development, self.verdicts),
                *self._relation_changes(effects),
            ),
            relations_missing=self._relations_missing(uses_graph, len(effects)),
            picture=self._picture(partners, path),
            methods=method_explanations(told, scored.names),
            agreement=agreements(told),
        )

    def _told_by_methods(self) -> list[Attribution]:
        if not self.methods:
            return []
        outcomes = self.scored.outcomes
        wanted = wanted_methods(self.door, self.row, self.methods, outcomes)
        return [told_by(self.door, self.row, one, outcomes) for one in wanted]

    def _relations_missing(self, uses_graph: bool, asked: int) -> str:
        name = self.scored.spec.name
        if not uses_graph:
            return f"{name} does not hear the firms around: no relation moves the score."
        return "" if asked else f"the firm has no relation, or {name} looks at its place in the whole graph alone."

    def _shares(self, found: Contributions) -> Iterator[FactorShare]:
        for place, factor in enumerate(found.factors):
            value = float(found.values[0, place])
            if abs(value) < 1e-9:
                continue
            number, typical, category = self._value(factor)
            yield FactorShare(
                text=default_text(factor, "level"),
                feature=" ".join(filter(None, (factor.relation, factor.side, factor.feature, factor.aspect))),
                network=factor.network,
                contribution=round(value, 6),
                value=number,
                typical=typical,
                category=category,
            )

    def _value(self, factor: Factor) -> tuple[float | None, float | None, str]:
        """Return an own item's value, its median in development, and what it is of a category."""
        graph, development = self.scored.graph, self.scored.development
        if factor.network or factor.aspect:
            return None, None, ""
        if factor.feature not in graph.feature_names:
            columns = [place for place, name in enumerate(graph.feature_names) if name.startswith(f"{factor.feature}=")]
            now = np.flatnonzero(graph.features[self.row, columns] == 1)
            return None, None, category_value(graph, factor.feature, int(now[0]) if len(now) else -1)
        place = graph.feature_names.index(factor.feature)
        here = float(graph.features[self.row, place])
        middle = float(np.nanmedian(development.graph.features[development.rows, place]))
        return (None if np.isnan(here) else here), (None if np.isnan(middle) else middle), ""

    def _related(self) -> Iterator[tuple[Related, float, float]]:
        """Yield each relation of the firm, its share on its side, and its weight."""
        firms = self.scored.graph.firms
        for (relation, side), adjacency in self.scored.sides.items():
            row = slice(adjacency.indptr[self.row], adjacency.indptr[self.row + 1])
            total = float(np.maximum(adjacency.data[row], 0).sum())
            for partner, weight in zip(adjacency.indices[row].tolist(), adjacency.data[row].tolist(), strict=True):
                other = str(firms[partner])
                forward = side == "out" or (side == "" and self.firm <= other)
                related = (relation, self.firm, other) if forward else (relation, other, self.firm)
                yield related, max(weight, 0.0) / total if total else 0.0, float(weight)

    def _linked(self) -> Iterator[tuple[Related, float, float]]:
        """Yield each link of the firm to a person, bank or other node, its share, and its weight."""
        graph = self.scored.graph
        for name, links in graph.partners.items():
            row = slice(links.indptr[self.row], links.indptr[self.row + 1])
            total = float(np.maximum(links.weights[row], 0).sum())
            for node, weight in zip(links.indices[row].tolist(), links.weights[row].tolist(), strict=True):
                related = (name, self.firm, str(graph.nodes[links.node_type][node]))
                yield related, max(weight, 0.0) / total if total else 0.0, float(weight)

    def _relation_effects(self) -> tuple[dict[Related, float], RelationFidelity | None]:
        """Return what each relation of the firm adds to its log-odds, by leave-one-out, and how far that holds."""
        door = self.door
        about = door.about(self.row)
        share = {related: part for related, part, _ in itertools.chain(self._related(), self._linked())}

        def heard(place: int) -> float:
            edge = about.edges[place]
            ends = ((edge.source, edge.target), (edge.target, edge.source))
            return max(share.get((one, *end), 0.0) for one in edge.relation.split(" + ") for end in ends)

        own = sorted((place for place, edge in enumerate(about.edges) if edge.hop == 0), key=heard, reverse=True)
        own = own[: _FEW_ASKED if isinstance(door, OpenedWhole) else _ASKED]
        if not own:
            return {}, None
        kept = np.ones((len(own), len(about.edges)), dtype=np.bool_)
        kept[np.arange(len(own)), own] = False
        whole = float(about.log_odds()[0])
        effect = whole - about.log_odds(kept)
        edges = [about.edges[place] for place in own]
        effects = {
            (edge.relation, edge.source, edge.target): float(value) for edge, value in zip(edges, effect, strict=True)
        }
        if isinstance(door, OpenedWhole):  # each of the hundred questions would take a pass over the whole graph
            return effects, None
        weights = np.zeros(len(about.edges))
        weights[own] = effect
        told = attribution(about, Method.LEAVE_ONE_OUT, log_odds=whole, signed=True, edges=weights)
        return effects, _fidelity(measured(about, told))

    def _relation_changes(self, effects: dict[Related, float]) -> list[Counterfactual]:
        scored = self.scored
        without = {
            related: lowered(scored.model, scored.graph, self.row, effect, self.verdicts)
            for related, effect in effects.items()
        }
        weights = {related: weight for related, _, weight in itertools.chain(self._related(), self._linked())}
        return relation_changes(effects, weights, self.firm, scored.names, without, self.verdicts)

    def _partners(self, effects: dict[Related, float]) -> list[Partner]:
        scored, found = self.scored, []
        single = {(one, *ends): effect for (names, *ends), effect in effects.items() for one in names.split(" + ")}
        for (relation, source, target), _, weight in self._related():
            other = target if source == self.firm else source
            place = int(np.searchsorted(scored.graph.firms, other))
            directed = scored.graph.relations[relation].directed
            effect = single.get((relation, source, target), single.get((relation, target, source)))
            found.append(
                Partner(
                    firm=other,
                    name=scored.name(other),
                    relation=relation,
                    direction=("target" if source == self.firm else "source") if directed else "",
                    weight=weight,
                    probability=float(scored.risk[place]),
                    unfavourable=bool(scored.unfavourable[place]),
                    effect=effect,
                )
            )
        return sorted(found, key=lambda one: (-abs(one.effect or 0.0), -one.probability, one.firm, one.relation))

    def _path(self) -> RiskPath | None:
        scored = self.scored
        found = strongest_path(scored.sides, self.row, scored.risk, scored.in_distress)
        if found is None:
            return None
        steps = [
            self._step(way.firm, relation=way.relation, direction=_DIRECTIONS[way.side], share=round(way.share, 6))
            for way in found.ways
        ]
        return RiskPath(steps=(*steps, self._step(self.row)), strength=found.strength)

    def _step(self, place: int, relation: str = "", direction: str = "", share: float | None = None) -> PathStep:
        firm = str(self.scored.graph.firms[place])
        return PathStep(
            firm=firm,
            name=self.scored.name(firm),
            probability=float(self.scored.risk[place]),
            relation=relation,
            direction=direction,
            share=share,
        )

    def _picture(self, partners: list[Partner], path: RiskPath | None) -> Picture:
        scored, graph = self.scored, self.scored.graph
        on_path = [int(np.searchsorted(graph.firms, step.firm)) for step in path.steps] if path else []
        importance: dict[int, float] = {}
        for one in partners:
            place = int(np.searchsorted(graph.firms, one.firm))
            importance[place] = max(importance.get(place, 0.0), abs(one.effect or 0.0) or 1e-6 * one.probability)
        drawn = drawn_firms(graph.union(), self.row, importance, on_path)
        nodes = tuple(
            PictureNode(
                firm=str(graph.firms[one]),
                name=scored.name(str(graph.firms[one])),
                hop=hop,
                probability=round(float(scored.risk[one]), 6),
                unfavourable=bool(scored.unfavourable[one]),
                on_path=one in on_path,
                place=place,
            )
            for one, hop, place in zip(drawn.firms, drawn.hops, drawn.places, strict=True)
        )
        hops = dict(zip(drawn.firms, drawn.hops, strict=True))
        said = [step.relation for step in path.steps] if path else []
        steps = {(name, *ends) for name, ends in zip(said, itertools.pairwise(on_path), strict=False)}
        edges = tuple(
            PictureEdge(
                source=str(graph.firms[source]),
                target=str(graph.firms[end]),
                relation=name,
                directed=relation.directed,
                on_path=(name, source, end) in steps or (name, end, source) in steps,
            )
            for name, relation in graph.relations.items()
            for source in drawn.firms
            for end in relation.indices[relation.indptr[source] : relation.indptr[source + 1]].tolist()
            # Relations among the outermost would hide the others; an undirected one stands twice.
            if end in hops and min(hops[source], hops[end]) < 2 and (relation.directed or source < end)
        )
        return Picture(nodes=nodes, edges=edges, firms_near=drawn.near, firms_far=drawn.far)


def _fidelity(told: Attribution) -> RelationFidelity | None:
    found = told.fidelity
    if found is None:
        return None
    return RelationFidelity(plus=found.plus, minus=found.minus, random_plus=found.random_plus, reliable=told.reliable)
