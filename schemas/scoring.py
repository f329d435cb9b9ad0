"""Scores of a published quarter by the champion: what they are, and what a run of the scoring came to."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.terms import Quarter


class ChampionScores(Frozen):
    """A file of scores and what made it: the same champion and the same published quarter are the same scores.

    Attributes
    ----------
    refresh, fingerprint
        The published refresh whose firms were scored, and its quarter's graph.
    model, version, champion_refresh, candidate, content_hash
        What scored them: in the registry, in the catalogue, and as content.
    threshold
        The cut-off on the positive class that it was accepted with; of more than two classes the likeliest counts.
    columns
        Of ``scores.parquet``: firm, probability of the unfavourable outcome, class, whether it is favourable, and the
        grade of the champion's master scale.
    """

    portfolio: str
    quarter: Quarter
    refresh: str
    fingerprint: str
    model: str
    version: str
    champion_refresh: str
    candidate: str
    content_hash: str
    threshold: float
    firms: int
    columns: tuple[str, ...]


class ScoringOutcome(Frozen):
    """What a run of the scoring came to: what `creditnet score --json` prints."""

    scores: ChampionScores
    files: tuple[str, ...]
    already_scored: bool = False


class ChampionChanged(Frozen):
    """The event `creditnet.champion.changed`: which version is in use now, by which decision."""

    portfolio: str
    version: str
    decision: str
