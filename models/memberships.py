"""What holds firms together over all vintages: detected communities, or the groups of a given partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.communities import detected_communities
from models.corporate_graph import CorporateGraph
from models.edges import pattern
from schemas.errors import DeliveryRefused, examples
from schemas.portfolio import PortfolioSpec


@dataclass(frozen=True)
class Membership:
    """What holds firms together, by firm.

    Attributes
    ----------
    communities
        What intervals resample.
    groups
        What is dealt whole: the communities, or the coarser groups of a given partition.
    """

    communities: Mapping[str, str]
    groups: Mapping[str, str]


def pooled_communities(graphs: Sequence[CorporateGraph], portfolio: PortfolioSpec) -> dict[str, str]:
    """Return each firm's community in the union of all vintages, so that it keeps one name in all of them."""
    firms, union = pooled_union(graphs)
    found = detected_communities(firms, union, portfolio.graph)
    return dict(zip(firms.tolist(), found.names.tolist(), strict=True))


def pooled_union(graphs: Sequence[CorporateGraph]) -> tuple[NDArray[np.str_], sp.csr_array]:
    """Return the firms of any vintage, ascending, and the pattern of who was related to whom in any of them."""
    firms = np.unique(np.concatenate([graph.firms for graph in graphs]))
    total = sp.csr_array((len(firms), len(firms)), dtype=np.float64)
    for graph in graphs:
        at = np.searchsorted(firms, graph.firms)
        edges = graph.union().tocoo()
        total = total + sp.csr_array((edges.data, (at[edges.row], at[edges.col])), shape=total.shape)
    return firms, pattern(sp.csr_array(total))


def memberships(graphs: Sequence[CorporateGraph], given: pl.DataFrame | None, portfolio: PortfolioSpec) -> Membership:
    """Return each firm's community and group: detected in the union of all vintages, or as given.

    Parameters
    ----------
    given
        The admitted partition (firm_id, group and, where declared, community), if the portfolio has one.

    Raises
    ------
    DeliveryRefused
        If the given partition leaves out a firm of one of the graphs.
    """
    if given is None or portfolio.split.partition is None:
        found = pooled_communities(graphs, portfolio)
        return Membership(found, found)
    column = "community" if portfolio.split.partition.community else "group"
    rows = given.unique("firm_id", keep="first", maintain_order=True)
    groups = dict(rows.select("firm_id", "group").iter_rows())
    firms = np.unique(np.concatenate([graph.firms for graph in graphs])).tolist()
    left_out = [firm for firm in firms if firm not in groups]
    if left_out:
        raise DeliveryRefused(
            "The given partition leaves firms out.",
            expected=f"a group for each of {len(firms):,} firms in {portfolio.split.partition.file}",
            found=f"none for {len(left_out):,}: {examples(left_out)}",
            way_out="deliver their groups, or remove `split.partition` to have communities detected",
        )
    return Membership(dict(rows.select("firm_id", column).iter_rows()), groups)
