"""What `benchmarks.graph` measures, each in a process of its own: ``python -m benchmarks.graph_steps STEP JSON``.

Prints one JSON object. Times are seconds of processor time of the whole process, which on one thread is
the wall time of a machine with nothing else to do; `peak_gb` is the most memory the process ever held
(``ru_maxrss``, 10^9 bytes), interpreter, libraries and input included.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.graph_tables import firm_ids, heavy_tailed_graph, union_with_communities, write_relation_table

Result = dict[str, Any]


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that `work` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def table(path: str, rows: int, firms: int, seed: int) -> Result:
    """Write a relation table, so that making it counts into nobody's memory."""
    write_relation_table(Path(path), rows, firms, seed)
    return {"bytes": Path(path).stat().st_size}


def build(path: str, firms: int, repeats: int) -> Result:
    """Build the edges of a relation table with `relation_edges`, best of `repeats`."""
    from models.corporate_graph import relation_edges
    from schemas.portfolio import RelationSpec

    spec = RelationSpec(name="supply", file="", source="source", target="target", weight="weight", repeated="sum")
    ids, rows = firm_ids(firms), pl.read_parquet(path)
    times = []
    for _ in range(repeats):
        start, wall = time.process_time(), time.perf_counter()
        edges = relation_edges(rows, ids, spec)
        times.append((time.process_time() - start, time.perf_counter() - wall))
    return {
        "seconds": min(times)[0],
        "wall_seconds": min(wall for _, wall in times),
        "input_gb": rows.estimated_size() / 1e9,
        **_identity(edges.indptr, edges.indices, edges.weights),
    }


def build_pandas(path: str, firms: int, repeats: int) -> Result:
    """Do the same in pandas: ids through an index, group-by of pairs, scipy's CSR; best of `repeats`."""
    import pandas as pd

    ids, rows = pd.Index(firm_ids(firms).to_list()), pd.read_parquet(path)
    times = []
    for _ in range(repeats):
        start, wall = time.process_time(), time.perf_counter()
        positions = pd.DataFrame(
            {
                "source": ids.get_indexer(rows["source"]),
                "target": ids.get_indexer(rows["target"]),
                "weight": rows["weight"],
            }
        )
        known = (positions["source"] >= 0) & (positions["target"] >= 0)
        pairs = positions[known & (positions["source"] != positions["target"])]
        merged = pairs.groupby(["source", "target"], as_index=False)["weight"].sum()
        matrix = sp.csr_array((merged["weight"], (merged["source"], merged["target"])), shape=(firms, firms))
        times.append((time.process_time() - start, time.perf_counter() - wall))
    return {
        "seconds": min(times)[0],
        "wall_seconds": min(wall for _, wall in times),
        **_identity(matrix.indptr, matrix.indices, matrix.data),
    }


def fingerprint(firms: int, edges: int, seed: int, repeats: int) -> Result:
    """Digest a graph whose firms and edges are in order: all its parts and the root, best of `repeats`."""
    from models.fingerprint import exact_root, part_digests

    graph = heavy_tailed_graph(firms, edges, seed)
    relation = graph.relations["supply"]
    arrays = (relation.indptr, relation.indices, relation.weights)
    size = sum(array.nbytes for array in arrays) + sum(8 + len(firm) for firm in graph.firms.tolist())
    best = min(seconds(lambda: exact_root(part_digests(graph))) for _ in range(repeats))
    return {"edges": relation.edges, "gb": size / 1e9, "seconds": best, "gb_per_core_s": size / 1e9 / best}


def communities(firms: int, edges: int, seed: int, repeats: int) -> Result:
    """Compare `detected_communities` with networkit alone, in turns.

    Ours: from the union as CSR to names by smallest firm and modularity. Networkit: from arrays of the
    pairs, made before, to its graph, its partition and its modularity; the same parameters and seed.
    """
    import networkit as nk

    from models.communities import Communities, detected_communities
    from schemas.specs import GraphSpec

    spec, union = GraphSpec(), union_with_communities(firms, edges, seed)
    ids = firm_ids(firms).to_numpy().astype(np.str_)
    upper = sp.triu(union, k=1, format="coo")
    pairs = upper.row.astype(np.uint64), upper.col.astype(np.uint64)
    nk.setNumberOfThreads(1)

    def peer() -> float:
        nk.setSeed(spec.community_seed, useThreadId=False)
        graph = nk.Graph(firms, weighted=False, directed=False)
        graph.addEdges(pairs)
        leiden = nk.community.ParallelLeiden(graph, iterations=5, randomize=False, gamma=spec.community_resolution)
        return float(nk.community.Modularity().getQuality(leiden.run().getPartition(), graph))

    found: Communities | None = None
    quality = float("nan")
    ours, theirs = [], []
    for _ in range(repeats):
        start = time.process_time()
        found = detected_communities(ids, union, spec)
        ours.append(time.process_time() - start)
        start = time.process_time()
        quality = peer()
        theirs.append(time.process_time() - start)
    assert found is not None
    assert abs(found.modularity - quality) <= 0.002, (found.modularity, quality)
    return {
        "edges": union.nnz // 2,
        "communities": found.count,
        "modularity": found.modularity,
        "modularity_networkit": quality,
        "seconds": min(ours),
        "seconds_networkit": min(theirs),
    }


def drift_statistics(firms: int, edges: int, seed: int, repeats: int) -> Result:
    """Compare degree, concentration, PageRank, clustering and cores with networkx; making its graphs is not counted."""
    import networkx as nx

    from models.structure import structural_features
    from schemas.structure import Statistic

    wanted = (Statistic.DEGREE, Statistic.HERFINDAHL, Statistic.PAGERANK, Statistic.CLUSTERING, Statistic.CORE)
    graph = heavy_tailed_graph(firms, edges, seed)
    first = seconds(lambda: structural_features(graph, wanted))
    ours = {
        name.value: min(seconds(lambda name=name: structural_features(graph, [name])) for _ in range(repeats))  # type: ignore[misc]
        for name in wanted
    }
    together = min(seconds(lambda: structural_features(graph, wanted)) for _ in range(repeats))
    directed = nx.from_scipy_sparse_array(graph.relations["supply"].matrix(), create_using=nx.DiGraph)
    union = nx.from_scipy_sparse_array(graph.union())
    theirs = {
        "degree": seconds(lambda: (dict(directed.out_degree), dict(directed.in_degree))),
        "herfindahl": seconds(lambda: [_concentrations(edges) for edges in (directed.succ, directed.pred)]),
        "pagerank": seconds(lambda: nx.pagerank(directed)),
        "clustering": seconds(lambda: nx.clustering(union)),
        "core": seconds(lambda: nx.core_number(union)),
    }
    return {
        "edges": graph.relations["supply"].edges,
        "seconds_each": ours,
        "seconds": together,
        "seconds_with_compiling": first,
        "seconds_networkx_each": theirs,
        "seconds_networkx": sum(theirs.values()),
    }


def similarity(documents: int, components: int, cut_off: float, seed: int, repeats: int) -> Result:
    """Compare `above_cut_off` with a blocked fp32 product of all rows with all rows, in turns; and with the naive loop.

    The naive loop over pairs is timed on the first thousand rows and multiplied up to all pairs.
    """
    from models.similarity import above_cut_off, unit_rows

    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(500, components))
    units = unit_rows(topics[rng.integers(0, 500, documents)] + 1.2 * rng.normal(size=(documents, components)))
    ours, theirs = [], []
    for _ in range(repeats):
        start = time.process_time()
        found = above_cut_off(units, cut_off)
        ours.append(time.process_time() - start)
        start = time.process_time()
        row, column = _blocked_product(units, cut_off)
        theirs.append(time.process_time() - start)
    upper = sp.triu(found, k=1, format="coo")
    assert np.array_equal(np.sort(upper.row * documents + upper.col), np.sort(row * documents + column))
    few = units[:1000]
    loop = seconds(lambda: [(a, b) for a in range(len(few)) for b in range(a) if few[a] @ few[b] >= cut_off])
    return {
        "pairs": int(upper.nnz),
        "seconds": min(ours),
        "seconds_blocked": min(theirs),
        "seconds_naive_extrapolated": loop * (documents * (documents - 1)) / (len(few) * (len(few) - 1)),
    }


def _blocked_product(units: NDArray[np.float32], cut_off: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = [], []
    for start in range(0, len(units), 2048):
        row, column = np.nonzero(units[start : start + 2048] @ units.T >= cut_off)
        upper = row + start < column
        rows.append(row[upper] + start)
        columns.append(column[upper])
    return np.concatenate(rows), np.concatenate(columns)


def _concentrations(neighbours: Any) -> list[float]:
    found = []
    for partners in neighbours.values():
        weights = [edge["weight"] for edge in partners.values()]
        total = sum(weights)
        found.append(sum((weight / total) ** 2 for weight in weights) if weights else float("nan"))
    return found


def _identity(indptr: NDArray[Any], indices: NDArray[Any], weights: NDArray[np.float64]) -> Result:
    pattern = hashlib.sha256(indptr.astype(np.int64).tobytes())
    pattern.update(indices.astype(np.int64).tobytes())
    return {"edges": len(indices), "pattern": pattern.hexdigest(), "total_weight": float(weights.sum())}


STEPS = (table, build, build_pandas, fingerprint, communities, drift_statistics, similarity)


def main() -> None:
    """Run one step and print what it found."""
    name, arguments = sys.argv[1:]
    result = next(step for step in STEPS if step.__name__ == name)(**json.loads(arguments))
    result["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps(result))


if __name__ == "__main__":
    main()
