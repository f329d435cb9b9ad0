"""Explaining one firm's score of a published refresh, with the refresh's own model and graph, and writing it down.

Nothing here starts or imports Prefect: it reads one published refresh and writes one folder.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.calibrated import FittedCalibrated, mapped
from models.contributions import Contributions, Development, contributions
from models.corporate_graph import CorporateGraph, block_diagonal
from models.ego_picture import drawn_firms
from models.explain.opened import opened
from models.explain.whole import OpenedWhole
from models.factors import Factor
from models.fitted import Fitted
from models.graph_codec import graph_from_bytes
from models.knowledge import newest_firms
from models.rating_scale import grades_of
from models.reason_codes import default_text, method, reasons
from models.risk_path import FoundPath, side_adjacency, strongest_path
from models.scoring import favourable, predicted_classes, unfavourable_probability
from models.what_if import FEW_LEVELS, LEVELS, Move, is_quick, single_moves, with_own_items
from monitoring.explanation_page import explanation_html, explanation_markdown
from schemas.base import Frozen
from schemas.errors import NotEnoughData, examples, nearest
from schemas.explanations import (
    Counterfactual,
    FactorShare,
    FirmExplanation,
    Partner,
    PathStep,
    Picture,
    PictureEdge,
    PictureNode,
    RiskPath,
    Standing,
)
from schemas.portfolio import PortfolioSpec
from schemas.results import Evaluation, Manifest
from schemas.terms import Quarter, Sample
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.kept_models import restore_published
from tasks.lake import published_file, published_graph, published_manifest, read_file, read_frame, read_json
from tasks.pages import written_pages
from tasks.panels import samples_of
from tasks.provenance import read_provenance
from tasks.settings import settings

#: the firm's own relations that are left out one at a time, the heaviest shares first
_ASKED = 60
#: the same where each takes a pass over the whole graph
_FEW_ASKED = 20
_PARTNERS_SHOWN = 60
_CHANGES_SHOWN = 12
_FACTORS_SHOWN = 12
_DIRECTIONS = {"out": "target", "in": "source", "": ""}
_WRITERS: dict[str, Callable[[FirmExplanation], str]] = {
    "explanation.md": explanation_markdown,
    "explanation.html": explanation_html,
}


class WrittenExplanation(Frozen):
    """An explanation and the files that hold it, by their full paths."""

    content: FirmExplanation
    files: tuple[str, ...]


def written_explanation(portfolio: str, firm: str, quarter: Quarter | None) -> WrittenExplanation:
    """Explain a firm's published score and write the explanation to the lake; the same again changes nothing.

    Parameters
    ----------
    portfolio
        The name under which it is in the catalogue.
    quarter
        The newest published one if None.

    Raises
    ------
    NotEnoughData
        If nothing is published, the refresh was pruned or kept no settings, or the firm is not in its graph.
    IntegrityError
        If a published file is not what was recorded.
    """
    home = settings().home
    published = _published(portfolio, quarter)
    content = _Explaining(home, published, firm).content()
    files = written_pages(
        home,
        "explanation",
        content,
        _WRITERS,
        portfolio=portfolio,
        quarter=content.quarter,
        fingerprint=content.fingerprint,
        name=f"{content.quarter}-{folder_name(firm)}-{content.refresh[:12]}",
    )
    return WrittenExplanation(content=content, files=files)


def folder_name(firm: str) -> str:
    """Return a firm's id as a part of a folder's name: as it is where that is safe, else a digest of it too."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", firm):
        return firm
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", firm)[:32].strip("_")
    return f"{plain or 'firm'}_{hashlib.sha256(firm.encode()).hexdigest()[:16]}"


def _published(portfolio: str, quarter: Quarter | None) -> PublishedRefresh:
    catalogue = open_catalogue(settings().database_url)
    newest = catalogue.latest_published(portfolio)
    found = newest if quarter is None else catalogue.current(portfolio, quarter)
    if found is None:
        raise NotEnoughData(
            f"{quarter or 'No quarter'} of {portfolio} has been published: there is no score to explain.",
            expected=f"a published refresh of {portfolio}" + (f" for {quarter}" if quarter else ""),
            found=f"the newest published quarter is {newest.refresh.quarter}" if newest else "no published refresh",
            way_out=f"run `creditnet refresh --portfolio {portfolio}`, or name a published quarter",
        )
    return found


def _row_of(graph: CorporateGraph, firm: str) -> int:
    place = int(np.searchsorted(graph.firms, firm))
    if place < graph.size and graph.firms[place] == firm:
        return place
    known = graph.firms.tolist()
    near = nearest(firm, known[:5000])
    raise NotEnoughData(
        f"Firm {firm!r} is not in the graph of {graph.as_of}: it has no score.",
        expected=f"the id of one of {graph.size:,} firms, such as {examples(known, 3)}",
        found=repr(firm),
        way_out=f"did you mean {near}?" if near else "ask for a firm that was known at the end of the quarter",
    )


@dataclass
class _Explaining:
    """One published refresh and one of its firms."""

    home: Path
    published: PublishedRefresh
    firm: str

    def __post_init__(self) -> None:
        one = self.published
        self.manifest: Manifest = published_manifest(self.home, one.folder, one.manifest_sha256)
        self.portfolio: PortfolioSpec = read_provenance(self.home, one, self.manifest).portfolio
        self.graph = graph_from_bytes(read_file(self.home, published_graph(one.folder, self.manifest)))
        self.row = _row_of(self.graph, self.firm)
        evaluation = read_json(self.home, self._file("evaluation.json"), Evaluation)
        self.result = next(one for one in evaluation.candidates if one.name == evaluation.chosen)
        self.spec = next(one for one in self.portfolio.candidates if one.name == evaluation.chosen)
        scheme = self.portfolio.primary_scheme
        self.model: Fitted = restore_published(self.home, one.folder, self.manifest, self.spec, scheme)

    def _file(self, name: str):  # type: ignore[no-untyped-def]
        return published_file(self.published.folder, self.manifest, name)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """As published, (n, classes)."""
        scheme = self.portfolio.primary_scheme
        return read_frame(self.home, self._file(f"models/{scheme}/{self.spec.name}/quarter.parquet")).to_numpy()

    @cached_property
    def risk(self) -> NDArray[np.float64]:
        """Probability of an unfavourable class, (n,)."""
        return unfavourable_probability(self.probabilities, self.portfolio.target)

    @cached_property
    def unfavourable(self) -> NDArray[np.bool_]:
        """Whether the predicted class is unfavourable, (n,)."""
        classes = predicted_classes(self.probabilities, self.portfolio.target, self.result.threshold)
        return ~favourable(classes, self.portfolio.target)

    @cached_property
    def development(self) -> Development:
        """The rows that the candidate learnt from."""
        dealt = read_frame(self.home, self._file("split.parquet"))
        samples, _ = samples_of(dealt, self.portfolio.primary_scheme)
        vintages = dealt["quarter"].unique(maintain_order=True).to_list()
        graphs = [graph_from_bytes(read_file(self.home, self._file(f"graphs/{one}.safetensors"))) for one in vintages]
        return Development(block_diagonal(graphs), samples == Sample.DEVELOPMENT)

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of firms by id; empty where the portfolio declares no column of names."""
        if self.portfolio.firms.name is None:
            return {}
        rows = newest_firms(read_frame(self.home, self._file("admitted/firms.parquet")), self.graph.as_of)
        return dict(rows.select("firm_id", pl.col("name").fill_null("")).iter_rows())

    @cached_property
    def in_distress(self) -> NDArray[np.bool_]:
        """Firms with an unfavourable class, predicted now or in the newest known outcome, (n,)."""
        outcomes = read_frame(self.home, self._file("outcomes.parquet"))
        newest = outcomes.filter(pl.col("vintage") == pl.col("vintage").max()).select("firm_id", "outcome")
        known = pl.DataFrame({"firm_id": self.graph.firms}).join(
            newest, on="firm_id", how="left", maintain_order="left"
        )
        classes = known["outcome"].fill_null(-1).to_numpy()
        return self.unfavourable | ((classes >= 0) & ~favourable(classes, self.portfolio.target))

    def content(self) -> FirmExplanation:
        """Explain the score."""
        target = self.portfolio.target
        with threadpool_limits(self.portfolio.training.threads, user_api="blas"):
            found = contributions(self.model, self.graph, np.array([self.row]), self.development, target)
            effects, asked = self._relation_effects()
            changes = [*self._item_changes(), *self._relation_changes(effects)]
        path = self._path()
        shares = sorted(self._shares(found), key=lambda one: -abs(one.contribution))
        uses_graph = any(factor.network for factor in found.factors)
        partners = self._partners(effects)
        return FirmExplanation(
            portfolio=self.portfolio.name,
            title=self.portfolio.title,
            quarter=self.manifest.quarter,
            refresh=self.published.key,
            fingerprint=self.manifest.fingerprint,
            model_version=f"{self.published.model_name} {self.published.model_version}",
            firm=self.firm,
            name=self.names.get(self.firm, ""),
            candidate=self.spec.name,
            kind=self.spec.kind,
            family=self.portfolio.family_of(self.spec),
            target=target.label,
            threshold=self.result.threshold if len(target.classes) == 2 else None,
            standing=self._standing(self.probabilities[self.row]),
            log_odds=float(found.log_odds[0]),
            rest=float(found.rest[0]),
            exact=found.exact,
            method=method(found),
            uses_graph=uses_graph,
            reasons=reasons(found, self.portfolio)[0],
            own=tuple(one for one in shares if not one.network)[:_FACTORS_SHOWN],
            network=tuple(one for one in shares if one.network)[:_FACTORS_SHOWN],
            partners=tuple(partners[:_PARTNERS_SHOWN]),
            asked=asked,
            path=path,
            path_missing="" if path else "No firm in distress is within three relations.",
            counterfactuals=tuple(changes),
            relations_missing=self._relations_missing(uses_graph, asked),
            picture=self._picture(partners, path),
        )

    def _relations_missing(self, uses_graph: bool, asked: int) -> str:
        if not uses_graph:
            return f"{self.spec.name} does not hear the firms around: no relation moves the score."
        return "" if asked else f"{self.spec.name} asks of a firm's place only, or the firm has no relation."

    def _standing(self, probabilities: NDArray[np.float64]) -> Standing:
        target = self.portfolio.target
        [index] = predicted_classes(probabilities[None, :], target, self.result.threshold)
        probability = float(unfavourable_probability(probabilities[None, :], target)[0])
        return Standing(
            probability=probability,
            predicted_class=target.classes[index],
            favourable=target.classes[index] in target.favourable,
            grade=self._grade(probability),
        )

    def _grade(self, probability: float) -> str:
        scale = self.portfolio.master_scale
        return scale.grades[int(grades_of([probability], scale)[0])].name

    def _shares(self, found: Contributions) -> Iterator[FactorShare]:
        groups = getattr(self.spec, "features", None)
        for place, factor in enumerate(found.factors):
            value = float(found.values[0, place])
            if abs(value) < 1e-9:
                continue
            here, typical = self._value(factor) if groups else (None, None)
            yield FactorShare(
                text=default_text(factor, "level"),
                feature=" ".join(filter(None, (factor.relation, factor.side, factor.feature, factor.aspect))),
                network=factor.network,
                contribution=round(value, 6),
                value=here,
                typical=typical,
            )

    def _value(self, factor: Factor) -> tuple[float | None, float | None]:
        """Return an own item's value and its median in development; None where it is no number or not known."""
        if factor.network or factor.aspect or factor.feature not in self.graph.feature_names:
            return None, None
        place = self.graph.feature_names.index(factor.feature)
        here = float(self.graph.features[self.row, place])
        known = self.development.graph.features[self.development.rows, place]
        return (None if np.isnan(here) else here), float(np.nanmedian(known))

    def _relation_effects(self) -> tuple[dict[tuple[str, str, str], float], int]:
        """Return what each relation of the firm adds to its log-odds, by relation, source and target, and how many."""
        target = self.portfolio.target
        adverse = [index for index, name in enumerate(target.classes) if name not in target.favourable]
        door = opened(self.model, self.graph, adverse)
        about = door.about(self.row)
        most = _FEW_ASKED if isinstance(door, OpenedWhole) else _ASKED
        own = [place for place, edge in enumerate(about.edges) if edge.hop == 0]
        weights = self._weights()
        own.sort(key=lambda place: -max((weights.get((one, *about.edges[place][:2]), 0.0)
                 for one in about.edges[place].relation.split(" + ")), default=0.0))  # fmt: skip
        own = own[:most]
        if not own:
            return {}, 0
        kept = np.ones((len(own), len(about.edges)), dtype=np.bool_)
        kept[np.arange(len(own)), own] = False
        effect = float(about.log_odds()[0]) - about.log_odds(kept)
        return {
            (about.edges[place].relation, about.edges[place].source, about.edges[place].target): float(value)
            for place, value in zip(own, effect, strict=True)
        }, len(own)

    def _weights(self) -> dict[tuple[str, str, str], float]:
        """Return the share of each of the firm's relations on its side, by relation, source and target."""
        return {one[:3]: one[3] for one in self._related()}

    def _related(self) -> Iterator[tuple[str, str, str, float, float]]:
        """Yield relation, source, target, share and weight of each relation of the firm."""
        firms = self.graph.firms
        for (relation, side), adjacency in self.sides.items():
            row = slice(adjacency.indptr[self.row], adjacency.indptr[self.row + 1])
            total = float(np.maximum(adjacency.data[row], 0).sum())
            for partner, weight in zip(adjacency.indices[row].tolist(), adjacency.data[row].tolist(), strict=True):
                ends = (self.firm, str(firms[partner]))
                ends = ends[::-1] if side == "in" or (side == "" and ends[0] > ends[1]) else ends
                yield relation, *ends, max(weight, 0.0) / total if total else 0.0, float(weight)

    @cached_property
    def sides(self):  # type: ignore[no-untyped-def]
        """Adjacency by relation and side."""
        return side_adjacency(self.graph)

    def _partners(self, effects: dict[tuple[str, str, str], float]) -> list[Partner]:
        joined = {
            (relation, source, target): effect
            for (names, source, target), effect in effects.items()
            for relation in names.split(" + ")
        }
        joined |= {
            (relation, b, a): effect for (relation, a, b), effect in joined.items() if (relation, b, a) not in joined
        }
        found = []
        for relation, source, target, _, weight in self._related():
            other = target if source == self.firm else source
            place = int(np.searchsorted(self.graph.firms, other))
            directed = self.graph.relations[relation].directed
            found.append(
                Partner(
                    firm=other,
                    name=self.names.get(other, ""),
                    relation=relation,
                    direction=("target" if source == self.firm else "source") if directed else "",
                    weight=weight,
                    probability=float(self.risk[place]),
                    unfavourable=bool(self.unfavourable[place]),
                    effect=joined.get((relation, source, target)),
                )
            )
        return sorted(found, key=lambda one: (-abs(one.effect or 0.0), -(one.probability or 0.0), one.firm))

    def _path(self) -> RiskPath | None:
        found: FoundPath | None = strongest_path(self.sides, self.row, self.risk, self.in_distress)
        if found is None:
            return None
        steps = [
            PathStep(
                firm=str(self.graph.firms[way.firm]),
                name=self.names.get(str(self.graph.firms[way.firm]), ""),
                probability=float(self.risk[way.firm]),
                relation=way.relation,
                direction=_DIRECTIONS[way.side],
                share=round(way.share, 6),
            )
            for way in found.ways
        ]
        last = PathStep(
            firm=self.firm, name=self.names.get(self.firm, ""), probability=float(self.risk[self.row]), relation="",
            direction="", share=None,
        )  # fmt: skip
        return RiskPath(steps=(*steps, last), strength=found.strength)

    def _item_changes(self) -> list[Counterfactual]:
        """Return the smallest move of each own item that changes the class, or else the grade, smallest first."""
        levels = LEVELS if is_quick(self.model) else FEW_LEVELS
        known = self.development.graph.features[self.development.rows]
        moves, items = single_moves(self.graph, self.row, known, levels)
        if not moves:
            return []
        found = with_own_items(self.model, self.graph, self.row, items)
        best: dict[str, Counterfactual] = {}
        for move, probabilities in zip(moves, found, strict=True):
            one = self._change(move, self._standing(probabilities))
            if one is not None and (one.subject not in best or _order(one) < _order(best[one.subject])):
                best[one.subject] = one
        return sorted(best.values(), key=_order)[:_CHANGES_SHOWN]

    def _change(self, move: Move, then: Standing) -> Counterfactual | None:
        if not self._turns(then):
            return None
        category = any(name.startswith(f"{move.feature}=") for name in self.graph.feature_names)
        before, after = (
            (self._category(move.feature, value) if category else ("not known" if np.isnan(value) else f"{value:.4g}"))
            for value in (move.before, move.after)
        )
        return Counterfactual(
            subject=move.feature,
            partner="",
            partner_name="",
            before=before,
            after=after,
            distance=move.distance,
            then=then,
            class_changes=self._class_changes(then),
        )

    def _category(self, feature: str, place: float) -> str:
        values = [name.partition("=")[2] for name in self.graph.feature_names if name.startswith(f"{feature}=")]
        return values[int(place)] if place >= 0 else "not known"

    def _relation_changes(self, effects: dict[tuple[str, str, str], float]) -> list[Counterfactual]:
        """Return the relations whose loss alone changes the class or the grade, the most telling first."""
        weights = {(relation, source, target): weight for relation, source, target, _, weight in self._related()}
        found = []
        for (relation, source, target), effect in effects.items():
            then = self._without(effect)
            if not self._turns(then):
                continue
            other = target if source == self.firm else source
            weight = sum(weights.get((one, source, target), 0.0) for one in relation.split(" + "))
            found.append(
                Counterfactual(
                    subject=relation,
                    partner=other,
                    partner_name=self.names.get(other, ""),
                    before=f"{weight:.4g}",
                    after="no relation",
                    distance=None,
                    then=then,
                    class_changes=self._class_changes(then),
                )
            )
        here = self.risk[self.row]
        found.sort(key=lambda one: (not one.class_changes, -abs(one.then.probability - here), one.partner))
        return found[:_CHANGES_SHOWN]

    def _without(self, effect: float) -> Standing:
        """Return where the score would stand with log-odds that are lower by `effect`."""
        target = self.portfolio.target
        two = len(target.classes) == 2
        bad = target.classes[1] not in target.favourable
        maps = self.model.maps if isinstance(self.model, FittedCalibrated) and two else None
        here = self.risk[self.row]
        if maps is not None:
            base = self.model.base.probabilities(self.graph)[self.row]  # type: ignore[union-attr]
            here = float(unfavourable_probability(base[None, :], target)[0])
        here = min(max(float(here), 1e-12), 1 - 1e-12)
        probability = 1 / (1 + (1 - here) / here * np.exp(effect))
        if not two:
            return Standing(
                probability=probability, predicted_class=None, favourable=None, grade=self._grade(probability)
            )
        both = np.array([1 - probability, probability] if bad else [probability, 1 - probability])
        return self._standing(both if maps is None else mapped(both[None, :], maps)[0])

    def _class_changes(self, then: Standing) -> bool:
        now = self._standing(self.probabilities[self.row])
        return then.favourable is not None and then.favourable != now.favourable

    def _turns(self, then: Standing) -> bool:
        """Tell whether a change moves class or grade the way that matters: up if unfavourable, otherwise down."""
        now = self._standing(self.probabilities[self.row])
        better = then.probability < now.probability
        return better != now.favourable and (then.grade != now.grade or self._class_changes(then))

    def _picture(self, partners: list[Partner], path: RiskPath | None) -> Picture:
        union = self.graph.union()
        places = {str(firm): place for place, firm in enumerate(self.graph.firms.tolist())}
        on_path = [places[step.firm] for step in path.steps] if path else []
        importance: dict[int, float] = {}
        for one in partners:
            weight = abs(one.effect or 0.0) or 1e-6 * (one.probability or 0.0)
            importance[places[one.firm]] = max(importance.get(places[one.firm], 0.0), weight)
        drawn = drawn_firms(union, self.row, importance, on_path)
        there = set(drawn.firms)
        steps = set(itertools.pairwise(on_path))
        nodes = tuple(
            PictureNode(
                firm=str(self.graph.firms[one]),
                name=self.names.get(str(self.graph.firms[one]), ""),
                hop=hop,
                probability=round(float(self.risk[one]), 6),
                unfavourable=bool(self.unfavourable[one]),
                on_path=one in on_path,
                place=place,
            )
            for one, hop, place in zip(drawn.firms, drawn.hops, drawn.places, strict=True)
        )
        hops = dict(zip(drawn.firms, drawn.hops, strict=True))
        edges = []
        for name, relation in self.graph.relations.items():
            for source in drawn.firms:
                row = relation.indices[relation.indptr[source] : relation.indptr[source + 1]].tolist()
                for end in row:
                    if end not in there or (not relation.directed and end < source):
                        continue
                    if hops[source] == hops[end] == 2:
                        continue  # relations among the outermost would hide the others
                    edges.append(
                        PictureEdge(
                            source=str(self.graph.firms[source]),
                            target=str(self.graph.firms[end]),
                            relation=name,
                            directed=relation.directed,
                            on_path=(source, end) in steps or (end, source) in steps,
                        )
                    )
        return Picture(nodes=nodes, edges=tuple(edges), firms_near=drawn.near, firms_far=drawn.far)


def _order(one: Counterfactual) -> tuple[bool, bool, float, float]:
    distance = one.distance
    return not one.class_changes, distance is None, distance or 0.0, one.then.probability
