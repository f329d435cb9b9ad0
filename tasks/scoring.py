"""The stage of the scoring flow."""

from __future__ import annotations

from schemas.scoring import ScoringOutcome
from tasks.champion_scores import champion_scores
from tasks.progress import note
from tasks.promotion import portfolio_name
from tasks.stage import stage


@stage("score")
def score(portfolio: str) -> ScoringOutcome:
    """Score the newest published quarter with the champion; `portfolio` is a name or a file."""
    found = champion_scores(portfolio_name(portfolio))
    scores = found.scores
    known = ", scored before" if found.already_scored else ""
    note(f"{scores.firms:,} firms of {scores.quarter} by version {scores.version}{known}")
    return found
