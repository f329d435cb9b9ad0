"""Reason codes: what a firm is told of why its score is unfavourable, and the words that a portfolio gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.specs import Name

#: reasons that a firm is given at most; Regulation B's commentary finds more than four seldom helpful (12 CFR 1002.9)
MOST_REASONS = 4

Code = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_.-]{0,39}$")]
Words = Annotated[str, Field(max_length=200, pattern=r"^\S(.*\S)?$")]
Level = Literal["high", "low", "missing", "level"]


class ReasonSpec(Frozen):
    """The words for one thing that a score can depend on: an own item, or something of the firms around.

    Attributes
    ----------
    feature
        A column or derived feature. With `relation` it is that item of the firms related by it.
    relation
        A relation; without `feature` everything that is heard by it and has no words of its own.
    side
        ``out`` for the targets of a directed relation alone, ``in`` for its sources alone.
    code
        After feature and relation if none is given.
    text
        What is said whatever the value; `high`, `low` and `missing` go before it, against the median of development.
    """

    feature: Name | None = None
    relation: Name | None = None
    side: Literal["out", "in"] | None = None
    code: Code | None = None
    text: Words | None = None
    high: Words | None = None
    low: Words | None = None
    missing: Words | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what the words are for: relation, side, feature."""
        return self.relation or "", self.side or "", self.feature or ""

    @model_validator(mode="after")
    def _possible(self) -> ReasonSpec:
        if not (self.feature or self.relation):
            raise ValueError("a reason names a `feature`, a `relation` or both")
        if self.side and not self.relation:
            raise ValueError(f"reason for {self.feature}: `side` is a side of a `relation`")
        if not (self.text or self.high or self.low or self.missing or self.code):
            raise ValueError(f"reason for {' '.join(filter(None, self.key))}: give it a `text`, or `high` and `low`")
        return self


class Reason(Frozen):
    """One reason of one firm.

    Attributes
    ----------
    feature
        The item or relation that it comes from, as the portfolio names it.
    network
        Whether it is of the firms around, none of which is ever named.
    contribution
        What it adds to the log-odds of an unfavourable class; above 0.
    """

    code: str
    text: str
    feature: str
    network: bool
    contribution: float


class ReasonCount(Frozen):
    """A code of the table, and how many firms with an unfavourable score have it, in any place and in the first."""

    code: str
    text: str
    feature: str
    network: bool
    firms: int
    first: int


class ReasonSummary(Frozen):
    """The reason codes of a refresh: the table of those in use, the most frequent first.

    Attributes
    ----------
    candidate
        Whose scores are explained: the chosen one.
    method
        How contributions were found, in a sentence.
    scored, unfavourable
        Firms scored, and those of them with an unfavourable class, who have reasons.
    with_network
        Firms with at least one reason from the firms around.
    """

    candidate: str
    method: str
    scored: int
    unfavourable: int
    with_network: int
    codes: tuple[ReasonCount, ...]
