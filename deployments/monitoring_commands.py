"""The commands that monitor what was published: drift of a delivery, outcomes of scores.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console import JsonOption, stdout_kept

if TYPE_CHECKING:
    from schemas.performance import OutcomesOutcome
    from schemas.retraining import DriftOutcome

_CODES = (
    "Exit codes: 0 done, whether or not something alarms, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with "
    "mistakes, 4 delivery cannot be read, 5 delivery refused, 6 not enough data, 7 busy, 8 stored bytes are not what "
    "was recorded, 9 a setting cannot be used."
)


def add_monitoring_commands(app: typer.Typer) -> None:
    """Make the commands known to the command line."""
    app.command(epilog="Example: creditnet drift --portfolio interbank --data-dir ../data --json\n\n" + _CODES)(drift)
    app.command(epilog="Example: creditnet outcomes --portfolio interbank --data-dir ../data --json\n\n" + _CODES)(
        outcomes
    )


def drift(
    portfolio: Annotated[str, typer.Option(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    quarter: Annotated[str | None, typer.Option(help="Such as 2024Q4; the newest delivered one by default.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a delivery with what was published last; drift has it refreshed, within cool-down and budget.

    With a server (`creditnet up`) its automation starts the refresh; without one it runs here.
    """
    with stdout_kept() as stdout:
        from schemas.terms import Quarter
        from tasks.portfolios import load_portfolio

        # Mistakes that can be seen at once are told at once, before a server is started.
        load_portfolio(portfolio)
        if quarter is not None:
            Quarter.parse(quarter)
        outcome = _run(portfolio, quarter, data_dir)
        stdout.write(json.dumps(outcome.model_dump(mode="json")) + "\n" if as_json else _told(outcome))


def outcomes(
    portfolio: Annotated[str, typer.Option(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    quarter: Annotated[
        str | None, typer.Option(help="Known by the end of which quarter; the newest delivered one by default.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare outcomes that are known by now with the scores published for their quarters, and write it down.

    Calibration by quarter and grade, AUC now against AUC at validation; an estimate, labelled as one, where outcomes
    are awaited. Nothing is fitted.
    """
    with stdout_kept() as stdout:
        from schemas.terms import Quarter
        from tasks.portfolios import load_portfolio

        load_portfolio(portfolio)
        if quarter is not None:
            Quarter.parse(quarter)
        found = _run_outcomes(portfolio, quarter, data_dir)
        if as_json:
            stdout.write(json.dumps(found.model_dump(mode="json")) + "\n")
        else:
            from monitoring.outcomes_document import outcomes_text

            stdout.write(outcomes_text(found.analysis) + "".join(["  files\n", *(f"    {f}\n" for f in found.files)]))


def _run_outcomes(portfolio: str, quarter: str | None, data_dir: Path | None) -> OutcomesOutcome:
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    sys.stderr.write(f"creditnet outcomes of {portfolio}; state in {settings().home}\n")
    from deployments.embedded import starting_server

    with starting_server() as ready:
        from flows.outcomes_analysis import outcomes_analysis

        ready()
        found: OutcomesOutcome = outcomes_analysis(portfolio, quarter, str(data_dir.absolute()) if data_dir else None)
        return found


def _run(portfolio: str, quarter: str | None, data_dir: Path | None) -> DriftOutcome:
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    sys.stderr.write(f"creditnet drift of {portfolio}; state in {settings().home}\n")
    from deployments.embedded import starting_server

    # A worker that starts the refresh does not run in this folder.
    source = str(Path(portfolio).absolute()) if Path(portfolio).is_file() else portfolio
    with starting_server() as ready:
        from flows.drift_monitor import drift_monitor

        ready()
        # Named even where the environment names it: the worker's own may be another one.
        folder = data_dir.absolute() if data_dir else settings().data_dir
        found: DriftOutcome = drift_monitor(source, quarter, str(folder) if folder else None)
        return found


def _told(outcome: DriftOutcome) -> str:
    from monitoring.drift_document import drift_text

    refreshed = f", version {outcome.refresh.model_version.split()[-1]}" if outcome.refresh else ""
    lines = [f"  retraining   {outcome.retraining}{refreshed}{f': {outcome.reason}' if outcome.reason else ''}"]
    lines += [f"  event        {outcome.event.id}"] if outcome.event else []
    lines += ["  files", *(f"    {file}" for file in outcome.files)]
    return drift_text(outcome.drift) + "\n".join(lines) + "\n"
