"""CorpNet: the publisher's table of firms and list of arcs as ``nodes`` and ``edges``.

The publisher's rows are sorted by the noisy score that the rating is cut from: the row number is the
label (AUC 1). Firm ids are therefore dealt anew, and nothing else of the order survives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.corporate_graph import IntVector
from models.importing.reading import narrowed, typed_columns
from schemas.errors import DeliveryError, NotEnoughData, examples
from schemas.terms import Kind

FIRMS_FILE = "tabular_data.csv"
ARCS_FILE = "src_dst.p"
_ITEMS = {
    "current_liabilities": "CurrentLiabs",
    "total_liabilities": "TotalLiabs",
    "retained_earnings": "RetainedEarnings",
    "current_assets": "CurrentAssets",
    "net_sales": "NetSales",
    "ebit": "EBIT",
    "market_value_equity": "MktValueEquity",
}
#: names in the data folder, and what the publisher calls them
_COLUMNS = {"industry_code": "industry_code", **_ITEMS, "rating": "Rating"}
INVESTMENT_GRADES = ("AAA", "AA", "A", "BBB")
_KINDS = {"industry_code": Kind.TEXT, **dict.fromkeys(_ITEMS, Kind.NUMBER), "rating": Kind.TEXT}
_ITEM_TYPES = dict.fromkeys(_ITEMS, pl.Float64())
_NODES: Mapping[str, pl.DataType] = {
    "firm_id": pl.Int16(),
    "industry_code": pl.String(),
    **_ITEM_TYPES,
    "rating": pl.String(),
    "investment_grade": pl.Int8(),
    "split": pl.String(),
}
_EDGES: Mapping[str, pl.DataType] = {"src": pl.Int16(), "dst": pl.Int16()}
#: another text deals other ids, and with them other models: change it never
_SEED = "creditnet corpnet firm ids"
#: of the published protocol
_TEST_SEED, _VALID_SEED, _HELD_OUT = 46, 42, 0.2


@dataclass(frozen=True)
class CorpnetTables:
    """The two tables of the data folder, by ascending id and by ascending (src, dst)."""

    nodes: pl.DataFrame
    edges: pl.DataFrame


def corpnet_tables(firms: pl.DataFrame, sources: IntVector, targets: IntVector, firm_ids: IntVector) -> CorpnetTables:
    """Convert the publisher's files.

    Parameters
    ----------
    firms
        The table of firms, every column as text.
    sources, targets : (m,)
        Arcs as row numbers of `firms` from 0; each edge may be there once or in both directions.
    firm_ids : (n,)
        The id of each row: `dealt_firm_ids`, or another permutation of 0 to n - 1.

    Raises
    ------
    DeliveryError
        If the files do not fit each other or are not the published ones.
    """
    rows = typed_columns(firms, _COLUMNS, _KINDS, file=FIRMS_FILE, nullable=False)
    _refuse_strange_arcs(len(rows), sources, targets)
    grade = rows["rating"].is_in(INVESTMENT_GRADES).cast(pl.Int8)
    related = np.zeros(len(rows), dtype=bool)
    related[sources] = related[targets] = True
    nodes = rows.with_columns(
        pl.Series("firm_id", firm_ids),
        pl.Series("investment_grade", grade),
        pl.Series("split", published_split(related, grade.to_numpy())),
    )
    return CorpnetTables(
        nodes=narrowed(nodes.sort("firm_id"), _NODES, file=FIRMS_FILE),
        edges=narrowed(_edges(firm_ids[sources], firm_ids[targets]), _EDGES, file=ARCS_FILE),
    )


def dealt_firm_ids(firms: int) -> IntVector:
    """Return the id of each source row, a fixed permutation of 0 to firms - 1.

    Rows are ordered by a SHA-256, which is the same in every version of every library.
    """
    order = sorted(range(firms), key=lambda row: hashlib.sha256(f"{_SEED} {row}".encode()).digest())
    ids = np.empty(firms, dtype=np.int64)
    ids[order] = np.arange(firms)
    return ids


def published_split(related: NDArray[np.bool_], investment_grade: NDArray[np.int8]) -> NDArray[np.str_]:
    """Deal rows, in the publisher's order, into train, valid, test and isolated by the published protocol.

    A firm without an edge is isolated. A fifth of the others is test, then a fifth of the rest valid,
    each stratified by investment grade.
    """
    from sklearn.model_selection import train_test_split

    split = np.full(len(related), "isolated", dtype="<U8")
    rest = np.flatnonzero(related)
    try:
        for sample, seed in (("test", _TEST_SEED), ("valid", _VALID_SEED)):
            strata = investment_grade[rest]
            rest, held_out = train_test_split(rest, test_size=_HELD_OUT, stratify=strata, random_state=seed)
            split[held_out] = sample
    except ValueError as error:
        raise NotEnoughData(
            "The firms cannot be split by the published protocol.",
            expected="several firms with edges of each class",
            found=f"{len(rest)} firms with edges: {error}",
        ) from error
    split[rest] = "train"
    return split


def _edges(sources: IntVector, targets: IntVector) -> pl.DataFrame:
    pairs = pl.DataFrame({"src": np.minimum(sources, targets), "dst": np.maximum(sources, targets)})
    return pairs.unique().sort("src", "dst")


def _refuse_strange_arcs(firms: int, sources: IntVector, targets: IntVector) -> None:
    if len(sources) != len(targets):
        found = f"{len(sources)} sources and {len(targets)} targets"
    elif strange := sorted({int(end) for ends in (sources, targets) for end in ends[(ends < 0) | (ends >= firms)]}):
        found = f"rows {examples(strange)}"
    elif loops := sources[sources == targets].tolist():
        found = f"arcs of a firm to itself: {examples(loops)}"
    else:
        return
    raise DeliveryError(
        f"{ARCS_FILE} does not fit {FIRMS_FILE}.",
        expected=f"arcs between two different rows from 0 to {firms - 1}",
        found=found,
        way_out="fetch both files again, from one commit",
    )
