"""The commands that serve a home: up, down, status, ui, deploy.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console import JsonOption, stdout_kept
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from schemas.serving import ServedStatus

_CODES = "Exit codes: 0 done, 1 unexpected, or a service does not run, 2 wrong usage, "
PortOption = Annotated[int, typer.Option("--port", help="Of Prefect's server; 0 takes any free one.")]
ServedPortfolio = Annotated[str, typer.Option(help="What the schedules refresh: a portfolio's name or its file.")]
PoolOption = Annotated[
    str, typer.Option(help="The work pool whose workers run the flows; CREDITNET_WORK_POOL by default.")
]


def add_serving_commands(app: typer.Typer) -> None:
    """Make the commands known to the command line."""
    app.command(
        epilog="Example: creditnet up --portfolio interbank --data-dir ../data\n\n"
        + _CODES
        + "3 portfolio unknown or with mistakes, 9 a port is taken, this home is served already or a setting cannot be "
        "used."
    )(up)
    app.command(epilog="Example: creditnet down\n\n" + _CODES + "8 the note of what runs is damaged.")(down)
    app.command(epilog="Example: creditnet status --json\n\n" + _CODES + "8 stored bytes are damaged, 9 a setting.")(
        status
    )
    app.command(epilog="Example: creditnet ui --port 4201\n\n" + _CODES + "9 the port is taken or a setting.")(ui)
    app.command(
        epilog="Example: PREFECT_API_URL=http://prefect.bank:4200/api creditnet deploy --portfolio /srv/bank.yaml\n\n"
        + _CODES
        + "3 portfolio unknown or with mistakes, 9 PREFECT_API_URL is not set."
    )(deploy)


def up(
    portfolio: ServedPortfolio = "simulated",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where a folder source is found; CREDITNET_DATA by default.")
    ] = None,
    port: PortOption = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Of MLflow's pages; 0 takes any free one.")] = 5000,
    reports_port: Annotated[int, typer.Option(help="Of the reports site; 0 takes any free one.")] = 4280,
    pool: PoolOption = "",
) -> None:
    """Serve this home until Ctrl-C: Prefect's server and a worker, schedules, automations, MLflow, the reports site.

    Everything listens on loopback only, and the state stays in the home.
    """
    from tasks.settings import prepare_environment, settings

    source = _checked_portfolio(portfolio)
    if data_dir is not None:
        os.environ["CREDITNET_DATA"] = str(data_dir.absolute())
    prepare_environment(settings())
    from deployments.serving import Ports, serve

    sys.stderr.write(f"creditnet up of {portfolio}; state in {settings().home}\n")
    ports = Ports(prefect=port, mlflow=mlflow_port, reports=reports_port)
    serve(settings(), ports, portfolio=source, pool=_pool(pool), tell=_say)


def down() -> None:
    """End what `creditnet up` or `creditnet ui` serves from this home, from another terminal or after a kill."""
    from tasks.serving import stop_serving
    from tasks.settings import settings

    ended = stop_serving(settings().home)
    sys.stderr.write(f"ended: {', '.join(ended)}\n" if ended else "nothing was served from this home\n")


def status(as_json: JsonOption = False) -> None:
    """Say what runs, what was refreshed last, what is planned next, and which approvals are open."""
    with stdout_kept() as stdout:
        from deployments.standing import standing
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        found = standing(settings())
        stdout.write(json.dumps(found.model_dump(mode="json")) + "\n" if as_json else _told(found))


def ui(port: PortOption = 4200) -> None:
    """Serve the Prefect pages of this home until Ctrl-C, with all earlier runs; nothing is scheduled or run."""
    from tasks.settings import prepare_environment, settings

    prepare_environment(settings())
    from deployments.serving import serve_ui

    serve_ui(settings(), port, tell=_say)


def deploy(portfolio: ServedPortfolio = "simulated", pool: PoolOption = "") -> None:
    """Put pool, deployments and automations on the server of PREFECT_API_URL; again changes nothing."""
    source = _checked_portfolio(portfolio)
    if not os.environ.get("PREFECT_API_URL"):
        raise SettingsError(
            "There is no server to deploy to.",
            expected="PREFECT_API_URL, such as http://prefect.bank:4200/api",
            found="nothing",
            way_out="set it, or run `creditnet up`, which starts a server and deploys by itself",
        )
    from deployments.deploying import deploy as put

    names = put(os.environ, portfolio=source, pool=_pool(pool))
    sys.stderr.write("".join(f"  {name}\n" for name in names))


def _checked_portfolio(portfolio: str) -> str:
    """Return what names the portfolio to a worker, which runs in another folder; refuse one with mistakes."""
    from tasks.portfolios import load_portfolio

    load_portfolio(portfolio)
    return str(Path(portfolio).absolute()) if Path(portfolio).is_file() else portfolio


def _pool(given: str) -> str:
    return given or os.environ.get("CREDITNET_WORK_POOL") or "creditnet"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _told(found: ServedStatus) -> str:
    lines = ["served" if found.served else "not served; `creditnet up` serves this home"]
    lines += [
        f"  {'✓' if one.runs else '✗'} {one.name:<14} {one.url or f'process {one.pid}'}" for one in found.services
    ]
    for one in found.portfolios:
        last = one.last_refresh
        refreshed = f"{last.quarter} version {last.version} ({last.trigger})" if last else "nothing published"
        lines += [
            one.portfolio,
            f"  last refresh   {refreshed}",
            f"  champion       {'version ' + one.champion if one.champion else 'none'}",
            f"  waits for approval  {', '.join(f'version {version}' for version in one.open_approvals) or 'none'}",
        ]
        lines += [f"  running        {one.running}"] if one.running else []
    if found.next_runs is None:
        lines.append("next runs: no server is asked")
    else:
        lines += ["next runs", *(f"  {one.at:%Y-%m-%d %H:%M} UTC  {one.deployment}" for one in found.next_runs)]
    return "\n".join(lines) + "\n"
