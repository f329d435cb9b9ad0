"""Proposals, votes and rollbacks in the catalogue.

Every method is one transaction with its lines of the audit log in it. Writing ones exclude each other, so two
promotions at once come one after the other, and the second sees what the first did.
"""

from __future__ import annotations

import datetime as dt
import os
import pwd
from collections.abc import Callable, Sequence

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from monitoring.approvals import approvals_missing
from schemas.errors import PromotionRefused, examples
from schemas.people import person, written_name
from schemas.promotions import Champion, Choice, PromotionResult, Proposal, ProposalStatus, Vote
from tasks.catalogue import audit
from tasks.catalogue.champions import champions_in_use, decisions_of
from tasks.catalogue.database import transaction
from tasks.catalogue.leases import this_process
from tasks.catalogue.records import NewProposal
from tasks.catalogue.tables import DecisionRow, ProposalRow, RefreshRow, VoteRow


class Promotions:
    """Who asked for which version to become champion, who approved it, and what stands now."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def proposals(self, portfolio: str | None = None, *, open_only: bool = True) -> list[Proposal]:
        """Return proposals in the order they were made."""
        query = select(ProposalRow).order_by(ProposalRow.id)
        if portfolio is not None:
            query = query.filter_by(portfolio=portfolio)
        if open_only:
            query = query.filter_by(status="open")
        with transaction(self._engine, writing=False) as session:
            return [_record(session, row) for row in session.scalars(query)]

    def open_proposal(self, portfolio: str, version: str) -> Proposal:
        """Return the open proposal of a version; `PromotionRefused` unless there is exactly one."""
        with transaction(self._engine, writing=False) as session:
            return _record(session, _open_row(session, portfolio, version))

    def standing(self, portfolio: str) -> list[Champion]:
        """Return the champions that have not been retired, oldest first; the last one is in use."""
        with transaction(self._engine, writing=False) as session:
            return [_champion(row) for row in champions_in_use(decisions_of(session, portfolio))]

    def propose(self, key: str, proposal: NewProposal) -> PromotionResult:
        """Ask for a published refresh's version to become champion.

        Raises
        ------
        PromotionRefused
            If it is not published or was pruned, is proposed already, is a champion that people approved, or no reason
            is given.
        """
        proposal = proposal.model_copy(update={"reason": _reason(proposal.reason)})
        with transaction(self._engine, writing=True) as session:
            refresh = _published(session, key)
            standing = champions_in_use(decisions_of(session, refresh.portfolio))
            if session.scalars(select(ProposalRow).filter_by(refresh_key=key, status="open")).first():
                raise PromotionRefused(
                    f"Version {refresh.model_version} of {refresh.portfolio} is proposed already.",
                    way_out=f"approve or reject it: creditnet approve {refresh.model_version} --by NAME --reason TEXT",
                )
            if standing and standing[-1].refresh_key == key and _was_approved(session, key):
                raise PromotionRefused(
                    f"Version {refresh.model_version} of {refresh.portfolio} is the champion already.",
                    found=f"approved by {standing[-1].made_by}",
                )
            row = self.add_proposal(session, refresh, proposal, standing[-1].model_version if standing else None)
            return self._result(session, row)

    def add_proposal(
        self, session: Session, refresh: RefreshRow, proposal: NewProposal, replaces: str | None
    ) -> ProposalRow:
        """Write a proposal and its line in the audit log within the caller's transaction."""
        row = ProposalRow(
            portfolio=refresh.portfolio,
            refresh_key=refresh.key,
            model_version=refresh.model_version,
            requested_by=proposal.requested_by,
            requested_at=self._clock(),
            reason=proposal.reason,
            replaces=replaces,
            open_points=list(proposal.open_points),
            status="open",
        )
        session.add(row)
        session.flush()
        details: dict[str, object] = {
            "proposal": row.id,
            "version": row.model_version,
            "requested_by": row.requested_by,
            "reason": row.reason,
            "replaces": replaces,
            "open_points": row.open_points,
        }
        self._log(session, row.requested_by, "proposal.made", refresh.key, details)
        return row

    def vote(self, portfolio: str, version: str, choice: Choice, name: str, reason: str) -> PromotionResult:
        """Count one person's approval or rejection of the open proposal of a version.

        The approval that completes the four eyes makes the version champion and supersedes the other open proposals:
        they were to replace a champion that is gone. One rejection ends the proposal; the version of a bootstrap,
        champion without anybody's approval, then is champion no longer.

        Raises
        ------
        SettingsError
            If the name cannot be a person's.
        PromotionRefused
            If there is not exactly one open proposal, the person asked for it (approvals only) or has voted before,
            no reason is given, the refresh is no longer there, or the champion is not the one to be replaced.
        """
        who, why = written_name(name), _reason(reason)
        with transaction(self._engine, writing=True) as session:
            row = _open_row(session, portfolio, version)
            refresh = _published(session, row.refresh_key)
            _refuse_vote(session, row, choice, who)
            session.add(
                VoteRow(
                    proposal_id=row.id, name=who, person=person(who), choice=choice, reason=why, made_at=self._clock()
                )
            )
            session.flush()
            details: dict[str, object] = {"proposal": row.id, "version": version, "choice": choice, "reason": why}
            self._log(session, who, "vote.made", row.refresh_key, details)
            if choice == "reject":
                self._reject(session, row, refresh, who, why)
            elif not _record(session, row).approvals_missing:
                self._promote(session, row, refresh)
            return self._result(session, row)

    def roll_back(self, portfolio: str, name: str, reason: str, *, to: str) -> PromotionResult:
        """Retire the champion, so that the one before it, the refresh `to`, is in use again.

        Raises
        ------
        SettingsError
            If the name cannot be a person's.
        PromotionRefused
            If there is no earlier champion, it is not `to`, its files were pruned, or no reason is given.
        """
        who, why = written_name(name), _reason(reason)
        with transaction(self._engine, writing=True) as session:
            standing = champions_in_use(decisions_of(session, portfolio))
            if len(standing) < 2 or standing[-2].refresh_key != to:
                raise PromotionRefused(
                    f"The champion of {portfolio} has changed, or there is none before it.",
                    expected=f"the refresh {to[:12]} before the champion",
                    found=f"{len(standing)} champions in use",
                    way_out="look at `creditnet proposals --all` and `creditnet audit show`, then decide again",
                )
            target = _published(session, to)
            self._retire(session, standing[-1], who, why)
            target.registry_synced = False
            self._supersede(session, portfolio, who, keep=None)
            return PromotionResult(
                portfolio=portfolio,
                version=standing[-1].model_version,
                status="rolled back",
                approvals_missing=0,
                champion=standing[-2].model_version,
                audit_head=audit.head(session.connection()),
            )

    def _promote(self, session: Session, row: ProposalRow, refresh: RefreshRow) -> None:
        approvals = [vote for vote in _votes(session, row.id) if vote.choice == "approve"]
        names = [vote.name for vote in approvals]
        session.add(
            DecisionRow(
                portfolio=row.portfolio,
                refresh_key=row.refresh_key,
                model_version=row.model_version,
                alias="champion",
                made_at=self._clock(),
                made_by=", ".join(names),
                reason="; ".join(f"{vote.name}: {vote.reason}" for vote in approvals),
            )
        )
        refresh.registry_synced = False
        self._close(session, row, "approved", names[-1])
        details: dict[str, object] = {
            "proposal": row.id,
            "version": row.model_version,
            "replaces": row.replaces,
            "requested_by": row.requested_by,
            "approved_by": names,
        }
        self._log(session, names[-1], "champion.promoted", row.refresh_key, details)
        self._supersede(session, row.portfolio, names[-1], keep=row.id)

    def _reject(self, session: Session, row: ProposalRow, refresh: RefreshRow, who: str, why: str) -> None:
        self._close(session, row, "rejected", who)
        standing = champions_in_use(decisions_of(session, row.portfolio))
        if standing and standing[-1].refresh_key == row.refresh_key:
            self._retire(session, standing[-1], who, why)
            refresh.registry_synced = False

    def _retire(self, session: Session, champion: DecisionRow, who: str, why: str) -> None:
        session.add(
            DecisionRow(
                portfolio=champion.portfolio,
                refresh_key=champion.refresh_key,
                model_version=champion.model_version,
                alias="retired",
                made_at=self._clock(),
                made_by=who,
                reason=why,
            )
        )
        details: dict[str, object] = {"version": champion.model_version, "reason": why}
        self._log(session, who, "champion.retired", champion.refresh_key, details)

    def _supersede(self, session: Session, portfolio: str, who: str, *, keep: int | None) -> None:
        others = session.scalars(select(ProposalRow).filter_by(portfolio=portfolio, status="open")).all()
        for other in others:
            if other.id != keep:
                self._close(session, other, "superseded", who)

    def _close(self, session: Session, row: ProposalRow, status: ProposalStatus, who: str) -> None:
        row.status, row.closed_at = status, self._clock()
        details: dict[str, object] = {"proposal": row.id, "version": row.model_version, "status": status}
        self._log(session, who, "proposal.closed", row.refresh_key, details)

    def _result(self, session: Session, row: ProposalRow) -> PromotionResult:
        session.flush()
        proposal = _record(session, row)
        standing = champions_in_use(decisions_of(session, row.portfolio))
        return PromotionResult(
            portfolio=row.portfolio,
            version=row.model_version,
            status=proposal.status,
            approvals_missing=proposal.approvals_missing if proposal.status == "open" else 0,
            champion=standing[-1].model_version if standing else None,
            audit_head=audit.head(session.connection()),
            proposal=proposal,
        )

    def _log(self, session: Session, actor: str, event: str, subject: str, details: dict[str, object]) -> None:
        # A name is self-declared; the process and its account are what the machine itself can say.
        told = details | {"ran_in": str(this_process()), "account": _account()}
        audit.append(session.connection(), at=self._clock(), actor=actor, event=event, subject=subject, details=told)


def _refuse_vote(session: Session, row: ProposalRow, choice: Choice, who: str) -> None:
    """Raise `PromotionRefused` if this person may not vote so on this proposal."""
    earlier = next((vote for vote in _votes(session, row.id) if vote.person == person(who)), None)
    if earlier is not None:
        raise PromotionRefused(
            f"{who} has voted on version {row.model_version} of {row.portfolio} before.",
            expected="one vote a person, however the name is spelt",
            found=f"{earlier.choice} by {earlier.name}, {earlier.made_at:%Y-%m-%d %H:%M} UTC",
            way_out="somebody else approves or rejects it",
        )
    if choice == "reject":
        return
    if person(row.requested_by) == person(who):
        raise PromotionRefused(
            f"{who} asked for version {row.model_version} of {row.portfolio} and so cannot approve it.",
            expected="an approval by somebody else (four eyes)",
            found=f"requested by {row.requested_by}",
            way_out="another person reads the model card and approves or rejects it",
        )
    standing = champions_in_use(decisions_of(session, row.portfolio))
    champion = standing[-1] if standing else None
    found = None if champion is None else champion.model_version
    if found != row.replaces and (champion is None or champion.refresh_key != row.refresh_key):
        raise PromotionRefused(
            f"The champion of {row.portfolio} is not the one that version {row.model_version} was to replace.",
            expected=f"champion {row.replaces or 'none'}",
            found=f"champion {found or 'none'}",
            way_out="reject this proposal and propose the version anew",
        )


def _open_row(session: Session, portfolio: str, version: str) -> ProposalRow:
    rows = session.scalars(select(ProposalRow).filter_by(portfolio=portfolio, status="open")).all()
    matching = [row for row in rows if row.model_version == version]
    if len(matching) == 1:
        return matching[0]
    last = session.scalars(
        select(ProposalRow).filter_by(portfolio=portfolio, model_version=version).order_by(ProposalRow.id.desc())
    ).first()
    raise PromotionRefused(
        f"Version {version} of {portfolio} is not proposed."
        if not matching
        else f"Version {version} of {portfolio} is proposed {len(matching)} times.",
        expected="exactly one open proposal",
        found=f"it was {last.status}"
        if last is not None and not matching
        else f"open: {examples(f'version {row.model_version}' for row in rows)}",
        way_out="see `creditnet proposals`; `creditnet propose VERSION --by NAME --reason TEXT` asks for a version",
    )


def _published(session: Session, key: str) -> RefreshRow:
    row = session.get(RefreshRow, key)
    if row is None or row.status != "published" or row.model_version is None or row.pruned_at is not None:
        found = "no such refresh" if row is None else "its files were pruned" if row.pruned_at else row.status
        raise PromotionRefused(
            "Only a published refresh whose files are there can be champion.",
            expected=f"the refresh {key[:12]}, published",
            found=found,
            way_out="refresh the quarter again and propose that version",
        )
    return row


def _was_approved(session: Session, key: str) -> bool:
    query = select(ProposalRow).filter_by(refresh_key=key, status="approved")
    return session.scalars(query).first() is not None


def _votes(session: Session, proposal: int) -> Sequence[VoteRow]:
    return session.scalars(select(VoteRow).filter_by(proposal_id=proposal).order_by(VoteRow.id)).all()


def _record(session: Session, row: ProposalRow) -> Proposal:
    votes = _votes(session, row.id)
    refresh = session.get_one(RefreshRow, row.refresh_key)
    approvers = [vote.name for vote in votes if vote.choice == "approve"]
    return Proposal.model_validate(
        {
            "id": row.id,
            "portfolio": row.portfolio,
            "quarter": refresh.quarter,
            "refresh": row.refresh_key,
            "version": row.model_version,
            "requested_by": row.requested_by,
            "requested_at": row.requested_at,
            "reason": row.reason,
            "replaces": row.replaces,
            "open_points": tuple(row.open_points),
            "status": row.status,
            "closed_at": row.closed_at,
            "votes": tuple(Vote.model_validate(vote, from_attributes=True) for vote in votes),
            "approvals_missing": approvals_missing(row.requested_by, approvers),
        }
    )


def _champion(row: DecisionRow) -> Champion:
    return Champion(
        version=row.model_version,
        refresh=row.refresh_key,
        made_by=row.made_by,
        made_at=row.made_at,
        reason=row.reason,
    )


def _reason(text: str) -> str:
    why = " ".join(text.split())
    if not why or not why.isprintable():
        raise PromotionRefused(
            "A decision needs a reason.",
            expected="a sentence that a validator can read",
            found=ascii(text[:80]) or "nothing",
            way_out="give it with --reason",
        )
    return why


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
