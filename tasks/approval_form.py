"""The two tasks of the promotion flow: show what waits for approval, and apply what a person answered."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from prefect import task
from prefect.artifacts import create_markdown_artifact

from monitoring.filters import markdown
from schemas.base import Frozen
from schemas.errors import PromotionRefused, SettingsError
from schemas.promotions import Choice, Proposal
from tasks.catalogue import open_catalogue
from tasks.notices import announce_champion
from tasks.promotion import champion_changed, decide
from tasks.settings import settings


class Answered(Frozen):
    """What came of one answer: the status of the proposal, and what to tell whoever is asked next."""

    status: str
    message: str


@task(name="show proposal", persist_result=True, result_serializer="json")
def show_proposal(portfolio: str, version: str) -> Proposal:
    """Find the open proposal of a version and show it on the page of the run.

    Raises
    ------
    PromotionRefused
        Unless there is exactly one.
    """
    chosen = settings()
    catalogue = open_catalogue(chosen.database_url)
    proposal = catalogue.promotions.open_proposal(portfolio, version)
    published = catalogue.published_refresh(proposal.refresh)
    documents = published.refresh.documents if published is not None else ()
    create_markdown_artifact(
        proposal_markdown(proposal, documents),
        key=f"{portfolio.replace('_', '-')}-proposal",
        description=f"Version {version} of {portfolio} asks to become champion",
    )
    return proposal


@task(name="apply answer", persist_result=True, result_serializer="json", task_run_name="apply answer {attempt}")
def apply_answer(proposal: Proposal, attempt: int, choice: Choice, name: str, reason: str) -> Answered:
    """Vote as the form says; an answer that is not allowed is told to whoever is asked next.

    `attempt` tells answers apart that say the same: the result of each is kept, so that a run that continues
    after a suspension does not vote again.
    """
    promotions = open_catalogue(settings().database_url).promotions
    try:
        result = decide(proposal.portfolio, proposal.version, choice, name, reason)
        message = f"{name}: {result.status}"
        changed = champion_changed(result)
        if changed is not None:
            announce_champion(changed)
    except (PromotionRefused, SettingsError) as error:
        message = f"{error.problem} {error.expected}".strip()
    # Whatever happened to this very proposal meanwhile, on the command line too, is in the catalogue.
    every = promotions.proposals(proposal.portfolio, open_only=False)
    return Answered(status=next(one.status for one in every if one.id == proposal.id), message=message)


def proposal_markdown(proposal: Proposal, documents: tuple[str, ...]) -> str:
    """Write what somebody should know who is asked for an approval; every value is made inert."""
    points = proposal.open_points or ("none: every gate could be assessed",)
    lines = [
        f"# Version {markdown(proposal.version)} of {markdown(proposal.portfolio)}, {proposal.quarter}",
        "",
        f"- asked for by {markdown(proposal.requested_by)}: {markdown(proposal.reason)}",
        f"- replaces: {markdown(proposal.replaces or 'no champion')}",
        f"- people who must still approve: {proposal.approvals_missing}; whoever asked for it cannot",
        "",
        "What no gate could assess:",
        "",
        *(f"- {markdown(point)}" for point in points),
        "",
        "Read before you decide:",
        "",
        *(f"- [{markdown(Path(path).name)}](file://{quote(path)})" for path in documents),
    ]
    return "\n".join(lines) + "\n"
