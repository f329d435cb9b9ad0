"""Generated relation tables with heavy-tailed degrees, and graphs made of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from models.corporate_graph import CorporateGraph, RelationEdges

#: a firm's share of the rows falls with its rank to this power
EXPONENT = 0.6
CHUNK = 2_000_000


def firm_ids(firms: int) -> pl.Series:
    """Return ids of equal length, ascending."""
    width = len(str(firms))
    return pl.select(
        pl.format("f{}", pl.int_range(firms).cast(pl.String).str.zfill(width)).alias("firm_id")
    ).to_series()


def write_relation_table(path: Path, rows: int, firms: int, seed: int) -> None:
    """Write (source, target, weight) as Parquet, a chunk at a time.

    Sources follow a power law, targets are drawn evenly; a fifth of the rows repeats a pair of the same
    chunk, one target in a hundred is not among the firms, weights are Pareto.
    """
    rng = np.random.default_rng(seed)
    ids, draw = firm_ids(firms), _heavy_tailed(firms, rng)
    strangers = pl.Series([f"x{number:07d}" for number in range(1000)])
    ids = pl.concat([ids, strangers])
    schema = pl.DataFrame({"source": ids[:0], "target": ids[:0], "weight": pl.Series([], dtype=pl.Float64)})
    with pq.ParquetWriter(path, _arrow(schema).schema) as writer:
        for start in range(0, rows, CHUNK):
            size = min(CHUNK, rows - start)
            fresh = size - size // 5
            source, target = draw(fresh), rng.integers(0, firms, fresh)
            unknown = rng.random(fresh) < 0.01
            target[unknown] = firms + rng.integers(0, len(strangers), int(unknown.sum()))
            row = rng.permutation(np.concatenate([np.arange(fresh), rng.integers(0, fresh, size - fresh)]))
            weight = rng.pareto(1.5, size) + 0.01
            chunk = pl.DataFrame(
                {"source": ids.gather(source[row]), "target": ids.gather(target[row]), "weight": weight}
            )
            writer.write_table(_arrow(chunk))


def heavy_tailed_graph(firms: int, edges: int, seed: int) -> CorporateGraph:
    """Return one directed relation without repeated pairs; sources follow the power law, weights are Pareto."""
    rng = np.random.default_rng(seed)
    sources = _heavy_tailed(firms, rng)(int(edges * 1.25))
    targets = rng.integers(0, firms, len(sources))
    pairs = np.unique(sources[sources != targets] * firms + targets[sources != targets])
    pairs = np.sort(rng.choice(pairs, min(edges, len(pairs)), replace=False))
    indptr = np.searchsorted(pairs, np.arange(firms + 1) * firms)
    weights = rng.pareto(1.5, len(pairs)) + 0.01
    relation = RelationEdges(indptr, pairs % firms, weights, directed=True)
    ids = firm_ids(firms).to_numpy().astype(np.str_)
    return CorporateGraph(dt.date(2024, 12, 31), ids, {"supply": relation}, np.zeros((firms, 0)), ())


def union_with_communities(firms: int, edges: int, seed: int) -> sp.csr_array:
    """Return a symmetric pattern: heavy-tailed, and seven edges in ten stay within a thousand firms."""
    rng = np.random.default_rng(seed)
    first = _heavy_tailed(firms, rng)(edges)
    inside = first // 1000 * 1000 + rng.integers(0, 1000, edges)
    second = np.where(rng.random(edges) < 0.7, np.minimum(inside, firms - 1), rng.integers(0, firms, edges))
    loose = first != second
    half = sp.csr_array((np.ones(int(loose.sum())), (first[loose], second[loose])), shape=(firms, firms))
    union = sp.csr_array(half + half.T)
    union.data[:] = 1.0
    union.sort_indices()
    return union


def _heavy_tailed(firms: int, rng: np.random.Generator):
    shares = np.cumsum(np.arange(1, firms + 1) ** -EXPONENT)
    place = rng.permutation(firms)

    def draw(count: int) -> NDArray[np.int64]:
        return place[np.searchsorted(shares, rng.random(count) * shares[-1])]

    return draw


def _arrow(frame: pl.DataFrame):
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
