"""How a fixed cheap model fares under different ways of splitting the same firm-quarters.

Random rows are the most flattering: another quarter of a test firm, its near-duplicates and its neighbours have
all been learnt from. What the AUC loses from there to whole communities, or to a later vintage, is what a random
split would have promised and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.sample_overlap import crossing_share, near_duplicates
from models.yardstick import HeldOutAuc, YardstickRows, held_out_auc
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


@dataclass(frozen=True)
class SplitRows:
    """A panel under several schemes; n rows.

    Attributes
    ----------
    evidence
        What the model is fitted and tested on.
    samples
        Sample of each row under each scheme that could be dealt; (n,) each.
    reasons
        Why the others could not.
    """

    graph: CorporateGraph
    evidence: YardstickRows
    unfavourable: NDArray[np.bool_]
    vintages: NDArray[np.str_]
    samples: Mapping[Scheme, NDArray[np.str_]]
    reasons: Mapping[Scheme, str]


def split_measures(rows: SplitRows, training: TrainingSpec, *, draws: int) -> tuple[SplitMeasure, ...]:
    """Fit on development and validation together and test on the scheme's own sample, scheme by scheme."""
    masks = {scheme: _masks(dealt, TESTED[scheme]) for scheme, dealt in rows.samples.items()}
    found = {
        scheme: held_out_auc(rows.evidence, fit=fit, test=test, training=training, draws=draws)
        for scheme, (fit, test) in masks.items()
    }
    union = rows.graph.union()
    return tuple(
        _measure(scheme, rows, union, *masks[scheme], found)
        if scheme in masks and masks[scheme][1].any()
        else SplitMeasure(scheme=scheme, sample=sample, reason=rows.reasons.get(scheme, "nothing is left to test on"))
        for scheme, sample in TESTED.items()
    )


def gap_finding(measures: tuple[SplitMeasure, ...], limit: float) -> AuditFinding | None:
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
        explanation="AUC of a fixed cheap model on random rows minus on whole communities held out",
    )


def _masks(samples: NDArray[np.str_], tested: Sample) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return np.isin(samples, [str(Sample.DEVELOPMENT), str(Sample.VALIDATION)]), samples == str(tested)


def _measure(
    scheme: Scheme,
    rows: SplitRows,
    union: sp.csr_array,
    fit: NDArray[np.bool_],
    test: NDArray[np.bool_],
    found: Mapping[Scheme, HeldOutAuc],
) -> SplitMeasure:
    twins = near_duplicates(union, test, fit, rows.vintages, rows.unfavourable)
    auc = found[scheme].interval()
    flattering = found.get(Scheme.RANDOM) if scheme is not Scheme.RANDOM else None
    return SplitMeasure(
        scheme=scheme,
        sample=TESTED[scheme],
        fitted=int(fit.sum()),
        tested=int(test.sum()),
        auc=auc,
        gap=flattering.minus(found[scheme]) if flattering else Interval(value=None),
        crossing_edges=crossing_share(union, test, fit),
        near_duplicates=None if twins is None else twins.share,
        reason="" if auc.value is not None else "outcomes of one class only",
    )
