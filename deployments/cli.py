"""The command line: parse, call a flow, print. Machines read stdout, people read stderr.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deployments.audit_commands import audit_app
from deployments.console import JsonOption, stdout_kept
from deployments.evidence_commands import add_evidence_commands
from deployments.explaining_commands import add_explaining_commands
from deployments.housekeeping_commands import add_housekeeping_commands
from deployments.monitoring_commands import add_monitoring_commands
from deployments.promotion_commands import add_promotion_commands
from deployments.scoring_commands import add_scoring_commands
from deployments.serving_commands import add_serving_commands
from deployments.tuning_commands import add_tuning_commands
from schemas.errors import CreditnetError, PortfolioError

_CODES = """
Exit codes: 0 done (a refresh whose gates fail is done too: its verdict says so), 1 unexpected, 2 wrong
usage, 3 portfolio unknown or with mistakes, 4 delivery cannot be read, 5 delivery refused, 6 not enough
data, 7 busy, 8 stored bytes are not what was recorded, 9 a setting cannot be used, 10 a split audit found
something beyond its limit (--fail-beyond), 11 a promotion is not allowed, 12 a refresh that was made again
is different.
"""

#: of `audit-splits --fail-beyond`; what was found is data, so it is no error otherwise
FINDINGS_BEYOND = 10

app = typer.Typer(
    help="A quarterly pipeline that turns firms, relations, filings and outcomes into a governed corporate graph.\n\n"
    + _CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
portfolio_app = typer.Typer(help="Look after portfolio files.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(portfolio_app, name="portfolio")


@app.command(
    epilog="Example: creditnet refresh --portfolio interbank --quarter 2022Q4 --data-dir ../data --json\n\n" + _CODES
)
def refresh(
    portfolio: Annotated[str, typer.Option(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    quarter: Annotated[str | None, typer.Option(help="Such as 2024Q4; the newest delivered one by default.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Who asks for the result to become champion; with nobody named two people must approve it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the quarterly refresh of one portfolio; the same refresh again changes nothing."""
    from tasks.portfolios import load_portfolio

    with stdout_kept() as stdout:
        from schemas.people import SYSTEM, written_name
        from schemas.terms import Quarter

        # Mistakes that can be seen at once are told at once, before a server is started.
        spec = load_portfolio(portfolio)
        if quarter is not None:
            Quarter.parse(quarter)
        requester = SYSTEM if by is None else written_name(by)
        outcome = _run_refresh(portfolio, quarter, data_dir, requester)
        if as_json:
            printed = outcome.refresh.model_dump(mode="json")
            if outcome.already_published:
                printed["already_published"] = True
            stdout.write(json.dumps(printed) + "\n")
        else:
            stdout.write(_summary(outcome, spec.title))


@app.command(epilog="Example: creditnet portfolios --json")
def portfolios(as_json: JsonOption = False) -> None:
    """List the bundled portfolios."""
    from tasks.portfolios import bundled_names, load_portfolio

    specs = [load_portfolio(name) for name in bundled_names()]
    if as_json:
        listed = [{"name": s.name, "title": s.title, "source": s.source.kind, "target": s.target.label} for s in specs]
        typer.echo(json.dumps({"portfolios": listed}))
        return
    for spec in specs:
        typer.echo(f"{spec.name:<12} {spec.title} (predicts: {spec.target.label}; source: {spec.source.kind})")


@portfolio_app.command(epilog="Example: creditnet portfolio check my-bank.yaml\n\nExit code 3 if there is a mistake.")
def check(
    file: Annotated[str, typer.Argument(help="A portfolio file, or a bundled portfolio's name.")],
    as_json: JsonOption = False,
) -> None:
    """Explain the mistakes in a portfolio file, all that can be told at once."""
    from tasks.portfolios import load_portfolio

    try:
        spec = load_portfolio(file)
    except PortfolioError as error:
        if as_json:
            typer.echo(json.dumps({"portfolio": file, "correct": False, "problem": str(error)}))
        raise
    if as_json:
        typer.echo(json.dumps({"portfolio": spec.name, "correct": True}))
        return
    typer.echo(
        f"{file} is correct: {spec.name}, {len(spec.feature_columns) + len(spec.derived)} features, "
        f"{len(spec.relations)} relations, {len(spec.candidates)} candidates."
    )


@app.command(
    epilog="Example: creditnet diff 2022Q3 2022Q4 --portfolio interbank --json\n\n"
    "Exit codes: 0 done, also when nothing changed, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with mistakes, "
    "6 one of the quarters has not been published, 8 stored bytes are not what was recorded, 9 a setting cannot be "
    "used, such as a word that is not a quarter."
)
def diff(
    before: Annotated[str, typer.Argument(help="A published quarter, such as 2022Q3.")],
    after: Annotated[str, typer.Argument(help="The quarter to compare it with, such as 2022Q4.")],
    portfolio: Annotated[str, typer.Option(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    as_json: JsonOption = False,
) -> None:
    """Show what changed in the graph between two published quarters, and write it down."""
    with stdout_kept() as stdout:
        from schemas.terms import Quarter
        from tasks.portfolios import load_portfolio

        spec, quarters = load_portfolio(portfolio), (Quarter.parse(before), Quarter.parse(after))
        from monitoring.diff_document import graph_diff_text
        from tasks.diffing import published_diff
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        written = published_diff(spec, *quarters)
        if as_json:
            stdout.write(json.dumps({**written.content.model_dump(mode="json"), "files": written.files}) + "\n")
        else:
            stdout.write(graph_diff_text(written.content) + _listed(written.files))


@app.command(
    name="audit-splits",
    epilog="Example: creditnet audit-splits corpnet --data-dir ../data --json\n\n"
    "A published refresh of the quarter is audited if it was made with the portfolio's present settings. Otherwise the "
    "delivery is received and admitted and its graphs and splits are made, but no candidate is fitted and nothing is "
    "published.\n\n"
    "Exit codes: 0 done, also with findings beyond their limit, 10 so with --fail-beyond, 1 unexpected, 2 wrong usage, "
    "3 portfolio unknown or with mistakes, 4 delivery cannot be read, 5 delivery refused, 6 not enough data, 8 stored "
    "bytes are not what was recorded, 9 a setting cannot be used.",
)
def audit_splits(
    portfolio: Annotated[str, typer.Argument(help="A bundled portfolio's name or a portfolio file.")] = "simulated",
    quarter: Annotated[
        str | None, typer.Option(help="Such as 2024Q4; the newest published one by default, else the newest delivered.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    origins: Annotated[
        int | None, typer.Option(min=0, help="Rolling origins to measure; `split.origins` of the portfolio by default.")
    ] = None,
    fail_beyond: Annotated[
        bool, typer.Option("--fail-beyond", help="Exit with 10 if a finding is beyond its limit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what could make a candidate look better than it is, and by how much each way to split flatters."""
    with stdout_kept() as stdout:
        from schemas.terms import Quarter
        from tasks.portfolios import load_portfolio

        spec, wanted = load_portfolio(portfolio), Quarter.parse(quarter) if quarter else None
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        from monitoring.split_audit_document import split_audit_text
        from tasks.split_auditing import published_audit, with_origins, written_audit

        content = published_audit(with_origins(spec, origins), wanted)
        if content is None:
            sys.stderr.write("no published refresh has these settings: the splits are made for this audit alone\n")
            content = _run_split_audit(portfolio, quarter, data_dir, origins)
        written = written_audit(content)
        if as_json:
            stdout.write(json.dumps({**content.model_dump(mode="json"), "files": written.files}) + "\n")
        else:
            stdout.write(split_audit_text(content) + _listed(written.files))
    if fail_beyond and content.beyond:
        raise typer.Exit(FINDINGS_BEYOND)


@app.command(
    epilog="Example: creditnet fetch corpnet --from ../downloads/corpnet --to data/corpnet\n\n"
    "Without --from the files are fetched over https from the publisher's repository at one commit; "
    "CREDITNET_FETCH_URL names a mirror of https://raw.githubusercontent.com. No other command reaches outside.\n\n"
    "Exit codes: 0 done, 1 unexpected or no room on the disk, 2 wrong usage, 4 a file is missing, cannot be fetched or "
    "is not as published, 6 too few firms to split, 8 a file's hash is not the recorded one, or none is recorded, "
    "9 the folder exists already or a setting cannot be used."
)
def fetch(
    dataset: Annotated[Literal["corpnet", "interbank"], typer.Argument(help="Which published data set.")],
    local: Annotated[
        Path | None, typer.Option("--from", help="A folder with the publisher's files; from the publisher by default.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--to", help="The data folder to make; DATASET in CREDITNET_DATA or in data/ by default."),
    ] = None,
    accept_new_hashes: Annotated[
        bool,
        typer.Option(
            "--accept-new-hashes", help="Take files without a recorded SHA-256 too, and write it to hashes.json."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a data folder out of the publisher's own files, each checked against its SHA-256."""
    with stdout_kept() as stdout:
        from tasks.fetching import fetch as fetched_folder
        from tasks.settings import settings

        folder = target or (settings().data_dir or Path("data")) / dataset
        fetched = fetched_folder(
            dataset,
            folder.absolute(),
            local=local,
            accept_new_hashes=accept_new_hashes,
            tell=lambda name: sys.stderr.write(f"  {name}\n"),
        )
        if as_json:
            stdout.write(json.dumps(fetched.model_dump(mode="json")) + "\n")
        else:
            stdout.write(_fetched(fetched))


add_promotion_commands(app)
add_monitoring_commands(app)
add_scoring_commands(app)
add_housekeeping_commands(app)
add_serving_commands(app)
add_tuning_commands(app)
add_evidence_commands(app)
add_explaining_commands(app)
app.add_typer(audit_app, name="audit")


def main() -> None:
    """Run the command line and turn this project's errors into a message and an exit code."""
    try:
        app()
    except CreditnetError as error:
        sys.stderr.write(f"\nError: {error}\n")
        sys.exit(error.exit_code)


def _run_refresh(portfolio: str, quarter: str | None, data_dir: Path | None, requested_by: str) -> Any:
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    sys.stderr.write(f"creditnet refresh of {portfolio}; state in {settings().home}\n")
    from deployments.embedded import starting_server

    with starting_server() as ready:
        from flows.quarterly_refresh import quarterly_refresh

        ready()
        return quarterly_refresh(portfolio, quarter, str(data_dir) if data_dir else None, requested_by=requested_by)


def _run_split_audit(portfolio: str, quarter: str | None, data_dir: Path | None, origins: int | None) -> Any:
    from deployments.embedded import starting_server

    with starting_server() as ready:
        from flows.split_audit import split_audit

        ready()
        return split_audit(portfolio, quarter, str(data_dir) if data_dir else None, origins)


def _summary(outcome: Any, title: str) -> str:
    refreshed = outcome.refresh
    gates = refreshed.gates
    passed = sum(gate.verdict == "pass" for gate in gates)
    failed = [gate for gate in gates if gate.verdict == "fail"]
    lines = [
        "",
        f"{title}, {refreshed.quarter}" + (" (published before; nothing changed)" if outcome.already_published else ""),
        f"  verdict      {refreshed.verdict.outcome}: {refreshed.verdict.summary}",
        f"  graph        helped: {refreshed.verdict.graph_helped}. {refreshed.verdict.graph_reason}".rstrip(),
        f"  fingerprint  {refreshed.fingerprint}",
        f"  gates        {passed} passed, {len(failed)} failed, {len(gates) - passed - len(failed)} not assessable",
        *(f"               failed: {g.gate} = {g.value:.3f}, limit {g.comparison} {g.limit:g}" for g in failed),
        f"  registered   {refreshed.model_version}",
        f"  time         {sum(refreshed.stages.values()):.1f} s in {len(refreshed.stages)} stages",
    ]
    return "\n".join(lines) + "\n" + _listed(refreshed.files)


def _listed(paths: Iterable[str]) -> str:
    return "  files\n" + "".join(f"    {path}\n" for path in paths)


def _fetched(fetched: Any) -> str:
    folder = Path(fetched.folder)
    lines = [f"{fetched.dataset} from {fetched.origin}"]
    lines += [f"  {table.file:<28} {table.rows:>9,} rows" for table in fetched.tables]
    if fetched.new_hashes:
        lines.append(f"  {len(fetched.new_hashes)} files had no recorded SHA-256; hashes.json says what they were")
    found = folder.parent if folder.name == fetched.dataset else "a folder that holds it under that name"
    lines += [f"  folder   {folder}", f"  use it   creditnet refresh --portfolio {fetched.dataset} --data-dir {found}"]
    return "\n".join(lines) + "\n"
