"""The command that explains one firm's published score.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from deployments.console import JsonOption, PortfolioOption, stdout_kept

_EPILOG = (
    "Example: creditnet explain F00017 --portfolio simulated --quarter 2024Q4 --json\n\n"
    "Another candidate, by all methods: creditnet explain F00017 --candidate graphsage --method all\n\n"
    "Written are a page, Markdown and JSON below lake/PORTFOLIO/explanations. The page is internal: it names the firms "
    "around. The reason codes, which name nobody, are what may be told to the firm; a candidate "
    "that did not decide has none.\n\n"
    "Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with mistakes, 6 the firm has no score, "
    "or nothing is published for the quarter, 8 stored bytes are not what was recorded, 9 a setting cannot be used: "
    "there is no such candidate, or the method cannot explain it."
)


def add_explaining_commands(app: typer.Typer) -> None:
    """Add `explain`."""
    app.command(epilog=_EPILOG)(explain)


def explain(
    firm: Annotated[str, typer.Argument(help="The firm's id, as delivered.")],
    portfolio: PortfolioOption = "simulated",
    quarter: Annotated[str | None, typer.Option(help="Such as 2024Q4; the newest published one by default.")] = None,
    version: Annotated[
        str | None, typer.Option(help="A version of the model, such as the one in use; that of the quarter by default.")
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(help="Another candidate of the same refresh; the one whose scores were published by default."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="A further method to ask, such as leave_one_out or shap, or `all` that can explain the candidate; "
            "may be repeated."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a firm's published score: reasons, own and network factors, the path of risk, what would change it."""
    with stdout_kept() as stdout:
        from schemas.terms import Quarter
        from tasks.promotion import portfolio_name
        from tasks.settings import prepare_environment, settings

        prepare_environment(settings())
        name, wanted = portfolio_name(portfolio), Quarter.parse(quarter) if quarter else None
        from monitoring.explanation_page import explanation_text
        from tasks.explaining import written_explanation

        written = written_explanation(name, firm, wanted, candidate, method or (), version)
        if as_json:
            stdout.write(json.dumps({**written.content.model_dump(mode="json"), "files": written.files}) + "\n")
        else:
            files = "".join(f"    {path}\n" for path in written.files)
            stdout.write(explanation_text(written.content) + "  files\n" + files)
