"""Listeners: copies of firms that hear all their partners and are heard by nobody.

With a listener's own inputs changed, its output tells what the firm would score had only those changed: no partner
hears of it, in no layer. With the inputs unchanged a listener's output is that of its firm.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from models.gnn.blocks import Block
from models.message_passing import Neighbourhood


def with_listeners(block: Block, firms: int) -> Block:
    """Return the block of a whole graph with a listener for each of its first nodes, the firms, put before them.

    Parameters
    ----------
    block
        Of a whole graph: its receivers are its senders.
    firms
        Number of firms; other nodes of the block have no listener.
    """
    size = firms + block.senders
    types = block.types if block.types is None else torch.cat([block.types[:firms], block.types])
    return Block(
        size,
        size,
        lambda: _heard(block.union, firms),
        lambda: {name: _heard(side, firms) for name, side in block.relations.items()},
        types,
    )


def _heard(side: Neighbourhood, firms: int) -> Neighbourhood:
    """Return who hears whom with the listeners first: their rows are those of their firms, they are in nobody's."""
    indptr, indices, weights = side.indptr.numpy(), side.indices.numpy() + firms, side.weights.numpy()
    first = indptr[firms]
    size = firms + side.senders
    return Neighbourhood(
        sp.csr_array(
            (
                np.concatenate([weights[:first], weights]),
                np.concatenate([indices[:first], indices]),
                np.concatenate([indptr[:firms], first + indptr]),
            ),
            shape=(size, size),
        )
    )
