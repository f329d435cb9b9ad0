"""Degree, concentration, PageRank, clustering and cores of a heavy-tailed graph, beside networkx.

Run ``python -m benchmarks.graph_statistics_speed`` for 100,000 firms and 1,000,000 edges (about two
minutes and 3 GB, nearly all of it networkx), or with two numbers for another size.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable

import networkx as nx
import numpy as np
import scipy.sparse as sp

from benchmarks.recording import reached, record
from models.corporate_graph import CorporateGraph, RelationEdges
from models.structure import structural_features
from schemas.structure import Statistic

FIVE = (Statistic.DEGREE, Statistic.HERFINDAHL, Statistic.PAGERANK, Statistic.CLUSTERING, Statistic.CORE)
REPEATS = 5


def heavy_tailed(firms: int, edges: int, seed: int) -> CorporateGraph:
    """Return a directed relation whose sources follow a power law (exponent .6 by rank), with Pareto weights."""
    rng = np.random.default_rng(seed)
    popularity = np.arange(1, firms + 1) ** -0.6
    sources = rng.permutation(firms)[rng.choice(firms, size=int(edges * 1.25), p=popularity / popularity.sum())]
    targets = rng.integers(0, firms, len(sources))
    pairs = np.unique(sources[sources != targets] * firms + targets[sources != targets])
    pairs = np.sort(rng.choice(pairs, min(edges, len(pairs)), replace=False))
    weights = rng.pareto(1.5, len(pairs)) + 0.01
    matrix = sp.csr_array((weights, (pairs // firms, pairs % firms)), shape=(firms, firms))
    matrix.sort_indices()
    relation = RelationEdges(
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data, directed=True
    )
    ids = np.array([f"f{place:07d}" for place in range(firms)])
    return CorporateGraph(dt.date(2024, 12, 31), ids, {"supply": relation}, np.zeros((firms, 0)), ())


def peers(graph: CorporateGraph) -> dict[str, Callable[[], object]]:
    """Return what networkx does for the same statistics; building its graphs is not counted."""
    directed = nx.from_scipy_sparse_array(graph.relations["supply"].matrix(), create_using=nx.DiGraph)
    union = nx.from_scipy_sparse_array(graph.union())
    return {
        "degree": lambda: (dict(directed.out_degree), dict(directed.in_degree)),
        "herfindahl": lambda: [_concentrations(edges) for edges in (directed.succ, directed.pred)],
        "pagerank": lambda: nx.pagerank(directed),
        "clustering": lambda: nx.clustering(union),
        "core": lambda: nx.core_number(union),
    }


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the best wall time of `repeats` runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main(firms: int = 100_000, edges: int = 1_000_000, seed: int = 0) -> None:
    """Measure, print a table and write `results/graph_statistics_speed.json`."""
    graph = heavy_tailed(firms, edges, seed)
    first = seconds(lambda: structural_features(graph, FIVE))
    ours = {name.value: seconds(lambda name=name: structural_features(graph, [name]), REPEATS) for name in FIVE}  # type: ignore[misc]
    together = seconds(lambda: structural_features(graph, FIVE), REPEATS)
    theirs = {name: seconds(work) for name, work in peers(graph).items()}
    for name, took in ours.items():
        print(f"{name:12s} {took:8.3f} s   networkx {theirs[name]:8.3f} s   {theirs[name] / took:7.1f}x")
    ratio = sum(theirs.values()) / together
    print(f"{'together':12s} {together:8.3f} s   networkx {sum(theirs.values()):8.3f} s   {ratio:7.1f}x")
    print(f"first call, with compiling: {first:.2f} s")
    content = {
        "firms": firms,
        "edges": graph.relations["supply"].edges,
        "seconds": ours | {"together": together, "first call with compiling": first},
        "seconds_networkx": theirs,
        "reach": [reached("times as fast as networkx, five statistics together", round(ratio, 1), at_least=50)],
    }
    print(record("graph_statistics_speed", content, seeds=[seed]))


def _concentrations(neighbours: nx.classes.coreviews.AdjacencyView) -> list[float]:
    found = []
    for partners in neighbours.values():
        weights = [edge["weight"] for edge in partners.values()]
        total = sum(weights)
        found.append(sum((weight / total) ** 2 for weight in weights) if weights else float("nan"))
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
