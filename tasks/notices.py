"""Events that tell Prefect, and through its automations people and deployments, what happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import get_client
from prefect.events import Event, RelatedResource, Resource
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from schemas.base import Frozen
from schemas.promotions import Proposal
from schemas.retraining import DriftDetected
from schemas.scoring import ChampionChanged
from tasks.catalogue import open_catalogue
from tasks.catalogue.retraining import DRIFT_EVENT
from tasks.settings import settings

PROPOSED_EVENT = "creditnet.version.proposed"
#: the automation that starts a refresh when drift is detected; made by `deployments.automations`
DRIFT_AUTOMATION = "creditnet: drift starts a refresh"
#: another version is in use: by an approval or a rollback
CHAMPION_EVENT = "creditnet.champion.changed"
#: the automation that has a new champion score; made by `deployments.automations`
SCORING_AUTOMATION = "creditnet: a new champion scores"


def announce_drift(event: DriftDetected) -> None:
    """Tell Prefect what drifted.

    An event is handed to the server itself, not to a background thread: a drift that nobody hears of must be an error.
    """
    _send(DRIFT_EVENT, event.portfolio, event, UUID(event.id))


def announce_proposal(proposal: Proposal) -> None:
    """Tell Prefect that a version waits for approval."""
    _send(PROPOSED_EVENT, proposal.portfolio, proposal, uuid4())


def announce_proposals(portfolio: str, refresh: str) -> None:
    """Tell Prefect that the version of a refresh waits for approval, if it does."""
    for proposal in open_catalogue(settings().database_url).promotions.proposals(portfolio):
        if proposal.refresh == refresh:
            announce_proposal(proposal)


def announce_champion(changed: ChampionChanged) -> None:
    """Tell Prefect that another version is in use."""
    _send(CHAMPION_EVENT, changed.portfolio, changed, uuid4())


def automation_starts_refreshes() -> bool:
    """Tell whether a server is there whose automation answers to drift."""
    return _answered_by(DRIFT_AUTOMATION)


def automation_scores() -> bool:
    """Tell whether a server is there whose automation answers to a new champion."""
    return _answered_by(SCORING_AUTOMATION)


def _answered_by(automation: str) -> bool:
    # An ephemeral server sees an event, but none of its automations ever acts.
    if not PREFECT_API_URL.value():
        return False
    with get_client(sync_client=True) as client:
        return any(one.enabled for one in client.read_automations_by_name(automation))


def _send(name: str, portfolio: str, content: Frozen, event_id: UUID) -> None:
    payload: dict[str, Any] = content.model_dump(mode="json")
    run = flow_run.id
    related = [{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}] if run else []
    event = Event(
        event=name,
        id=event_id,
        resource=Resource(
            {"prefect.resource.id": f"creditnet.portfolio.{portfolio}", "prefect.resource.name": portfolio}
        ),
        related=[RelatedResource(one) for one in related],
        payload=payload,
    )
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")]).raise_for_status()
