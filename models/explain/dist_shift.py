"""DistShift: how much surer of a firm a simple model is once one of its relations has spoken.

    H~_i = sum_j h_j / sqrt(d_i d_j) + h_i           over the partners j of i, d the number of partners    (12)
    h_ij = h_j / sqrt(d_i d_j) + h_i                  if relation i-j were i's only one                      (13)
    importance of j to i = entropy( M0(h_i) ) - entropy( M1(h_ij) )

with M0 and M1 logistic regressions on H and on H~, fitted on the firms with a known outcome (Wei and others 2024, Graph
Dimension Attention Networks for Enterprise Credit Assessment, section III-C). The importance of an edge is its mean
over the whole graph and `subgraphs` samples of it that hold it. It tells of the data alone: no network is asked.

Where the paper leaves something open: equation 13 has h~ on its right, the text after it says H, and the text is
followed; the degree's share in the probability of being sampled is the firm's rank among all degrees, the relation's is
1 less its share of all edges, and 1 where there is one relation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.edges import pattern
from models.explain.attribution import Attribution, Explained, FloatVector, Method, attribution

#: features to probabilities of the classes
Proxy = Callable[[FloatMatrix], FloatMatrix]

#: edges whose mixed features are laid out at a time
_EDGES_A_PASS = 200_000
#: fewer known outcomes than this fit no proxy
LEAST_KNOWN = 20
#: least probability of a partner of a seed to be sampled
_LEAST_CHANCE = 0.05


@dataclass(frozen=True)
class EdgeShifts:
    """The importance of each partner to each firm.

    Attributes
    ----------
    graph
        The graph.
    importance
        (n, n) CSR by receiver: row i, column j what j's word changes for i, in nats; above 0 it makes surer.
    samples
        Number of subgraphs that counted, the whole graph among them.
    """

    graph: CorporateGraph
    importance: sp.csr_array
    samples: int

    def of_pairs(self) -> tuple[NDArray[np.int64], FloatVector]:
        """Return each pair of firms once, (pairs, 2), and its importance: the mean of both directions."""
        upper = sp.coo_array(sp.triu(self.importance, format="coo"))
        back = sp.csr_array(self.importance.T)
        ends = np.stack([upper.row, upper.col], axis=1).astype(np.int64)
        return ends, np.asarray((upper.data + np.asarray(back[upper.row, upper.col]).ravel()) / 2)

    def about(self, explained: Explained) -> Attribution:
        """Return the importances of a firm's own relations, 0 for others and for those that make less sure."""
        rows = {str(firm): row for row, firm in enumerate(self.graph.firms.tolist())}
        own = rows[explained.firm]
        start, stop = self.importance.indptr[own], self.importance.indptr[own + 1]
        of_partner = dict(
            zip(self.importance.indices[start:stop].tolist(), self.importance.data[start:stop].tolist(), strict=True)
        )
        weights = [
            max(0.0, of_partner.get(rows.get(edge.partner_of(explained.firm), -1), 0.0)) if edge.hop == 0 else 0.0
            for edge in explained.edges
        ]
        score = float(explained.log_odds()[0])
        return attribution(explained, Method.DIST_SHIFT, log_odds=score, signed=False, edges=weights)


def dist_shift(
    graph: CorporateGraph,
    values: FloatMatrix,
    truth: NDArray[np.int64],
    *,
    subgraphs: int = 10,
    seeds: float = 0.1,
    rounds: int = 2,
    seed: int = 0,
) -> EdgeShifts:
    """Measure the importance of every pair of related firms.

    Parameters
    ----------
    values : (n, k)
        Standardised features, none missing.
    truth : (n,)
        Class index, -1 where it is unknown or must not be seen.
    subgraphs
        Number of samples beside the whole graph.
    seeds, rounds
        A sample starts from this share of the firms and takes in partners of those it has so many times.

    Raises
    ------
    ValueError
        If the known outcomes are too few or of one class.
    """
    known = np.flatnonzero(truth >= 0)
    if len(known) < LEAST_KNOWN or len(np.unique(truth[known])) < 2:
        raise ValueError(f"DistShift needs {LEAST_KNOWN} known outcomes of two classes, found {len(known)}")
    union = graph.union()
    before = _entropies(_proxy(values[known], truth[known]), values)
    chances = _edge_chances(graph, union)
    total = sp.csr_array((np.zeros(union.nnz), union.indices, union.indptr), shape=union.shape)
    counts, rng, samples = np.zeros(union.nnz), np.random.default_rng(seed), 0
    for number in range(subgraphs + 1):
        rows = np.arange(graph.size) if number == 0 else _sampled(union, chances, seeds, rounds, rng)
        some = rows[truth[rows] >= 0]
        if len(some) < LEAST_KNOWN or len(np.unique(truth[some])) < 2:
            continue
        inside, places = _induced(union, rows)
        shift = _shifts(inside, values[rows], truth[rows], before[rows])
        total.data[places] += shift
        counts[places] += 1
        samples += 1
    total.data /= np.maximum(counts, 1)
    return EdgeShifts(graph, total, samples)


def _shifts(adjacency: sp.csr_array, values: FloatMatrix, truth: NDArray[np.int64], before: FloatVector) -> FloatVector:
    """Return what each edge of a graph changes, in the order of the CSR."""
    degrees = np.maximum(np.diff(adjacency.indptr), 1).astype(np.float64)
    receiver = np.repeat(np.arange(len(values)), np.diff(adjacency.indptr))
    share = 1 / np.sqrt(degrees[receiver] * degrees[adjacency.indices])
    convolved = sp.csr_array((share, adjacency.indices, adjacency.indptr), shape=adjacency.shape) @ values + values
    known = truth >= 0
    proxy = _proxy(convolved[known], truth[known])
    found = np.empty(len(share))
    for start in range(0, len(share), _EDGES_A_PASS):
        some = slice(start, start + _EDGES_A_PASS)
        mixed = values[adjacency.indices[some]] * share[some, None] + values[receiver[some]]
        found[some] = before[receiver[some]] - _entropies(proxy, mixed)
    return found


def _proxy(values: FloatMatrix, truth: NDArray[np.int64]) -> Proxy:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(values, truth)
    return lambda rows: np.asarray(fitted.predict_proba(rows))


def _entropies(proxy: Proxy, values: FloatMatrix) -> FloatVector:
    shares = np.clip(proxy(values), 1e-15, 1)
    return np.asarray(-(shares * np.log(shares)).sum(axis=1))


def _edge_chances(graph: CorporateGraph, union: sp.csr_array) -> FloatVector:
    """Return, edge by edge of the union, the chance of its sender to be sampled with its receiver, in (0, 1]."""
    edges = sum(len(relation.indices) for relation in graph.relations.values())
    chance = sp.csr_array(union.shape, dtype=np.float64)
    for relation in graph.relations.values():
        of_type = 1.0 if len(graph.relations) == 1 else 1 - len(relation.indices) / max(1, edges)
        one = pattern(relation.matrix())
        chance = chance.maximum(sp.csr_array((one + one.T) > 0).astype(np.float64) * max(of_type, _LEAST_CHANCE))
    chance = sp.csr_array(chance)
    chance.sort_indices()
    rank = rankdata(np.diff(union.indptr)) / max(1, union.shape[0])
    return np.asarray(np.maximum(chance.data * rank[chance.indices], _LEAST_CHANCE))


def _sampled(
    union: sp.csr_array, chances: FloatVector, seeds: float, rounds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the firms of one sample, ascending."""
    size = union.shape[0]
    inside = np.zeros(size, dtype=np.bool_)
    newest = np.sort(rng.choice(size, max(1, round(seeds * size)), replace=False))
    inside[newest] = True
    receiver = np.repeat(np.arange(size), np.diff(union.indptr))
    for _ in range(rounds):
        from_newest = np.zeros(size, dtype=np.bool_)
        from_newest[newest] = True
        heard = from_newest[receiver] & ~inside[union.indices]
        # All partners at once, not one by one for each seed: several seeds do not make a partner more likely.
        chance = np.zeros(size)
        np.maximum.at(chance, union.indices[heard], chances[heard])
        newest = np.flatnonzero(rng.random(size) < chance)
        inside[newest] = True
    return np.flatnonzero(inside)


def _induced(union: sp.csr_array, rows: NDArray[np.int64]) -> tuple[sp.csr_array, NDArray[np.int64]]:
    """Return the edges among some firms and their places in the union."""
    numbered = sp.csr_array((np.arange(union.nnz) + 1, union.indices, union.indptr), shape=union.shape)
    part = sp.csr_array(numbered[rows][:, rows])
    return part, (part.data - 1).astype(np.int64)
