"""The only door to DGL: what architectures may ask of a graph.

DGL is no longer maintained upstream, so nothing outside this file imports it, and every primitive is
defined here by its formula. Indices are 64-bit: with 32-bit ones DGL 1.1.3 silently builds malformed
blocks when a sampler is reused.
"""

from __future__ import annotations

import os

import numpy as np
import scipy.sparse as sp
import torch

os.environ["DGLBACKEND"] = "pytorch"  # read by dgl at import; without it dgl writes into the user's home


class Neighbourhood:
    """Who sends messages to whom.

    Parameters
    ----------
    receivers : (n, n) CSR
        Row = receiving firm, columns = the firms it hears.
    """

    def __init__(self, receivers: sp.csr_array) -> None:
        import dgl

        indptr = torch.from_numpy(receivers.indptr.astype(np.int64))
        indices = torch.from_numpy(receivers.indices.astype(np.int64))
        self._graph = dgl.graph(("csc", (indptr, indices, [])), num_nodes=receivers.shape[0], idtype=torch.int64)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return, (n, d) to (n, d), the mean over each firm's neighbours; 0 for a firm without any."""
        from dgl import function as fn

        with self._graph.local_scope():
            self._graph.srcdata["h"] = values
            self._graph.update_all(fn.copy_u("h", "m"), fn.mean("m", "mean"))
            mean: torch.Tensor = self._graph.dstdata["mean"]
            return mean
