"""How a fixed cheap model fares under different ways of splitting the same firm-quarters.

Random rows are the most flattering: another quarter of a test firm, its near-duplicates and its neighbours have
all been learnt from. What the AUC loses from there to whole communities, or to a later vintage, is what a random
split would have promised and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.folds import balanced_folds, hashed_folds
from models.sample_overlap import crossing_share, near_duplicates
from models.yardstick import HeldOutAuc, Holdout, YardstickRows, held_out_auc
from schemas.audits import SplitMeasure
from schemas.results import AuditFinding, Interval
from schemas.specs import TrainingSpec
from schemas.terms import Sample, Scheme

#: the sample that each scheme is there for, from the most flattering scheme on
TESTED = {
    Scheme.RANDOM: Sample.RANDOM_TEST,
    Scheme.PUBLISHED: Sample.PUBLISHED_TEST,
    Scheme.ENTITY: Sample.UNSEEN_FIRMS,
    Scheme.COMMUNITY: Sample.OUT_OF_COMMUNITY,
    Scheme.TEMPORAL: Sample.OUT_OF_TIME,
}
_FOLDS = 5


@dataclass(frozen=True)
class SplitRows:
    """A panel to split in different ways; n rows.

    Attributes
    ----------
    evidence
        What the model is fitted and tested on.
    unfavourable : (n,) bool
    quarters, firms, groups : (n,) str
        The vintage, the firm, and what the scheme `community` holds together.
    learnt : (n,) bool
        Rows of the development vintages with a known outcome.
    later : (n,) bool
        Rows of the newest closed vintage with a known outcome.
    published : (n,) str, optional
        The sample of each row under the data set's own split.
    """

    graph: CorporateGraph
    evidence: YardstickRows
    unfavourable: NDArray[np.bool_]
    quarters: NDArray[np.str_]
    firms: NDArray[np.str_]
    groups: NDArray[np.str_]
    learnt: NDArray[np.bool_]
    later: NDArray[np.bool_]
    published: NDArray[np.str_] | None


def split_measures(rows: SplitRows, training: TrainingSpec, *, draws: int) -> tuple[SplitMeasure, ...]:
    """Measure the model under every way to split that the data allow; the others say why not."""
    holdouts = {scheme: _holdouts(scheme, rows, training.seed) for scheme in TESTED}
    found = {
        scheme: held_out_auc(rows.evidence, parts, training=training, draws=draws)
        for scheme, parts in holdouts.items()
        if not isinstance(parts, str)
    }
    union = rows.graph.union()
    return tuple(
        SplitMeasure(scheme=scheme, sample=TESTED[scheme], reason=parts)
        if isinstance(parts, str)
        else _measure(scheme, rows, union, parts, found)
        for scheme, parts in holdouts.items()
    )


def gap_finding(measures: Sequence[SplitMeasure], limit: float) -> AuditFinding | None:
    """Hold the gap between random rows and whole communities against the portfolio's limit on leakage."""
    gap = next(measure.gap for measure in measures if measure.scheme is Scheme.COMMUNITY)
    if gap.value is None:
        return None
    return AuditFinding(
        check="random flatters",
        subject="random rows against whole communities",
        value=gap.value,
        limit=limit,
        beyond=gap.value > limit,
        explanation="AUC of a fixed cheap model with random rows held out minus with whole communities held out",
    )


def _holdouts(scheme: Scheme, rows: SplitRows, seed: int) -> list[Holdout] | str:
    """Return the hold-outs of a scheme, or why there are none."""
    learnt = rows.learnt
    outcome = rows.unfavourable[learnt].astype(np.int64)
    match scheme:
        case Scheme.RANDOM:
            keys = np.char.add(np.char.add(rows.quarters[learnt], " "), rows.firms[learnt])
            return _folded(hashed_folds(keys, outcome, _FOLDS, seed), learnt)
        case Scheme.ENTITY:
            firms, place = np.unique(rows.firms[learnt], return_inverse=True)
            ever = np.zeros(len(firms), dtype=np.int64)
            np.maximum.at(ever, place, outcome)
            return _folded(hashed_folds(firms, ever, _FOLDS, seed)[place], learnt)
        case Scheme.COMMUNITY:
            if len(np.unique(rows.groups[learnt])) < 2:
                return "all firms are in one community"
            return _folded(balanced_folds(rows.groups[learnt], outcome.astype(np.float64), _FOLDS), learnt)
        case Scheme.TEMPORAL:
            return [Holdout(learnt, rows.later)] if rows.later.any() else "there is one closed vintage"
        case Scheme.PUBLISHED:
            return _published(rows)


def _published(rows: SplitRows) -> list[Holdout] | str:
    if rows.published is None:
        return "the portfolio names no split of the data set's own"
    fit = np.isin(rows.published, [str(Sample.DEVELOPMENT), str(Sample.VALIDATION)])
    return [Holdout(fit, rows.published == str(Sample.PUBLISHED_TEST))]


def _folded(folds: NDArray[np.int64], learnt: NDArray[np.bool_]) -> list[Holdout]:
    of_row = np.full(len(learnt), -1)
    of_row[learnt] = folds
    return [Holdout(learnt & (of_row != fold), of_row == fold) for fold in range(int(folds.max()) + 1)]


def _measure(
    scheme: Scheme,
    rows: SplitRows,
    union: sp.csr_array,
    holdouts: Sequence[Holdout],
    found: Mapping[Scheme, HeldOutAuc],
) -> SplitMeasure:
    auc = found[scheme].interval()
    crossing = [crossing_share(union, part.test, part.fit) for part in holdouts]
    twins = [near_duplicates(union, part.test, part.fit, rows.quarters, rows.unfavourable) for part in holdouts]
    return SplitMeasure(
        scheme=scheme,
        sample=TESTED[scheme],
        folds=len(holdouts),
        fitted=round(sum(int(part.fit.sum()) for part in holdouts) / len(holdouts)),
        tested=sum(int(part.test.sum()) for part in holdouts),
        auc=auc,
        gap=found[Scheme.RANDOM].minus(found[scheme]) if scheme is not Scheme.RANDOM else Interval(value=None),
        crossing_edges=_mean_of([share for share in crossing if share is not None]),
        near_duplicates=_mean_of([twin.share for twin in twins if twin is not None]),
        reason="" if auc.value is not None else "outcomes of one class only",
    )


def _mean_of(shares: Sequence[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None
