"""Promotion of a challenger: the proposal, the votes on it, and what came of a decision."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from schemas.base import Frozen
from schemas.terms import Judgement, Quarter

Choice = Literal["approve", "reject"]
ProposalStatus = Literal["open", "approved", "rejected", "superseded"]


class GateKind(Frozen):
    """The worst verdict of the gates of one kind (discrimination, say)."""

    kind: str
    verdict: Judgement
    reason: str = ""


class ProposalCheck(Frozen):
    """Whether a challenger may be proposed as champion, and if not, why.

    `open_points` is what the gates could not assess: those who approve should know.
    """

    kinds: tuple[GateKind, ...]
    obstacles: tuple[str, ...]
    open_points: tuple[str, ...]

    @property
    def may_be_proposed(self) -> bool:
        """Tell whether nothing stands in the way."""
        return not self.obstacles


class Vote(Frozen):
    """What one person said of a proposal, and when."""

    name: str
    choice: Choice
    reason: str
    made_at: dt.datetime


class Proposal(Frozen):
    """A model version that is asked to become champion.

    `replaces` is the champion at the time of asking, `approvals_missing` counts people who have yet to approve.
    """

    id: int
    portfolio: str
    quarter: Quarter
    refresh: str
    version: str
    requested_by: str
    requested_at: dt.datetime
    reason: str
    replaces: str | None
    open_points: tuple[str, ...]
    status: ProposalStatus
    closed_at: dt.datetime | None
    votes: tuple[Vote, ...]
    approvals_missing: int


class Champion(Frozen):
    """Which version of a portfolio's model is in use, since when, and who made it so."""

    version: str
    refresh: str
    made_by: str
    made_at: dt.datetime
    reason: str


class PromotionResult(Frozen):
    """What a vote, a proposal or a rollback came to: what `creditnet approve --json` prints."""

    portfolio: str
    version: str
    status: ProposalStatus | Literal["rolled back"]
    approvals_missing: int
    champion: str | None
    audit_head: str
    proposal: Proposal | None = None
    #: False while the model registry has yet to follow; the next command repairs it
    registry_follows: bool = True


class AuditEntry(Frozen):
    """One line of the audit log."""

    sequence: int
    at: dt.datetime
    actor: str
    event: str
    subject: str
    details: dict[str, object]
    hash: str


class ExcerptRow(Frozen):
    """One line of the audit log with its fields as they are hashed.

    `hash` is the SHA-256 of the JSON list of the other fields, in this order, without spaces.
    """

    sequence: int
    at: str
    actor: str
    event: str
    subject: str
    details: str
    previous_hash: str
    hash: str


class AuditExcerpt(Frozen):
    """The lines on one subject; `chain` has the hash of every line from the first of them up to the head."""

    subject: str
    head: str
    rows: tuple[ExcerptRow, ...]
    chain: dict[int, str]


class AuditReport(Frozen):
    """What a check of the audit log covered. It exists only for a log in which nothing was found.

    `witnesses` counts the heads noted outside the log (in manifests of published refreshes, or given by hand) that
    the log still contains; `unwitnessed_rows` counts the newest rows that no such head vouches for.
    """

    rows: int
    head: str
    witnesses: int
    unwitnessed_rows: int
    facts: int
