"""Auditing a split: what could make a candidate look better than it is.

Each check gives findings with a value and a limit; one beyond its limit deserves a person's look. The
checks know nothing of any data set: CorpNet's row order and SMEsD's dealings are found by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.discrimination import scores
from models.sample_overlap import DUPLICATE_COSINE, crossing_share, near_duplicates
from schemas.results import AuditFinding
from schemas.terms import TEST_SAMPLES, Sample, Scheme

#: a single column that separates the outcome this well is suspected of containing it
SEPARATION_LIMIT = 0.9
#: the order of rows and ids should say nothing at all of the outcome; this leaves room for chance
ORDER_LIMIT = 0.6
DUPLICATE_LIMIT = 0.2
CROSSING_LIMIT = 0.5
#: odds of the unfavourable outcome among firms in a relation, against the others: beyond this the relation
#: may contain the outcome
RELATION_LIMIT = 4.0
_LEAST_FIRMS = 20
#: rows before and after in an order whose outcomes are compared with a row's own
_NEAR_ROWS = 10
#: of the rarer outcome; with fewer, chance alone goes beyond the limit of an order in one of 200 data sets
_LEAST_OUTCOMES = 50


@dataclass(frozen=True)
class AuditRows:
    """Firm-quarters of a panel; n rows.

    Attributes
    ----------
    graph
        Vintages side by side.
    unfavourable : (n,) bool
        Whether the outcome is an unfavourable one.
    known : (n,) bool
        Whether there is an outcome.
    vintages : (n,) str
    delivered_rows : (n,) float
        Number of the row the outcome stood in, NaN where there is none.
    samples
        Sample of each row under each scheme.
    """

    graph: CorporateGraph
    unfavourable: NDArray[np.bool_]
    known: NDArray[np.bool_]
    vintages: NDArray[np.str_]
    delivered_rows: NDArray[np.float64]
    samples: Mapping[Scheme, NDArray[np.str_]]


def split_audit(rows: AuditRows) -> tuple[AuditFinding, ...]:
    """Return all findings, those beyond their limit first."""
    found = [*_separating_features(rows), *_telling_orders(rows), *_telling_relations(rows)]
    union = rows.graph.union()
    for scheme, samples in rows.samples.items():
        for sample in TEST_SAMPLES:
            # No edge and no near-duplicate leads from one vintage to another.
            if sample not in (Sample.OUT_OF_TIME, Sample.OUT_OF_BOTH) and (samples == str(sample)).any():
                found += [
                    *_crossing_edges(rows, samples, sample, scheme),
                    *_near_duplicates(rows, union, samples, sample, scheme),
                ]
    return tuple(sorted(found, key=lambda finding: not finding.beyond))


def separation(values: NDArray[np.float64], unfavourable: NDArray[np.bool_]) -> float:
    """Return how well a column separates the outcome, whichever its direction, in [.5, 1]; missing is a value."""
    filled = np.where(np.isnan(values), np.nanmin(values, initial=0.0) - 1.0, values)
    _, ranks = np.unique(filled, return_inverse=True)
    position = ranks / max(ranks.max(), 1)
    auc = float(scores(unfavourable.astype(np.int64), np.stack([1 - position, position], axis=1))["auc"][0])
    return max(auc, 1 - auc)


def clustering_in_order(order: NDArray[np.float64], unfavourable: NDArray[np.bool_]) -> float:
    """Return how well the outcomes around a row tell its own, as an AUC: an order in blocks has no direction.

    Parameters
    ----------
    order : (n,) float
        Where each row stands; ties keep the order given.
    unfavourable : (n,) bool
    """
    along = unfavourable[np.argsort(order, kind="stable")].astype(np.float64)
    window = np.ones(2 * _NEAR_ROWS + 1)
    around = np.convolve(along, window, mode="same") - along
    counted = np.convolve(np.ones_like(along), window, mode="same") - 1
    told = around / counted
    return float(scores(along.astype(np.int64), np.stack([1 - told, told], axis=1))["auc"][0])


def _finding(check: str, subject: str, value: float, limit: float, text: str) -> AuditFinding:
    return AuditFinding(check=check, subject=subject, value=value, limit=limit, beyond=value > limit, explanation=text)


def _separating_features(rows: AuditRows) -> Iterator[AuditFinding]:
    truth = rows.unfavourable[rows.known]
    if truth.all() or not truth.any():
        return
    values = [separation(rows.graph.features[rows.known, i], truth) for i in range(len(rows.graph.feature_names))]
    strongest = sorted(zip(values, rows.graph.feature_names, strict=True), reverse=True)
    for value, name in strongest[:3] + [pair for pair in strongest[3:] if pair[0] > SEPARATION_LIMIT]:
        yield _finding("separating feature", name, value, SEPARATION_LIMIT, "AUC of this feature alone")


def _telling_orders(rows: AuditRows) -> Iterator[AuditFinding]:
    truth = rows.unfavourable[rows.known]
    if truth.all() or not truth.any():
        return
    orders = {"row of the delivery": rows.delivered_rows[rows.known]}
    ids = [name.split(" ")[-1] for name in rows.graph.firms[rows.known].tolist()]
    if all(name.isdigit() for name in ids):
        orders["number in the firm id"] = np.array([float(name) for name in ids])
    for name, order in orders.items():
        value = separation(order, truth)
        yield _finding("order that tells", name, value, ORDER_LIMIT, "AUC of this order alone; it should be near .5")
        # In one vintage: a firm's next quarter stands beside it in many orders, with the same outcome.
        newest = rows.vintages[rows.known] == max(rows.vintages[rows.known].tolist())
        here = newest & ~np.isnan(order)
        if min(truth[here].sum(), (~truth[here]).sum()) >= _LEAST_OUTCOMES:
            value = clustering_in_order(order[here], truth[here])
            text = f"AUC of the outcomes of the {2 * _NEAR_ROWS} rows around a row; it should be near .5"
            yield _finding("outcomes that stand together", name, value, ORDER_LIMIT, text)


def _telling_relations(rows: AuditRows) -> Iterator[AuditFinding]:
    """Look at the firms that have a relation at all: being in it may already be the outcome."""
    for name, relation in sorted({**rows.graph.relations, **rows.graph.noted}.items()):
        partners = np.diff(relation.indptr) + np.bincount(relation.indices, minlength=rows.graph.size)
        members = rows.known & (partners > 0)
        others = rows.known & (partners == 0)
        if members.sum() < _LEAST_FIRMS or not others.any():
            continue
        ratio = _odds(rows.unfavourable[members]) / _odds(rows.unfavourable[others])
        text = (
            f"odds ratio; {float(rows.unfavourable[members].mean()):.0%} of the {int(members.sum()):,} firm-quarters "
            f"in it are unfavourable, {float(rows.unfavourable[others].mean()):.0%} of the others"
        )
        yield _finding("relation that tells", name, max(ratio, 1 / ratio), RELATION_LIMIT, text)


def _odds(unfavourable: NDArray[np.bool_]) -> float:
    # Half a firm on each side keeps the odds finite (Haldane 1956).
    return float((unfavourable.sum() + 0.5) / ((~unfavourable).sum() + 0.5))


def _crossing_edges(
    rows: AuditRows, samples: NDArray[np.str_], sample: Sample, scheme: Scheme
) -> Iterator[AuditFinding]:
    test, learnt = samples == str(sample), samples == str(Sample.DEVELOPMENT)
    for name, relation in rows.graph.relations.items():
        share = crossing_share(relation.matrix(), test, learnt)
        if share is not None:
            text = "share of the sample's edges that lead to development firms"
            yield _finding("edges that cross", f"{name}: {scheme}, {sample}", share, CROSSING_LIMIT, text)


def _near_duplicates(
    rows: AuditRows, union: sp.csr_array, samples: NDArray[np.str_], sample: Sample, scheme: Scheme
) -> Iterator[AuditFinding]:
    test, learnt = samples == str(sample), samples == str(Sample.DEVELOPMENT)
    found = near_duplicates(union, test, learnt, rows.vintages, rows.unfavourable)
    if found is None:
        return
    text = f"share with a development firm that has nearly the same partners (cosine {DUPLICATE_COSINE:g} or more)"
    if found.same_outcome is not None:
        text += f"; {found.same_outcome:.0%} of them have its outcome"
    yield _finding("near-duplicates", f"{scheme}, {sample}", found.share, DUPLICATE_LIMIT, text)
