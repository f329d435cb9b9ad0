"""Graph drift: how far the shape of the graph moved since the quarter published before.

What is gated are the distributions, over firms, of degrees, clustering and core numbers. How many
edges came and went is shown beside them but not gated: reconstructed relations are dealt anew every
quarter without anything having happened.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from models.corporate_graph import CorporateGraph, RelationEdges
from models.graph_statistics import node_statistics
from monitoring.column_drift import Columns, column_drifts
from schemas.results import Drift, RelationChurn
from schemas.specs import GatesSpec
from schemas.terms import Quarter


def graph_drift(expected: CorporateGraph, actual: CorporateGraph, gates: GatesSpec) -> Drift:
    """Compare the shape of two quarters' graphs."""
    before, after = set(expected.firms.tolist()), set(actual.firms.tolist())
    return Drift(
        expected_quarter=Quarter.of(expected.as_of),
        columns=column_drifts(
            Columns(node_statistics(expected), {}),
            Columns(node_statistics(actual), {}),
            limit=gates.graph_drift_limit,
            rows=gates.drift_rows,
        ),
        churn=tuple(
            _churn(name, _pairs(expected, expected.relations[name]), _pairs(actual, actual.relations[name]))
            for name in actual.relations
            if name in expected.relations
        ),
        firms_in=len(after - before),
        firms_out=len(before - after),
    )


def _pairs(graph: CorporateGraph, relation: RelationEdges) -> pl.DataFrame:
    sources = np.repeat(np.arange(graph.size), np.diff(relation.indptr))
    pairs = pl.DataFrame({"source": graph.firms[sources], "target": graph.firms[relation.indices]})
    return pairs if relation.directed else pairs.filter(pl.col("source") < pl.col("target"))


def _churn(name: str, before: pl.DataFrame, after: pl.DataFrame) -> RelationChurn:
    kept = before.join(after, on=["source", "target"], how="semi").height
    every = before.height + after.height - kept
    return RelationChurn(
        relation=name,
        kept=kept,
        born=after.height - kept,
        died=before.height - kept,
        jaccard=kept / every if every else None,
    )
