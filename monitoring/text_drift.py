"""Text drift: the texts of a relation or column as one more column of feature drift, and the words that moved."""

from __future__ import annotations

from collections.abc import Sequence

from models.text_drift import TEXT_DISTANCE, TextMove, WordShare
from schemas.results import ColumnDrift, TextDrift, WordDrift
from schemas.specs import GatesSpec


def text_column(move: TextMove, gates: GatesSpec) -> ColumnDrift:
    """Hold a distance against the limit of features, or against chance where few or changing texts leave it more.

    Below `gates.feature_drift_limit` a shift of many texts is certain and small; above it a shift of a few could be
    chance, which the permutations tell.
    """
    limit = max(gates.feature_drift_limit, move.beyond_chance(gates.false_alarm_rate))
    return ColumnDrift(
        column=move.name,
        method=TEXT_DISTANCE,
        value=move.distance,
        limit=limit,
        drifted=move.distance is not None and move.distance > limit,
    )


def text_drifts(moves: Sequence[TextMove]) -> tuple[TextDrift, ...]:
    """Return what moved in each of the texts that could be compared."""
    return tuple(
        TextDrift(
            name=one.name,
            before=one.before,
            after=one.after,
            distance=one.distance,
            chance=one.chance,
            rising=_words(one.words.rising if one.words else ()),
            falling=_words(one.words.falling if one.words else ()),
        )
        for one in moves
        if one.distance is not None and one.chance is not None
    )


def _words(shares: Sequence[WordShare]) -> tuple[WordDrift, ...]:
    return tuple(WordDrift(word=one.word, before=one.before, after=one.after) for one in shares)
