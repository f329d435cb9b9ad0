"""The search for less discriminatory alternatives among the candidates of a refresh.

An alternative is a finding for people: nothing here chooses a model. How well candidates rank is compared on
validation, as selection does; whom they favour, on the firms of the quarter, which needs no outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.bootstrap import PairedAuc
from models.network_part import as_many_favoured
from models.selection import SampleRows
from monitoring.group_measures import Flags, Grouping, Resampled, ScoredRows, impact_ratios
from schemas.fair_lending import Alternative, FairLending
from schemas.portfolio import PortfolioSpec
from schemas.results import CandidateResult, Evaluation, Interval
from schemas.terms import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """What candidates are compared on.

    Attributes
    ----------
    attributes : n rows
        The quarter's firms, with their protected attributes; `resampled` draws their communities.
    favourable
        By candidate, whether each firm's prediction is a favourable one, (n,), at its own cut-off.
    risk
        By candidate, each firm's probability of an unfavourable outcome, (n,).
    validation
        Outcomes of validation and every candidate's probabilities.
    """

    attributes: pl.DataFrame
    resampled: Resampled
    favourable: Mapping[str, Flags]
    risk: Mapping[str, Floats]
    validation: SampleRows


@dataclass(frozen=True)
class _Worst:
    """The lowest impact ratio of a candidate, (1 + draws,), and the group that has it on the firms as they are."""

    ratio: Floats
    group: str


def compared_alternatives(
    compared: Compared, evaluation: Evaluation, portfolio: PortfolioSpec
) -> tuple[Alternative, ...]:
    """Return every candidate beside the chosen one, in the portfolio's order; none without a protected attribute.

    The lowest ratio is sought anew on each resample, so that its interval knows that there were several groups to
    choose from. Every candidate is cut off so that it favours as many firms as the chosen one does: a candidate that
    favours nearly everyone has ratios near 1 for that alone.
    """
    groups = [Grouping.of([column]) for column in portfolio.protected_columns]
    if not groups:
        return ()
    settings, rows = portfolio.evaluation, compared.validation
    favoured = compared.favourable[evaluation.chosen]
    matched = {name: as_many_favoured(risk, favoured) for name, risk in compared.risk.items()}
    matched[evaluation.chosen] = favoured
    worst = {name: _worst(compared, favourable, groups, portfolio) for name, favourable in matched.items()}
    paired = PairedAuc(rows.truth, rows.communities, draws=settings.bootstrap_draws, seed=settings.seed)
    base = paired.of(evaluation.chosen, rows.probabilities[evaluation.chosen])
    found = []
    for one in evaluation.candidates:
        chosen = one.name == evaluation.chosen
        own, best = worst[one.name], worst[evaluation.chosen]
        difference = Interval(value=None) if chosen else paired.of(one.name, rows.probabilities[one.name]).minus(base)
        found.append(
            Alternative(
                candidate=one.name,
                family=one.family,
                chosen=chosen,
                favourable_rate=float(compared.favourable[one.name].mean()),
                auc=_auc(one),
                auc_difference=difference,
                worst_ratio=compared.resampled.interval(own.ratio),
                worst_group=own.group,
                ratio_difference=Interval(value=None)
                if chosen
                else compared.resampled.interval(own.ratio - best.ratio),
            )
        )
    return tuple(found)


def found_alternatives(fair: FairLending, limit: float) -> tuple[Alternative, ...]:
    """Return the alternatives that somebody has to answer for not taking.

    They are not significantly worse than the chosen candidate, and either favour the least favoured group more beyond
    chance, or keep the lowest ratio at the limit where the chosen candidate does not.
    """
    chosen = next((one for one in fair.alternatives if one.chosen), None)
    if chosen is None:
        return ()
    return tuple(
        one
        for one in fair.alternatives
        if not one.chosen and one.not_worse and (one.less_discriminatory or _mends(one, chosen, limit))
    )


def alternative_sentence(one: Alternative, fair: FairLending) -> str:
    """Say of an alternative what the finding is."""
    chosen = next(other for other in fair.alternatives if other.chosen)
    how = "beyond chance" if one.less_discriminatory else "within chance, but at the limit or above it"
    return (
        f"Less discriminatory alternative: {one.candidate} is not significantly worse than {fair.candidate} on "
        f"validation, and its lowest impact ratio is {one.worst_ratio.value:.3f} ({one.worst_group}) instead of "
        f"{chosen.worst_ratio.value:.3f} ({chosen.worst_group}) when both favour as many firms, {how}."
    )


def _mends(one: Alternative, chosen: Alternative, limit: float) -> bool:
    own, base = one.worst_ratio.value, chosen.worst_ratio.value
    return own is not None and base is not None and base < limit <= own


def _auc(one: CandidateResult) -> Interval:
    sample = one.samples.get(Sample.VALIDATION)
    return sample.metrics["auc"] if sample else Interval(value=None)


def _worst(compared: Compared, favourable: Flags, groups: Sequence[Grouping], portfolio: PortfolioSpec) -> _Worst:
    rows = ScoredRows(compared.attributes, compared.resampled, favourable)
    ratios = {
        f"{grouping.columns[0].name}: {grouping.groups[place][0]}": ratio
        for grouping in groups
        for place, ratio in impact_ratios(grouping, rows, portfolio.gates).items()
    }
    if not ratios:
        return _Worst(np.full(1 + portfolio.evaluation.bootstrap_draws, np.nan), "")
    lowest = np.fmin.reduce(list(ratios.values()))
    return _Worst(lowest, min(ratios, key=lambda name: ratios[name][0]))
