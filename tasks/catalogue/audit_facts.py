"""The audit log and the catalogue's other tables tell the same story.

A log that was cut off at its end still is a chain. But what it recorded stands in the other tables too: a
publication, a decision, a proposal or a vote that the log does not know shows that rows of it are gone, and one that
only the log knows shows that a table was changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import IntegrityError, examples
from schemas.promotions import AuditEntry
from tasks.catalogue import audit
from tasks.catalogue.tables import DecisionRow, ProposalRow, RefreshRow, VoteRow

Fact = tuple[object, ...]


def refuse_contradictions(session: Session) -> int:
    """Compare the audit log with the tables and return how many facts they agree on.

    Raises
    ------
    IntegrityError
        Naming facts that only one of the two knows.
    """
    logged = Counter(fact for entry in audit.entries(session.connection()) for fact in _logged(entry))
    held = Counter(_held(session))
    if logged != held:
        raise IntegrityError(
            "The audit log and the catalogue's tables contradict each other.",
            expected=f"only the log has: {examples(map(_told, (logged - held).elements()))}",
            found=f"only the tables have: {examples(map(_told, (held - logged).elements()))}",
            way_out="what only the tables have was cut from the log or written past it, what only the log has was "
            "removed or edited in a table; restore the catalogue from a backup",
        )
    return held.total()


def _logged(entry: AuditEntry) -> Iterator[Fact]:
    subject = entry.subject
    details: dict[str, Any] = entry.details
    match entry.event:
        case "refresh.published":
            yield "refresh published", subject, details["manifest"]
            for made in details["decisions"]:
                yield "decision", subject, made["alias"], made["version"]
        case "refresh.pruned":
            yield "refresh pruned", subject
        case "proposal.made":
            yield "proposal", details["proposal"], subject, details["version"], details["requested_by"]
        case "proposal.closed":
            yield "proposal closed", details["proposal"], details["status"]
        case "vote.made":
            yield "vote", details["proposal"], entry.actor, details["choice"], details["reason"]
        case "champion.promoted":
            yield "decision", subject, "champion", details["version"]
        case "champion.retired":
            yield "decision", subject, "retired", details["version"]


def _held(session: Session) -> Iterator[Fact]:
    published = select(RefreshRow.key, RefreshRow.manifest_sha256, RefreshRow.pruned_at).filter_by(status="published")
    for key, manifest, pruned_at in session.execute(published):
        yield "refresh published", key, manifest
        if pruned_at is not None:
            yield "refresh pruned", key
    for decision in session.scalars(select(DecisionRow)):
        yield "decision", decision.refresh_key, decision.alias, decision.model_version
    for proposal in session.scalars(select(ProposalRow)):
        yield "proposal", proposal.id, proposal.refresh_key, proposal.model_version, proposal.requested_by
        if proposal.status != "open":
            yield "proposal closed", proposal.id, proposal.status
    for vote in session.scalars(select(VoteRow)):
        yield "vote", vote.proposal_id, vote.name, vote.choice, vote.reason


def _told(fact: Fact) -> str:
    return " ".join(str(part) for part in fact)
