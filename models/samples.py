"""The sample of each firm-quarter under each scheme of a portfolio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.memberships import Membership
from models.panel import UNKNOWN, Panel
from models.splits import Deal, dealt_communities, dealt_entities, dealt_firms, published_samples, random_rows
from models.vintages import VintagePlan
from schemas.errors import NotEnoughData
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter, Sample, Scheme


def dealt_samples(
    rows: Panel,
    members: Membership,
    published: pl.Series | None,
    portfolio: PortfolioSpec,
    plan: VintagePlan,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Deal every firm-quarter into a sample, once for each scheme of the portfolio.

    Parameters
    ----------
    published
        The data set's own split value of each row, where there is one.

    Returns
    -------
    rows
        scheme, quarter, firm_id, community, group, sample; each scheme in the order of the panel.
    missing
        Why a sample could not be formed.
    """
    missing: dict[str, str] = {}
    parts = []
    for scheme in portfolio.split.schemes:
        samples, why = scheme_samples(scheme, rows, members, published, portfolio, plan)
        missing |= why
        parts.append(
            pl.DataFrame(
                {
                    "scheme": pl.Series([str(scheme)] * len(rows.truth), dtype=pl.String),
                    "quarter": rows.quarters,
                    "firm_id": rows.firms,
                    "community": [members.communities[firm] for firm in rows.firms.tolist()],
                    "group": [members.groups[firm] for firm in rows.firms.tolist()],
                    "sample": samples,
                }
            )
        )
        _refuse_thin(samples, scheme, rows, portfolio)
    if Scheme.COMMUNITY not in portfolio.split.schemes:
        missing[Sample.OUT_OF_COMMUNITY] = "the portfolio's split holds no communities out"
    return pl.concat(parts), missing


def scheme_samples(
    scheme: Scheme,
    rows: Panel,
    members: Membership,
    published: pl.Series | None,
    portfolio: PortfolioSpec,
    plan: VintagePlan,
) -> tuple[NDArray[np.str_], dict[str, str]]:
    """Deal every firm-quarter into a sample under one scheme; (n,) samples, and why one could not be formed.

    Every scheme but `published` learns from the planned development vintages only (`temporal`: from its own)
    and keeps the newest closed vintage apart. There, firms that are held out otherwise are `OUT_OF_BOTH`.
    """
    why: dict[str, str] = {}
    match scheme:
        case Scheme.PUBLISHED:
            if published is None or portfolio.split.published is None:
                raise ValueError("the scheme `published` needs the values of the data set's own split")
            dealt = published_samples(published, portfolio.split.published).to_numpy().astype(np.str_)
        case Scheme.TEMPORAL:
            dealt = _temporal_samples(rows, plan)
        case Scheme.RANDOM:
            dealt = random_rows(rows.quarters, rows.firms, portfolio.split)
        case Scheme.ENTITY:
            dealt, why = _entity_samples(rows, portfolio, plan)
        case Scheme.COMMUNITY:
            dealt, why = _community_samples(rows, members, portfolio, plan)
    if scheme not in (Scheme.PUBLISHED, Scheme.TEMPORAL):
        dealt = _in_time(dealt, rows, plan)
    return np.where(rows.truth == UNKNOWN, str(Sample.EXCLUDED), dealt), why


def later_samples(rows: Panel, plan: VintagePlan) -> NDArray[np.str_]:
    """Deal rows into development and out_of_time by their vintage alone; (n,) samples."""
    learnt, later = (str(Sample.DEVELOPMENT), str(Sample.OUT_OF_TIME))
    newest = () if plan.out_of_time is None else (plan.out_of_time,)
    dealt = np.where(_in_vintages(rows, plan.development), learnt, str(Sample.EXCLUDED))
    dealt = np.where(_in_vintages(rows, newest), later, dealt)
    return np.where(rows.truth == UNKNOWN, str(Sample.EXCLUDED), dealt)


def _in_time(dealt: NDArray[np.str_], rows: Panel, plan: VintagePlan) -> NDArray[np.str_]:
    """Keep the newest vintage apart, held-out firms in it from the others, and leave unplanned vintages out."""
    later = _in_vintages(rows, () if plan.out_of_time is None else (plan.out_of_time,))
    held = np.isin(dealt, [str(Sample.OUT_OF_COMMUNITY), str(Sample.UNSEEN_FIRMS)])
    in_time = np.where(_in_vintages(rows, plan.development), dealt, str(Sample.EXCLUDED))
    return np.where(later, np.where(held, str(Sample.OUT_OF_BOTH), str(Sample.OUT_OF_TIME)), in_time)


def _in_vintages(rows: Panel, vintages: Sequence[Quarter]) -> NDArray[np.bool_]:
    return np.isin(rows.quarters, [str(vintage) for vintage in vintages])


def _temporal_samples(rows: Panel, plan: VintagePlan) -> NDArray[np.str_]:
    samples = np.full(len(rows.truth), str(Sample.EXCLUDED), dtype=object)
    if plan.temporal is not None:
        samples[_in_vintages(rows, plan.temporal.learnt)] = str(Sample.DEVELOPMENT)
        samples[_in_vintages(rows, plan.temporal.judged)] = str(Sample.VALIDATION)
    if plan.out_of_time is not None:
        samples[_in_vintages(rows, (plan.out_of_time,))] = str(Sample.OUT_OF_TIME)
    return samples.astype(np.str_)


def _entity_samples(
    rows: Panel, portfolio: PortfolioSpec, plan: VintagePlan
) -> tuple[NDArray[np.str_], dict[str, str]]:
    firms, inverse = np.unique(rows.firms, return_inverse=True)
    learnt = (rows.truth != UNKNOWN) & _in_vintages(rows, plan.development)
    bad = [index for index, name in enumerate(portfolio.target.classes) if name not in portfolio.target.favourable]
    # A firm that has been seen in several classes counts for an unfavourable one, if there is any.
    severity = np.where(np.isin(rows.truth, bad), len(portfolio.target.classes) + rows.truth, rows.truth)
    worst = np.full(len(firms), UNKNOWN)
    np.maximum.at(worst, inverse[learnt], severity[learnt])
    known = worst != UNKNOWN
    deal = dealt_entities(firms[known], worst[known], portfolio.split)
    # A firm that was never learnt from is new when it is seen later.
    samples = [str(deal.samples.get(firm, Sample.UNSEEN_FIRMS)) for firm in rows.firms.tolist()]
    return np.array(samples, dtype=np.str_), deal.missing


def _community_samples(
    rows: Panel, members: Membership, portfolio: PortfolioSpec, plan: VintagePlan
) -> tuple[NDArray[np.str_], dict[str, str]]:
    learnt = (rows.truth != UNKNOWN) & _in_vintages(rows, plan.development)
    firms, inverse = np.unique(rows.firms, return_inverse=True)
    counts = np.bincount(inverse, weights=learnt, minlength=len(firms)).astype(np.float64)
    outcomes = np.bincount(inverse, weights=np.where(learnt, rows.truth, 0), minlength=len(firms)).astype(np.float64)
    groups = np.array([members.groups[firm] for firm in firms.tolist()])
    deal = dealt_communities(groups, outcomes, counts, portfolio.split)
    keys = [members.groups[firm] for firm in rows.firms.tolist()]
    if not deal.samples:
        _refuse_known(portfolio, deal.missing)
        deal = Deal(dealt_firms(firms[counts > 0], portfolio.split).samples, deal.missing)
        keys = rows.firms.tolist()
    samples = [str(deal.samples.get(key, Sample.EXCLUDED)) for key in keys]
    return np.array(samples, dtype=np.str_), deal.missing


def _refuse_known(portfolio: PortfolioSpec, missing: Mapping[str, str]) -> None:
    """Refuse to validate on single firms where the scores are for communities that development does not know."""
    if portfolio.use is not None and portfolio.use.firms_from == "unseen_communities":
        raise NotEnoughData(
            "The graph has no communities to validate on that development does not know.",
            expected="communities that can be held out, as `use.firms_from: unseen_communities` asks for",
            found="; ".join(missing.values()),
            way_out="raise `graph.community_resolution`, give a `split.partition`, or say `known_communities`",
        )


def _refuse_thin(samples: NDArray[np.str_], scheme: Scheme, rows: Panel, portfolio: PortfolioSpec) -> None:
    for sample in (Sample.DEVELOPMENT, Sample.VALIDATION):
        truth = rows.truth[samples == str(sample)]
        classes = [portfolio.target.classes[index] for index in np.unique(truth)]
        if len(classes) < 2:
            way_out = "deliver more outcomes, take more `development_vintages`, or change the shares under `split`"
            if scheme is Scheme.TEMPORAL:
                way_out = (
                    "deliver earlier vintages (validation lies one label horizon before the newest closed one, and "
                    "development another one before that), or leave `temporal` out of `split.schemes`"
                )
            raise NotEnoughData(
                f"The {sample} sample has outcomes of one class only.",
                expected=f"at least two of the classes {', '.join(portfolio.target.classes)}",
                found=f"{len(truth):,} firm-quarters, all {classes[0]!r}" if classes else "no firm-quarter",
                way_out=way_out,
            )
