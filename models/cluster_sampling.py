"""Some parts of the graph a step, with the edges among them (Cluster-GCN; Chiang and others 2019, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.csgraph import reverse_cuthill_mckee

from models.communities import leiden_labels
from models.csr import Csr, IntVector
from models.gnn.blocks import Block
from models.sampled import Batch, Parts, Whole, in_pieces, learnt_rows
from schemas.candidates import ClusterBatches
from schemas.specs import GraphSpec


class ClusterSampler:
    """All firms once an epoch, `spec.together` of `spec.parts` parts a step.

    Degrees are those inside the step's parts, as in the paper's stochastic multiple partitions (section 3.2).
    """

    def __init__(self, spec: ClusterBatches, whole: Block, layers: int, parts: Parts) -> None:
        self.spec = spec
        self.whole = Whole(whole, parts)
        self.layers = layers

    @cached_property
    def parts(self) -> list[IntVector]:
        """The firms of each part, ascending; empty parts are left out."""
        order = places_by_community(self.whole.block.union.csr)
        return [np.sort(part) for part in np.array_split(order, self.spec.parts) if len(part)]

    def epoch(self, learnt: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the parts in random order; a step without a learnt firm is left out."""
        order = rng.permutation(len(self.parts))
        for together in in_pieces(order, self.spec.together):
            firms = np.sort(np.concatenate([self.parts[part] for part in together]))
            rows, which = learnt_rows(firms, learnt)
            if len(rows):
                yield Batch([self.whole.subgraph(firms)] * self.layers, torch.from_numpy(firms), rows, which)


def places_by_community(union: Csr) -> IntVector:
    """Return all firms, community by community, inside one those near each other together.

    Cut anywhere, few edges are cut: equal pieces of it part the graph about as METIS would, without METIS.
    """
    if not union.edges:
        return np.arange(union.rows)
    matrix = sp.csr_array((np.ones(union.edges), union.indices, union.indptr), shape=(union.rows, union.rows))
    near = np.empty(union.rows, dtype=np.int64)
    near[reverse_cuthill_mckee(sp.csr_matrix(matrix), symmetric_mode=True)] = np.arange(union.rows)
    return np.lexsort((near, leiden_labels(matrix, GraphSpec())))
