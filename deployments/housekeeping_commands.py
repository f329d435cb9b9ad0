"""The commands that look after a home: refreshes, prune, doctor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console import JsonOption, PortfolioOption, stdout_kept

if TYPE_CHECKING:
    from schemas.housekeeping import PruneReport, RefreshSummary

_CODES = "Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with mistakes, "


def add_housekeeping_commands(app: typer.Typer) -> None:
    """Make the commands known to the command line."""
    app.command(epilog="Example: creditnet refreshes --portfolio interbank --json\n\n" + _CODES + "9 a setting.")(
        refreshes
    )
    app.command(
        epilog="Example: creditnet prune --portfolio interbank --keep 8 --yes\n\n"
        + _CODES
        + "7 a refresh of the portfolio runs, 9 too few quarters or a setting cannot be used."
    )(prune)
    app.command(
        epilog="Example: creditnet doctor --json\n\nExit codes: 0 all is well, 1 unexpected, 2 wrong usage, "
        "9 something has to be put right."
    )(doctor)


def refreshes(
    portfolio: Annotated[str | None, typer.Option(help="A portfolio's name or its file; all by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List all refreshes, whatever came of them."""
    with stdout_kept() as stdout:
        from tasks.catalogue import open_catalogue
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        name = portfolio_name(portfolio) if portfolio else None
        found = open_catalogue(settings().database_url).housekeeping.refreshes(name)
        if as_json:
            stdout.write(json.dumps({"refreshes": [one.model_dump(mode="json") for one in found]}) + "\n")
        else:
            stdout.write("".join(_listed(one) for one in found) or "No refresh has been started.\n")


def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest quarters stay.")],
    portfolio: PortfolioOption = "simulated",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only told what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take away the files of old refreshes that nothing needs: no champion, proposal or open finding."""
    with stdout_kept() as stdout:
        from tasks import retention
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        report = retention.prune(portfolio_name(portfolio), keep, really=yes)
        stdout.write(json.dumps(report.model_dump(mode="json")) + "\n" if as_json else _pruned(report))


def doctor(as_json: JsonOption = False) -> None:
    """Check versions, disk, permissions, ports, database, audit log and lock, and say what to do."""
    with stdout_kept() as stdout:
        from tasks.doctor import diagnosis

        found = diagnosis()
        if as_json:
            stdout.write(json.dumps(found.model_dump(mode="json")) + "\n")
        else:
            for check in found.checks:
                stdout.write(f"  {'✓' if check.well else '✗'} {check.check:<12} {check.found}\n")
                if check.way_out and not check.well:
                    stdout.write(f"    {'':<12} way out: {check.way_out}\n")
    if not found.well:
        raise typer.Exit(9)


def _listed(one: RefreshSummary) -> str:
    aliases = ", ".join(f"@{alias}" for alias in one.aliases)
    told = [one.status if one.pruned_at is None else "pruned", one.verdict or "", aliases]
    version = f"version {one.version}" if one.version else one.refresh[:12]
    why = f"  {one.error}" if one.error else ""
    return (
        f"{one.portfolio:<12} {one.quarter}  {version:<13} {one.started_at:%Y-%m-%d %H:%M} UTC  "
        f"{'  '.join(filter(None, told))}{why}\n"
    )


def _pruned(report: PruneReport) -> str:
    lines = [f"  goes   {one.quarter} version {one.version}  {one.folder}" for one in report.pruned]
    lines += [f"  stays  {one.quarter} version {one.version}  {one.kept_because}" for one in report.kept]
    verb = "freed" if report.done else "would be freed; nothing was done, --yes does it"
    return "\n".join([f"{report.portfolio}: {report.freed_bytes / 1024**2:.1f} MB {verb}", *lines]) + "\n"
