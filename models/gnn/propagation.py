"""Features passed on along relations, before and without any weight that is learnt.

What comes out depends on the graph and the inputs alone, so that it is computed once for a whole graph and remembered
with it. On sampled blocks it is estimated from the sample at each step; block k gives the k-th step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from models.gnn.blocks import Block
from models.gnn.normalised import Degrees, mean_with_self, weighted_mean


def metapath_means(blocks: Sequence[Block], values: torch.Tensor) -> list[torch.Tensor]:
    """Return the means along all paths of at most ``len(blocks)`` relations, each (receivers of the last, inputs).

    The mean along a path r1 r2 is that over the partners by r1 of their means over the partners by r2: A_r1 A_r2 X
    with the rows of each A summing to 1, or to 0 for a firm without partners (Yang and others 2023,
    arXiv:2207.02547, section 4). The path of no relation comes first: the inputs as they are.
    """

    def compute() -> list[torch.Tensor]:
        found: list[torch.Tensor] = []
        newest = [values]
        for block in blocks:
            newest = [side.mean(before) for before in newest for side in block.relations.values()]
            found = [*(block.own(before) for before in found), *newest]
        return found

    return _remembered(blocks, values, "metapaths", compute)


def number_of_metapaths(sides: int, longest: int) -> int:
    """Return how many means `metapath_means` gives: 1 + R + R^2 ... for R sides of relations."""
    return int(sum(sides**length for length in range(longest + 1)))


def powers(
    blocks: Sequence[Block], values: torch.Tensor, *, per_relation: bool, weighted: bool = False
) -> list[torch.Tensor]:
    """Return X, S X, ... S^K X with K = ``len(blocks)``, each (receivers of the last, inputs).

    S is graph convolution without weights over all relations together (Wu and others 2019, arXiv:1902.07153,
    equation 5). `per_relation` has one S a relation and direction, the mean over a firm and its partners (Frasca and
    others 2020, arXiv:2004.11198, section 3, lets the operators be any); each power then comes once a side, in their
    order. With `weighted` it is the mean over the partners alone by the relation's weights, in their absolute values;
    0 for a firm without partners.
    """
    mean = weighted_mean if weighted else mean_with_self

    def compute() -> list[torch.Tensor]:
        found: list[torch.Tensor] = []
        newest = [values] * (len(blocks[0].relations) if per_relation else 1)
        for block in blocks:
            if per_relation:
                sides = block.relations.values()
                newest = [mean(side, before) for side, before in zip(sides, newest, strict=True)]
            else:
                newest = [block.convolutions[Degrees.WITH_SELF](newest[0])]
            found = [*(block.own(before) for before in found), *newest]
        return found

    return _remembered(blocks, values, f"powers {per_relation} {weighted}", compute)


def _remembered(
    blocks: Sequence[Block], values: torch.Tensor, name: str, compute: Callable[[], list[torch.Tensor]]
) -> list[torch.Tensor]:
    """Return the inputs and what follows from them, which is remembered with a whole graph."""
    whole, own = blocks[0], values
    for block in blocks:
        own = block.own(own)
    if any(block is not whole for block in blocks):
        return [own, *compute()]
    # What is remembered does not hold the inputs themselves, or they would never be let go of.
    return [own, *whole.remembered(f"{name} {len(blocks)}", values, compute)]
