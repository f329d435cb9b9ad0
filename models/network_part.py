"""The network-derived part of a score: what a firm is said to be with its partners, minus what it would be without.

    part = score with partners - score without partners

The score without partners is that of the candidate's plain partner where the portfolio declares one: the candidate of
the same kind on own features alone, fitted for a world without a graph. Where there is none it is the fitted candidate
itself, shown the same firms with no edge (`models.graph_help.without_edges`). The first is how one would score without
a graph; the second says what this very model does with the edges, but for firms that all stand alone, such as it saw
few of while it was fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph
from models.evaluation import Contest
from models.graph_help import without_edges
from models.inputs import with_computed
from models.selection import best_of
from schemas.candidates import CandidateSpec, EnsembleSpec, Group
from schemas.portfolio import PortfolioSpec
from schemas.specs import GraphSpec
from schemas.terms import Family


def examined_candidate(contest: Contest, chosen: str, auc: Mapping[str, float | None]) -> CandidateSpec | None:
    """Return the candidate whose network part is looked at: the chosen one, or else the best one with the graph.

    Parameters
    ----------
    auc
        On validation, by candidate: what selection goes by, so that no test has a say in who is looked at.

    Returns
    -------
    CandidateSpec or None
        None if no candidate uses the graph. Where the chosen one does not, an ensemble is taken only if no single
        candidate does.
    """
    portfolio = contest.portfolio
    with_graph = {c.name: c for c in portfolio.candidates if portfolio.family_of(c) is not Family.TABULAR}
    if chosen in with_graph:
        return with_graph[chosen]
    single = [name for name, spec in with_graph.items() if not isinstance(spec, EnsembleSpec)]
    names = single or list(with_graph)
    return with_graph[best_of(names, auc)] if names else None


def plain_partner(portfolio: PortfolioSpec, spec: CandidateSpec) -> str | None:
    """Return the candidate of the same kind on own features alone, None if the portfolio declares none."""
    if isinstance(spec, EnsembleSpec):
        return None
    own = (c.name for c in portfolio.single_candidates if c.kind == spec.kind and c.family is Family.TABULAR)
    return next(own, None)


def without_partners(graph: CorporateGraph, spec: GraphSpec) -> CorporateGraph:
    """Return the same firms related to nobody, with the inputs that follow from that and their own past."""
    alone = with_computed(without_edges(graph), spec)
    past = {group: columns for group, columns in graph.computed.items() if group == Group.HISTORY}
    return replace(alone, computed={**alone.computed, **past})


def as_many_favoured(score: NDArray[np.float64], favourable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cut a score off so that it favours as many firms as another one does.

    The network part has no cut-off of its own; and of two candidates the one that favours more firms has ratios nearer
    to 1 for that alone. At equal numbers of favoured firms they can be compared. Firms with the same score are treated
    alike, so that more may be favoured where many tie at the cut-off.

    Parameters
    ----------
    score : (n,)
        Lower is better for the firm: a probability of an unfavourable outcome, or what partners add to it.
    favourable : (n,)
        Whether the other score's prediction is favourable.

    Returns
    -------
    (n,) bool
    """
    count = int(favourable.sum())
    if not count:
        return np.zeros(len(score), dtype=np.bool_)
    return np.asarray(score <= np.partition(score, count - 1)[count - 1])
