"""The command that searches for a better challenger."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.console import JsonOption, stdout_kept

_EPILOG = (
    "Example: creditnet tune --portfolio corpnet --data-dir ../data --trials 60 --kinds graphsage,lightgbm --json\n\n"
    "The portfolio's own candidates are measured first, so that the result is better on validation or what is in use. "
    "Run it again to go on: finished trials count, also those of a run that was killed and of other workers on the "
    "same study. Nothing is registered; the page ends with a line for the portfolio file.\n\n"
    "Exit codes: 0 done, also when nothing better was found, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with "
    "mistakes, 4 delivery cannot be read, 5 delivery refused, 6 not enough data, 8 stored bytes are not what was "
    "recorded, 9 a setting cannot be used, such as a kind that cannot be searched or a study about something else."
)


def add_tuning_commands(app: typer.Typer) -> None:
    """Add `tune`."""
    app.command(epilog=_EPILOG)(tune)


def tune(
    portfolio: Annotated[str, typer.Option(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    quarter: Annotated[str | None, typer.Option(help="Such as 2024Q4; the newest delivered one by default.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=0, help="How many trials the study shall have beside the own candidates.")
    ] = 30,
    minutes: Annotated[float | None, typer.Option(help="Begin no trial after so many minutes.")] = None,
    study: Annotated[
        str | None, typer.Option(help="The study's name; after portfolio, data, settings and code by default.")
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Kinds to search, with commas; the portfolio's own, gcn, graphsage and gat by default.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Search settings and architectures for a better challenger, judged by validation alone."""
    with stdout_kept() as stdout:
        from models.search_space import searched_kinds
        from schemas.terms import Quarter
        from tasks.portfolios import load_portfolio

        # Mistakes that can be seen at once are told at once, before a server is started.
        spec, search = load_portfolio(portfolio), _search(trials, minutes, study, kinds)
        searched_kinds(spec, search.kinds)
        if quarter is not None:
            Quarter.parse(quarter)
        content = _run_tuning(portfolio, quarter, data_dir, search)
        from monitoring.tuning_document import tuning_text
        from tasks.tuning import written_tuning

        written = written_tuning(content)
        if as_json:
            stdout.write(json.dumps({**content.model_dump(mode="json"), "files": written.files}) + "\n")
        else:
            stdout.write(tuning_text(content) + "  files\n" + "".join(f"    {path}\n" for path in written.files))


def _search(trials: int, minutes: float | None, study: str | None, kinds: str) -> Any:
    from pydantic import ValidationError

    from schemas.errors import SettingsError
    from schemas.tuning import SearchSpec

    named = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    try:
        return SearchSpec(trials=trials, minutes=minutes, study=study, kinds=named)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"--{first['loc'][0]} cannot be used.", expected=first["msg"], found=repr(first["input"])
        ) from error


def _run_tuning(portfolio: str, quarter: str | None, data_dir: Path | None, search: Any) -> Any:
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    sys.stderr.write(f"creditnet tune of {portfolio}; state in {settings().home}\n")
    from deployments.embedded import starting_server

    with starting_server() as ready:
        from flows.tune_challenger import tune_challenger

        ready()
        return tune_challenger(portfolio, quarter, str(data_dir) if data_dir else None, search)
