"""The commands on the audit log: verify, show."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from deployments.console import JsonOption, stdout_kept

audit_app = typer.Typer(
    help="Check and read the audit log: who did what and when.", no_args_is_help=True, rich_markup_mode=None
)
_CODES = "Exit codes: 0 whole, 1 unexpected, 2 wrong usage, 8 something does not fit, 9 a setting cannot be used."


@audit_app.command(
    epilog="Example: creditnet audit verify --head 3f0c...\n\n"
    "A head is printed on each model card and by approve, reject and rollback. The log is also held against the heads "
    "in the manifests of the lake and in the model registry, and against the other tables. What was cut off since the "
    "newest of these heads, together with its rows in the other tables, is not found.\n\n" + _CODES
)
def verify(
    head: Annotated[
        list[str] | None, typer.Option(help="A head that you noted, such as on a card; may be repeated.")
    ] = None,
    registry: Annotated[bool, typer.Option(help="Ask the model registry for heads too (some seconds).")] = True,
    as_json: JsonOption = False,
) -> None:
    """Find any edit, deletion or truncation of the audit log."""
    with stdout_kept() as stdout:
        from tasks.auditing import verify_audit
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        report = verify_audit(tuple(head or ()), registry=registry)
        if as_json:
            stdout.write(json.dumps(report.model_dump(mode="json")) + "\n")
            return
        stdout.write(
            f"The audit log is whole: {report.rows} rows, head {report.head}.\n"
            f"  {report.facts} publications, decisions, proposals and votes in the catalogue agree with it.\n"
            f"  {report.witnesses} noted heads are in it; {report.unwitnessed_rows} rows are newer than all of them.\n"
        )


@audit_app.command(epilog="Example: creditnet audit show --last 20\n\n" + _CODES)
def show(
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest ones.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the audit log, oldest first; `creditnet audit verify` checks it."""
    with stdout_kept() as stdout:
        from tasks.auditing import audit_entries
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        entries = audit_entries(last)
        if as_json:
            stdout.write(json.dumps({"entries": [entry.model_dump(mode="json") for entry in entries]}) + "\n")
            return
        for entry in entries:
            told = ", ".join(f"{name} {value}" for name, value in entry.details.items() if value)
            stdout.write(
                f"{entry.sequence:>6} {entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.event:<20} {entry.actor}  "
                f"{entry.subject[:12]}  {told}\n"
            )
