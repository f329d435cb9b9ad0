"""What the commands share: the options that several of them take, and a stdout for the result alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
PortfolioOption = Annotated[str, typer.Option(help="A portfolio's name or its file.")]
ByOption = Annotated[str, typer.Option("--by", help="The name of the person who decides.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@contextmanager
def stdout_kept() -> Iterator[Any]:
    """Keep stdout for the result alone: whatever a library prints meanwhile goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as stdout:
            yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
