"""Promoting a challenger: proposing, approving, rejecting, rolling back; the registry follows the catalogue.

The command line and the promotion flow both come here, so that the same rules hold wherever a person decides.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from monitoring.proposals import proposal_check
from schemas.errors import PromotionRefused, examples
from schemas.people import written_name
from schemas.promotions import Choice, PromotionResult, Proposal
from schemas.references import RefreshRun
from schemas.results import GateResult
from schemas.scoring import ChampionChanged
from tasks.catalogue import Catalogue, NewProposal, open_catalogue
from tasks.contents import written_index
from tasks.lake import verify_folder
from tasks.portfolios import load_portfolio
from tasks.settings import Settings, settings
from tasks.versions import published_version


def proposal_of(run: RefreshRun, gates: Iterable[GateResult]) -> NewProposal | None:
    """Return the proposal that a refresh makes by itself, or None if its gates do not allow one."""
    check = proposal_check(gates)
    if not check.may_be_proposed:
        return None
    return NewProposal(
        requested_by=run.requested_by,
        reason=f"refresh of {run.quarter} ({run.trigger})",
        open_points=check.open_points,
    )


def portfolio_name(given: str) -> str:
    """Return the name under which a portfolio is in the catalogue, given that name or its file.

    A portfolio that has been published is known by name, wherever its file may be by now.
    """
    if _catalogue(settings()).latest_published(given) is not None:
        return given
    return load_portfolio(given).name


def proposals(portfolio: str | None, *, open_only: bool = True) -> list[Proposal]:
    """Return the proposals of one portfolio, or of all, in the order they were made."""
    return _catalogue(settings()).promotions.proposals(portfolio, open_only=open_only)


def propose(portfolio: str, version: str, name: str, reason: str) -> PromotionResult:
    """Ask for a published version to become champion, in a person's name.

    Raises
    ------
    PromotionRefused
        If there is no such version, its gates do not allow it, or it is proposed or champion already.
    IntegrityError
        If a file of it is not what was recorded.
    """
    chosen = settings()
    catalogue = _catalogue(chosen)
    published = published_version(catalogue, portfolio, version, PromotionRefused)
    check = proposal_check(published.refresh.gates)
    if not check.may_be_proposed:
        raise PromotionRefused(
            f"Version {version} of {portfolio} may not be proposed.",
            expected="every kind of gate judged, none failed, discrimination and documents passed",
            found=examples(check.obstacles),
            way_out="refresh the quarter again once the cause is gone",
        )
    verify_folder(chosen.home, published.folder, published.manifest_sha256)
    wish = NewProposal(requested_by=written_name(name), reason=reason, open_points=check.open_points)
    return followed(catalogue.promotions.propose(published.key, wish))


def decide(portfolio: str, version: str, choice: Choice, name: str, reason: str) -> PromotionResult:
    """Approve or reject the open proposal of a version, in a person's name.

    What is approved is what was published: every file is compared with its hash first.

    Raises
    ------
    PromotionRefused
        If the person may not, or nothing is open.
    IntegrityError
        If a file of it is not what was recorded.
    """
    chosen = settings()
    catalogue = _catalogue(chosen)
    proposal = catalogue.promotions.open_proposal(portfolio, version)
    if choice == "approve":
        _verify(chosen, catalogue, proposal.refresh)
    result = catalogue.promotions.vote(portfolio, version, choice, name, reason)
    return followed(result)


def roll_back(portfolio: str, name: str, reason: str) -> PromotionResult:
    """Put the champion before this one back in use, in a person's name.

    One person is enough: it leads to a version that was champion before, and never forward.

    Raises
    ------
    PromotionRefused
        If there is no earlier champion.
    IntegrityError
        If a file of the earlier champion is not what was recorded.
    """
    chosen = settings()
    catalogue = _catalogue(chosen)
    standing = catalogue.promotions.standing(portfolio)
    if len(standing) < 2:
        raise PromotionRefused(
            f"{portfolio} has no earlier champion to go back to.",
            expected="two champions that have not been retired",
            found=examples(f"version {champion.version}" for champion in standing),
            way_out="approve another version, see `creditnet proposals`",
        )
    target = standing[-2].refresh
    _verify(chosen, catalogue, target)
    return followed(catalogue.promotions.roll_back(portfolio, name, reason, to=target))


def champion_changed(result: PromotionResult) -> ChampionChanged | None:
    """Return the news that another version is in use, if that is what a decision came to."""
    if result.champion is None or result.status not in {"approved", "rolled back"}:
        return None
    return ChampionChanged(portfolio=result.portfolio, version=result.champion, decision=result.status)


def followed(result: PromotionResult) -> PromotionResult:
    """Let the registry follow; if it cannot be reached the decision stands and the next command repairs it."""
    from mlflow.exceptions import MlflowException

    from tasks.registry import sync_aliases

    written_index()
    try:
        if _catalogue(settings()).registry_lags(result.portfolio):
            sync_aliases(result.portfolio)
    except MlflowException as error:
        sys.stderr.write(f"The decision stands; the registry has yet to follow: {error.message.splitlines()[0]}\n")
        return result.model_copy(update={"registry_follows": False})
    return result.model_copy(update={"registry_follows": True})


def _catalogue(chosen: Settings) -> Catalogue:
    return open_catalogue(chosen.database_url)


def _verify(chosen: Settings, catalogue: Catalogue, key: str) -> None:
    published = catalogue.published_refresh(key)
    if published is not None and published.pruned_at is None:
        verify_folder(Path(chosen.home), published.folder, published.manifest_sha256)
