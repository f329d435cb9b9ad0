"""The command that scores with the champion.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import typer

from deployments.console import JsonOption, PortfolioOption, stdout_kept

if TYPE_CHECKING:
    from schemas.scoring import ScoringOutcome

_CODES = (
    "Exit codes: 0 done, also when it was scored before, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with "
    "mistakes, 6 no champion, or the quarter's graph lacks what it was fitted on, 8 stored bytes are not what was "
    "recorded, 9 a setting cannot be used."
)


def add_scoring_commands(app: typer.Typer) -> None:
    """Make the command known to the command line."""
    app.command(epilog="Example: creditnet score --portfolio interbank --json\n\n" + _CODES)(score)


def score(portfolio: PortfolioOption = "simulated", as_json: JsonOption = False) -> None:
    """Score the newest published quarter with the champion into a file; the same again changes nothing.

    An approval and a rollback do this by themselves.
    """
    with stdout_kept() as stdout:
        outcome = _run(portfolio)
        stdout.write(json.dumps(outcome.model_dump(mode="json")) + "\n" if as_json else _told(outcome))


def _run(portfolio: str) -> ScoringOutcome:
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    from tasks.promotion import portfolio_name

    # Whether there is such a portfolio is told at once, before a server is started.
    name = portfolio_name(portfolio)
    sys.stderr.write(f"creditnet score of {name}; state in {settings().home}\n")
    from deployments.embedded import starting_server

    with starting_server() as ready:
        from flows.score_portfolio import score_portfolio

        ready()
        found: ScoringOutcome = score_portfolio(name)
        return found


def _told(outcome: ScoringOutcome) -> str:
    scores = outcome.scores
    before = " (scored before; nothing changed)" if outcome.already_scored else ""
    lines = [
        f"{scores.portfolio}, {scores.quarter}: {scores.firms:,} firms{before}",
        f"  champion     version {scores.version}, {scores.candidate}",
        "  files",
        *(f"    {file}" for file in outcome.files),
    ]
    return "\n".join(lines) + "\n"
