"""The texts of a quarter's firms: those that relations are made from, and columns of texts in firms and filings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.admission import relation_table
from models.knowledge import known_by, newest_filings, newest_firms
from models.text_similarity import newest_texts
from schemas.portfolio import PortfolioSpec, SimilarTextSpec
from schemas.terms import Kind, Table


@dataclass(frozen=True)
class FirmTexts:
    """The newest known text of each firm that has one.

    Attributes
    ----------
    name
        Of the relation or the column.
    firms : (n,) str
        Ascending.
    texts : (n,)
    embedded
        Columns of the embeddings that the texts are (JSON arrays); 0 if they are words.
    """

    name: str
    firms: NDArray[np.str_]
    texts: Sequence[str]
    embedded: int = 0


def text_tables(portfolio: PortfolioSpec) -> tuple[str, ...]:
    """Return the names of the admitted tables that hold texts."""
    columns = {
        Table.FIRMS: portfolio.firms.columns,
        Table.FILINGS: portfolio.filings.columns if portfolio.filings else (),
    }
    return (
        *(relation_table(spec.name) for spec in _relations(portfolio)),
        *(str(table) for table, specs in columns.items() if any(spec.kind is Kind.TEXT for spec in specs)),
    )


def firm_texts(
    tables: Mapping[str, pl.DataFrame], firms: NDArray[np.str_], portfolio: PortfolioSpec, as_of: dt.date
) -> tuple[FirmTexts, ...]:
    """Return all texts of a quarter's firms as known at its end.

    Parameters
    ----------
    tables
        Those that `text_tables` names, as admitted.
    firms : (n,) str
        Of the quarter's graph.
    """
    return tuple(_texts(tables, firms, portfolio, as_of))


def _texts(
    tables: Mapping[str, pl.DataFrame], firms: NDArray[np.str_], portfolio: PortfolioSpec, as_of: dt.date
) -> Iterator[FirmTexts]:
    for relation in _relations(portfolio):
        rows = known_by(tables[relation_table(relation.name)], as_of)
        texts = newest_texts(rows, pl.Series(firms))
        yield _written(relation.name, firms, texts, _components(texts) if relation.method == "given" else 0)
    filed = portfolio.filings.columns if portfolio.filings else ()
    for table, columns, newest in (
        (Table.FIRMS, portfolio.firms.columns, newest_firms),
        (Table.FILINGS, filed, newest_filings),
    ):
        # An earlier quarter's table may lack a column that was declared since.
        for column in (one for one in columns if one.kind is Kind.TEXT and one.name in tables[table].columns):
            known = newest(tables[table], as_of).select("firm_id", text=pl.col(column.name))
            aligned = pl.DataFrame({"firm_id": firms}).join(known, on="firm_id", how="left", maintain_order="left")
            yield _written(column.name, firms, aligned["text"].fill_null("").to_list(), 0)


def _relations(portfolio: PortfolioSpec) -> list[SimilarTextSpec]:
    return [relation for relation in portfolio.relations if isinstance(relation, SimilarTextSpec)]


def _components(embeddings: list[str]) -> int:
    # An earlier quarter's may be of another size than the portfolio declares now.
    return len(json.loads(next((one for one in embeddings if one.strip()), "[]")))


def _written(name: str, firms: NDArray[np.str_], texts: list[str], embedded: int) -> FirmTexts:
    some = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
    return FirmTexts(
        name, firms[some], [text for text, there in zip(texts, some.tolist(), strict=True) if there], embedded
    )
