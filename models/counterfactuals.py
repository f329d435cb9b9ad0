"""Which single change would move a firm's class or grade: an own item at another value, or one relation lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibrated import FittedCalibrated, mapped
from models.contributions import Development
from models.corporate_graph import CorporateGraph
from models.fitted import Fitted
from models.rating_scale import grades_of
from models.scoring import predicted_classes, unfavourable_probability
from models.what_if import FEW_LEVELS, LEVELS, Move, is_quick, single_moves, with_own_items
from schemas.explanations import Counterfactual, Standing
from schemas.portfolio import PortfolioSpec

#: a relation of a firm by name, source and target
Related = tuple[str, str, str]

#: changes told of items and of relations
_MOST = 12


@dataclass(frozen=True)
class Verdicts:
    """How probabilities become a class and a grade, and where a firm stands now.

    Parameters
    ----------
    threshold
        The cut-off on the positive class of two.
    present : (classes,)
        The firm's probabilities.
    """

    portfolio: PortfolioSpec
    threshold: float
    present: NDArray[np.float64]

    @property
    def standing(self) -> Standing:
        """Where the firm stands."""
        return self.of(self.present)

    def of(self, probabilities: NDArray[np.float64]) -> Standing:
        """Return where these probabilities, (classes,), stand."""
        target = self.portfolio.target
        [index] = predicted_classes(probabilities[None, :], target, self.threshold)
        [probability] = unfavourable_probability(probabilities[None, :], target)
        return Standing(
            probability=float(probability),
            predicted_class=target.classes[index],
            favourable=target.classes[index] in target.favourable,
            grade=self.grade(float(probability)),
        )

    def grade(self, probability: float) -> str:
        """Return the grade of the master scale."""
        scale = self.portfolio.master_scale
        return scale.grades[int(grades_of([probability], scale)[0])].name

    def class_changes(self, then: Standing) -> bool:
        """Tell whether the class turns from favourable to unfavourable, or back."""
        return then.favourable is not None and then.favourable != self.standing.favourable

    def turns(self, then: Standing) -> bool:
        """Tell whether class or grade move the way that matters: up for an unfavourable firm, down for another."""
        now = self.standing
        better = then.probability < now.probability
        return better != now.favourable and (then.grade != now.grade or self.class_changes(then))


def item_changes(
    model: Fitted, graph: CorporateGraph, firm: int, development: Development, verdicts: Verdicts
) -> list[Counterfactual]:
    """Return the smallest move of each own item that changes the class, or else the grade; the smallest first.

    Items are moved along their quantiles in development; of categories every other value is tried.
    """
    known = development.graph.features[development.rows]
    moves, items = single_moves(graph, firm, known, LEVELS if is_quick(model) else FEW_LEVELS)
    best: dict[str, Counterfactual] = {}
    for move, probabilities in zip(moves, with_own_items(model, graph, firm, items) if moves else (), strict=True):
        then = verdicts.of(probabilities)
        if not verdicts.turns(then):
            continue
        one = Counterfactual(
            subject=move.feature,
            partner="",
            partner_name="",
            before=_told(graph, move, move.before),
            after=_told(graph, move, move.after),
            distance=move.distance,
            then=then,
            class_changes=verdicts.class_changes(then),
        )
        if one.subject not in best or _order(one) < _order(best[one.subject]):
            best[one.subject] = one
    return sorted(best.values(), key=_order)[:_MOST]


def relation_changes(
    effects: Mapping[Related, float],
    weights: Mapping[Related, float],
    firm: str,
    names: Mapping[str, str],
    without: Mapping[Related, Standing],
    verdicts: Verdicts,
) -> list[Counterfactual]:
    """Return the relations whose loss alone changes the class or the grade, those that turn the class first.

    Parameters
    ----------
    effects
        What each relation adds to the log-odds; several relations between two firms may be one, joined by `` + ``.
    weights
        By single relation.
    without
        Where the firm would stand without each.
    """
    found = []
    for related in effects:
        then = without[related]
        if not verdicts.turns(then):
            continue
        relation, source, target = related
        other = target if source == firm else source
        # A network that hears all relations alike names the pair by their ids, whichever way the relation leads.
        weight = sum(
            weights.get((one, source, target), weights.get((one, target, source), 0.0)) for one in relation.split(" + ")
        )
        found.append(
            Counterfactual(
                subject=relation,
                partner=other,
                partner_name=names.get(other, ""),
                before=f"{weight:.4g}",
                after="no relation",
                distance=None,
                then=then,
                class_changes=verdicts.class_changes(then),
            )
        )
    here = verdicts.standing.probability
    return sorted(found, key=lambda one: (not one.class_changes, -abs(one.then.probability - here), one.partner))[
        :_MOST
    ]


def lowered(model: Fitted, graph: CorporateGraph, firm: int, effect: float, verdicts: Verdicts) -> Standing:
    """Return where a firm would stand with log-odds that are lower by `effect`, before calibration.

    With more than two classes only the probability of the unfavourable ones is known, and a calibration is passed by.
    """
    target = verdicts.portfolio.target
    two = len(target.classes) == 2
    maps = model.maps if isinstance(model, FittedCalibrated) and two else None
    now = verdicts.present
    if maps is not None and isinstance(model, FittedCalibrated):
        now = model.base.probabilities(graph)[firm]
    here = float(np.clip(unfavourable_probability(now[None, :], target)[0], 1e-12, 1 - 1e-12))
    probability = float(1 / (1 + (1 - here) / here * np.exp(effect)))
    if not two:
        grade = verdicts.grade(probability)
        return Standing(probability=probability, predicted_class=None, favourable=None, grade=grade)
    second = probability if target.classes[1] not in target.favourable else 1 - probability
    both = np.array([[1 - second, second]])
    return verdicts.of(both[0] if maps is None else mapped(both, maps)[0])


def category_value(graph: CorporateGraph, feature: str, place: float) -> str:
    """Return the value of a category by its place among the columns; below 0 it is not known."""
    values = [name.partition("=")[2] for name in graph.feature_names if name.startswith(f"{feature}=")]
    return values[int(place)] if place >= 0 else "not known"


def _told(graph: CorporateGraph, move: Move, value: float) -> str:
    if any(name.startswith(f"{move.feature}=") for name in graph.feature_names):
        return category_value(graph, move.feature, value)
    return "not known" if np.isnan(value) else f"{value:.4g}"


def _order(one: Counterfactual) -> tuple[bool, bool, float, float]:
    return not one.class_changes, one.distance is None, one.distance or 0.0, one.then.probability
