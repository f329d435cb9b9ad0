"""Which version is champion, by the decisions made so far."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tasks.catalogue.tables import DecisionRow


def champions_in_use(decisions: Iterable[DecisionRow]) -> list[DecisionRow]:
    """Return the decisions whose champions have not been retired, oldest first; the last one is the champion.

    A version that is made champion again counts from then on; a retired one gives way to the one before it.
    """
    standing: dict[str, DecisionRow] = {}
    for row in decisions:
        if row.alias in {"champion", "retired"}:
            standing.pop(row.refresh_key, None)
        if row.alias == "champion":
            standing[row.refresh_key] = row
    return list(standing.values())


def decisions_of(session: Session, portfolio: str) -> list[DecisionRow]:
    """Return all decisions on a portfolio's versions in the order they were made."""
    return list(session.scalars(select(DecisionRow).filter_by(portfolio=portfolio).order_by(DecisionRow.id)))


def current_aliases(decisions: Iterable[DecisionRow]) -> dict[str, str]:
    """Return the version that each alias stands for; an alias that nothing stands for is left out."""
    rows = list(decisions)
    aliases = {row.alias: row.model_version for row in rows if row.alias == "challenger"}
    return aliases | {row.alias: row.model_version for row in champions_in_use(rows)[-1:]}
