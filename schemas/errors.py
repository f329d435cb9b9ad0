"""One family of errors, each with its exit code.

Every message shows what was expected, what was found and the way out, and lists at most
`SHOWN` examples.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar

SHOWN = 5


class CreditnetError(Exception):
    """Base of every error this project raises on purpose.

    Parameters
    ----------
    problem
        One sentence that names what is wrong.
    expected, found, way_out
        What should have been there, what was there, and what a person can do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, expected: str = "", found: str = "", way_out: str = "") -> None:
        self.problem = problem
        self.expected = expected
        self.found = found
        self.way_out = way_out
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.problem]
        parts += [
            f"  {label}: {text}"
            for label, text in (("expected", self.expected), ("found", self.found), ("way out", self.way_out))
            if text
        ]
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect moves exceptions between processes; keyword-only arguments need help to travel.
        return (_rebuilt, (type(self), self.problem, self.expected, self.found, self.way_out))


def _rebuilt(kind: type[CreditnetError], problem: str, expected: str, found: str, way_out: str) -> CreditnetError:
    return kind(problem, expected=expected, found=found, way_out=way_out)


class PortfolioError(CreditnetError):
    """A portfolio is unknown or its file has mistakes."""

    exit_code = 3


class DeliveryError(CreditnetError):
    """A delivery cannot be read: a file, table or column is missing, or its form is wrong."""

    exit_code = 4


class DeliveryRefused(CreditnetError):
    """A delivery was read, and more of it is wrong than the portfolio tolerates."""

    exit_code = 5


class NotEnoughData(CreditnetError):
    """The admitted data cannot carry a graph or a model: no firm, no relation, one class only."""

    exit_code = 6


class RefreshBusy(CreditnetError):
    """The same refresh is being run by somebody else right now."""

    exit_code = 7


class IntegrityError(CreditnetError):
    """Stored bytes are not the bytes that were recorded."""

    exit_code = 8


class SettingsError(CreditnetError):
    """An environment variable or an option has a value that cannot be used."""

    exit_code = 9


class PromotionRefused(CreditnetError):
    """A promotion, approval, rejection or rollback is not allowed as things stand."""

    exit_code = 11


def examples(values: Iterable[object], shown: int = SHOWN) -> str:
    """List the first few values and say how many more there are."""
    listed = [str(value) for value in values]
    head = ", ".join(listed[:shown]) or "nothing"
    return head if len(listed) <= shown else f"{head} and {len(listed) - shown} more"


def nearest(word: str, known: Sequence[str]) -> str:
    """Name the known word that looks most like `word`, or an empty string."""
    close = difflib.get_close_matches(word, known, n=1)
    return close[0] if close else ""


def column_diff(expected: Sequence[str], found: Sequence[str]) -> str:
    """Show which columns are missing (-) and which are unexpected (+), one a line.

    A missing column that resembles an unexpected one is shown as a probable renaming.
    """
    missing = [name for name in expected if name not in set(found)]
    extra = [name for name in found if name not in set(expected)]
    lines = []
    for name in missing:
        twin = nearest(name, extra)
        lines.append(f"- {name}" + (f"   (renamed to {twin}?)" if twin else ""))
    lines += [f"+ {name}" for name in extra]
    return "\n    " + "\n    ".join(lines)
