"""The commands by which people decide on champions: proposals, propose, approve, reject, rollback.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console import ByOption, JsonOption, PortfolioOption, ReasonOption, stdout_kept
from schemas.errors import CreditnetError

if TYPE_CHECKING:
    from schemas.promotions import PromotionResult, Proposal
    from schemas.scoring import ChampionChanged

_CODES = (
    "Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 portfolio unknown or with mistakes, 8 a published file or the "
    "catalogue is not what was recorded, 9 the name cannot be a person's or a setting cannot be used, 11 not allowed: "
    "no open proposal, four eyes, voted before, gates, no earlier champion, no reason."
)
VersionArgument = Annotated[str, typer.Argument(help="The version in the model registry, such as 3.")]


def add_promotion_commands(app: typer.Typer) -> None:
    """Make the commands known to the command line."""
    app.command(epilog="Example: creditnet proposals --portfolio interbank --all --json\n\n" + _CODES)(proposals)
    app.command(
        epilog="Example: creditnet propose 3 --by 'Ann Smith' --reason 'documents complete' --portfolio interbank\n\n"
        + _CODES
    )(propose)
    app.command(
        epilog="Example: creditnet approve 3 --by 'Ann Smith' --reason 'card read, gaps are known'\n\n" + _CODES
    )(approve)
    app.command(epilog="Example: creditnet reject 3 --by 'Bo Li' --reason 'too few defaults'\n\n" + _CODES)(reject)
    app.command(
        epilog="Example: creditnet rollback --portfolio interbank --by 'Ann Smith' --reason 'complaints'\n\n" + _CODES
    )(rollback)


def proposals(
    portfolio: Annotated[str | None, typer.Option(help="A portfolio's name or its file; all by default.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed proposals too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the versions that wait for approval, with what no gate could assess and who has voted."""
    with stdout_kept() as stdout:
        from tasks import promotion

        _prepared()
        name = promotion.portfolio_name(portfolio) if portfolio else None
        found = promotion.proposals(name, open_only=not every)
        if as_json:
            stdout.write(json.dumps({"proposals": [one.model_dump(mode="json") for one in found]}) + "\n")
        else:
            stdout.write("".join(_listed(one) for one in found) or "No version waits for approval.\n")


def propose(
    version: VersionArgument,
    by: ByOption,
    reason: ReasonOption,
    portfolio: PortfolioOption = "simulated",
    as_json: JsonOption = False,
) -> None:
    """Ask for a published version to become champion; its gates must allow it and another person must approve it."""
    _act(lambda promotion, name: promotion.propose(name, version, by, reason), portfolio, as_json=as_json)


def approve(
    version: VersionArgument,
    by: ByOption,
    reason: ReasonOption,
    portfolio: PortfolioOption = "simulated",
    as_json: JsonOption = False,
) -> None:
    """Approve a proposed version; with the approvals that four eyes take it is champion at once.

    Who asked for a version cannot approve it. What nobody asked for by name takes two people. Names are self-declared
    and recorded as such, with the account and process that the machine knows.
    """
    _act(lambda promotion, name: promotion.decide(name, version, "approve", by, reason), portfolio, as_json=as_json)


def reject(
    version: VersionArgument,
    by: ByOption,
    reason: ReasonOption,
    portfolio: PortfolioOption = "simulated",
    as_json: JsonOption = False,
) -> None:
    """Reject a proposed version; one person is enough, whoever asked for it included."""
    _act(lambda promotion, name: promotion.decide(name, version, "reject", by, reason), portfolio, as_json=as_json)


def rollback(
    by: ByOption,
    reason: ReasonOption,
    portfolio: PortfolioOption = "simulated",
    as_json: JsonOption = False,
) -> None:
    """Put the champion before the present one back in use; one person is enough, and it never leads forward."""
    _act(lambda promotion, name: promotion.roll_back(name, by, reason), portfolio, as_json=as_json)


def _act(step: Callable[[Any, str], PromotionResult], portfolio: str, *, as_json: bool) -> None:
    """Take a step of `tasks.promotion`, imported late, on a portfolio's name; say what came of it."""
    with stdout_kept() as stdout:
        from tasks import promotion

        _prepared()
        result = step(promotion, promotion.portfolio_name(portfolio))
        stdout.write(_told(result, as_json=as_json))
        stdout.flush()
        changed = promotion.champion_changed(result)
        if changed is not None:
            sys.stderr.write(f"{_scored(changed)}\n")
        if result.proposal is not None and result.status == "open" and not result.proposal.votes:
            sys.stderr.write(_asked_for(result.proposal))


def _asked_for(proposal: Proposal) -> str:
    """Have a server that is there ask for approvals with its form; say so if it could not."""
    import httpx

    if not os.environ.get("PREFECT_API_URL"):
        return ""
    from tasks.notices import announce_proposal

    try:
        announce_proposal(proposal)
    except httpx.HTTPError as error:
        return f"The proposal stands; Prefect shows no form for it: {error}\n"
    return ""


def _scored(changed: ChampionChanged) -> str:
    """Have the new champion score the newest quarter, by the server that is there or else here; say what came of it.

    The decision stands whatever happens to the scores.
    """
    import httpx

    from tasks.champion_scores import champion_scores

    try:
        if os.environ.get("PREFECT_API_URL"):
            from tasks.notices import announce_champion, automation_scores

            announce_champion(changed)
            if automation_scores():
                return f"The server scores {changed.portfolio} with version {changed.version}."
        found = champion_scores(changed.portfolio)
    except (CreditnetError, httpx.HTTPError) as error:
        return f"The decision stands; the champion has yet to score: {error}\nThen run `creditnet score`."
    return f"Version {found.scores.version} scored {found.scores.quarter}: {found.files[0]}"


def _prepared() -> None:
    """Prepare the home, and let Prefect, which a decision imports, find a server of it."""
    from tasks.serving import use_server
    from tasks.settings import prepare_environment, settings

    chosen = settings()
    prepare_environment(chosen)
    use_server(chosen.home)


def _told(result: PromotionResult, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(result.model_dump(mode="json")) + "\n"
    missing = f", {result.approvals_missing} more to approve it" if result.approvals_missing else ""
    return (
        f"{result.portfolio} version {result.version}: {result.status}{missing}\n"
        f"  champion     {'version ' + result.champion if result.champion else 'none'}\n"
        f"  audit head   {result.audit_head}\n"
    )


def _listed(one: Proposal) -> str:
    lines = [
        f"{one.portfolio} version {one.version}, {one.quarter}: {one.status}",
        f"  asked for    by {one.requested_by}, {one.requested_at:%Y-%m-%d %H:%M} UTC: {one.reason}",
        f"  replaces     {'version ' + one.replaces if one.replaces else 'no champion'}",
        *(f"  open point   {point}" for point in one.open_points),
        *(f"  {vote.choice:<12} {vote.name}, {vote.made_at:%Y-%m-%d %H:%M} UTC: {vote.reason}" for vote in one.votes),
    ]
    if one.status == "open":
        lines.append(f"  missing      {one.approvals_missing} approval{'s' if one.approvals_missing > 1 else ''}")
    return "\n".join(lines) + "\n"
